// What must be equal everywhere and is not: the few are told apart from the many, so that a person knows
// where to look. With as many on either side nobody can say who is odd, and all are named.

import Base

/// A value that nodes should have in common.
struct Common<Value: Hashable> {
    /// The nodes with the same value, the most first, in the order of their first node.
    private(set) var parties: [(value: Value, nodes: [NodeID])] = []

    init(_ values: [(node: NodeID, value: Value)]) {
        for (node, value) in values {
            if let known = parties.firstIndex(where: { $0.value == value }) {
                parties[known].nodes.append(node)
            } else {
                parties.append((value, [node]))
            }
        }
        // The sort of the standard library is stable.
        parties.sort { $0.nodes.count > $1.nodes.count }
    }

    var isEqual: Bool { parties.count < 2 }

    /// What most have; nil where no value has most.
    var usual: Value? {
        guard let first = parties.first else { return nil }
        return parties.count > 1 && parties[1].nodes.count == first.nodes.count
            ? nil : first.value
    }
}

extension Diagnosis {
    /// Reports every node whose value is not the usual one; or all values, where none is.
    mutating func compare<Value: Hashable>(
        _ check: Check, _ severity: Severity, _ subject: String,
        _ values: [(node: NodeID, value: Value)], shown: (Value) -> String, remedy: String
    ) {
        let common = Common(values)
        guard !common.isEqual else { return }
        guard let usual = common.usual else {
            let all = common.parties.map { "\(shown($0.value)) on \(names($0.nodes))" }
            for node in values.map(\.node) {
                report(
                    check, severity, node, "\(subject): " + all.joined(separator: ", "),
                    remedy: remedy)
            }
            return
        }
        for (node, value) in values where value != usual {
            report(
                check, severity, node,
                "\(subject): \(shown(value)), while most have \(shown(usual))", remedy: remedy)
        }
    }
}

/// `node-1, node-2`.
func names(_ nodes: [NodeID]) -> String { nodes.map(\.name).joined(separator: ", ") }

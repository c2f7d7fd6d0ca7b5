// The launch gate: what the doctor finds wrong on the nodes of a group keeps that group from being launched.
// Only errors do, since only they make a launch fail or hang; what could not be found out is told, and the
// launch goes on. A person who has judged that a finding does no harm accepts it by name.

public import Ascend
public import Base

/// A finding of the doctor's that matters to a launch.
public struct GateFinding: Hashable, Sendable {
    public enum Standing: String, Hashable, Sendable, CaseIterable {
        /// Nothing is launched while it is so.
        case blocks
        /// It would, if the configuration did not accept it.
        case accepted
        /// It could not be found out.
        case unknown
    }

    public let standing: Standing
    public let check: Check
    /// nil where it is about the group as a whole.
    public let node: NodeID?
    public let dies: [DieID]
    public let evidence: String
    public let remedy: String

    public init(
        _ standing: Standing, _ check: Check, node: NodeID?, dies: [DieID] = [], evidence: String,
        remedy: String = ""
    ) {
        self.standing = standing
        self.check = check
        self.node = node
        self.dies = dies
        self.evidence = evidence
        self.remedy = remedy
    }

    /// The JSON form, part of that of `status`.
    public var json: JSONValue {
        [
            "standing": .string(standing.rawValue), "check": check.number.json,
            "node": JSONValue(node?.name), "dies": .array(dies.map(\.value.json)),
            "evidence": .string(evidence), "remedy": .string(remedy),
        ]
    }

    /// `die 5 held by process 4711 (python3)`.
    public var text: String { dies.isEmpty ? evidence : "\(dies.shown) \(evidence)" }
}

/// Findings that an operator has judged to do no harm.
public struct AcceptedFinding: Hashable, Sendable {
    public let check: Check
    /// nil for every node, and for what is found of the group as a whole.
    public let node: NodeID?
    /// nil for every die, and for the node as a whole.
    public let die: DieID?

    public init(check: Check, node: NodeID? = nil, die: DieID? = nil) {
        self.check = check
        self.node = node
        self.die = die
    }

    fileprivate func covers(_ finding: Finding, die: DieID?) -> Bool {
        check == finding.check && (node == nil || node == finding.node)
            && (self.die == nil || self.die == die)
    }
}

extension AcceptedFinding: JSONCoded {
    public var json: JSONValue {
        [
            "check": check.number.json, "node": JSONValue(node?.name),
            "die": (die?.value).json,
        ]
    }

    public init(json: JSONValue) throws(JSONMismatch) {
        guard let check = Check(rawValue: try json.read("check")) else {
            throw JSONMismatch("the number of a check", at: "check")
        }
        let node: String? = try json.read("node")
        let die: Int? = try json.read("die")
        self.init(check: check, node: node.map { NodeID($0) }, die: die.map { DieID($0) })
    }
}

extension Diagnosis {
    /// What of it matters to a launch.
    /// - Parameter accepted: what does no harm.
    /// - Returns: what blocks it first.
    public func gate(accepting accepted: [AcceptedFinding] = []) -> [GateFinding] {
        let all = findings.flatMap { finding -> [GateFinding] in
            switch finding.severity {
            case .error: return Self.judge(finding, accepted)
            case .unknown: return [GateFinding(.unknown, finding)]
            case .ok, .info, .warning: return []
            }
        }
        return GateFinding.Standing.allCases.flatMap { standing in
            all.filter { $0.standing == standing }
        }
    }

    /// Of several dies some may be accepted, and the others not.
    private static func judge(
        _ finding: Finding, _ accepted: [AcceptedFinding]
    ) -> [GateFinding] {
        guard !finding.dies.isEmpty else {
            let isAccepted = accepted.contains { $0.covers(finding, die: nil) }
            return [GateFinding(isAccepted ? .accepted : .blocks, finding)]
        }
        let spared = finding.dies.filter { die in
            accepted.contains { $0.covers(finding, die: die) }
        }
        let others = finding.dies.filter { !spared.contains($0) }
        return [(GateFinding.Standing.blocks, others), (.accepted, spared)].compactMap {
            $0.1.isEmpty ? nil : GateFinding($0.0, finding, dies: $0.1)
        }
    }
}

extension GateFinding {
    fileprivate init(_ standing: Standing, _ finding: Finding, dies: [DieID]? = nil) {
        self.init(
            standing, finding.check, node: finding.node, dies: dies ?? finding.dies,
            evidence: finding.evidence, remedy: finding.remedy)
    }
}

// Whose directory it is. A node that starts with another node's votes and log would vote twice in
// one term; a copied directory or a mistyped name must be found before the first message. So must a
// copy that comes up under the right name on another machine: it gets an id of its own.

public import Base
public import Consensus
import EventLoop

/// The owner of a state directory, kept in its file `identity` as JSON.
public struct StateIdentity: Hashable, Sendable {
    public let node: NodeID
    public let cluster: String
    /// Drawn when the directory was made: two directories are never the same, even if their
    /// owners' names are.
    public let id: String
    /// A number of the machine that drew the id; 0 where that could not be told.
    public let machine: UInt64

    /// The `id` as consensus knows it.
    public var disk: DiskID? { UInt64(id, radix: 16).map { DiskID($0) } }

    public init(node: NodeID, cluster: String, id: String, machine: UInt64 = 0) {
        self.node = node
        self.cluster = cluster
        self.id = id
        self.machine = machine
    }

    /// An identity for a new directory.
    static func new(node: NodeID, cluster: String, machine: UInt64) -> StateIdentity {
        let id = UInt64.random(in: .min ... .max).sixteenDigits
        return StateIdentity(node: node, cluster: cluster, id: id, machine: machine)
    }

    /// What the directory is on that machine; the same where there is nothing to tell machines apart by.
    func on(_ machine: UInt64) -> StateIdentity {
        guard machine != 0, self.machine != machine else { return self }
        if self.machine == 0 {
            return StateIdentity(node: node, cluster: cluster, id: id, machine: machine)
        }
        return .new(node: node, cluster: cluster, machine: machine)
    }

    var file: [UInt8] {
        let document: JSONValue = [
            "format": 1, "node": .string(node.name), "cluster": .string(cluster),
            "id": .string(id), "machine": .string(machine.sixteenDigits),
        ]
        return Array(document.sealed.pretty.utf8)
    }

    init(file bytes: [UInt8], path: String) throws(StorageError) {
        let document: JSONValue
        do {
            document = try JSONValue(parsing: bytes)
        } catch {
            throw .damaged(path: path, offset: error.offset, reason: error.reason)
        }
        guard document.isIntact else {
            throw .damaged(path: path, offset: 0, reason: "its checksum does not match")
        }
        guard document["format"]?.integerValue == 1, let node = document["node"]?.stringValue,
            let cluster = document["cluster"]?.stringValue, let id = document["id"]?.stringValue
        else {
            throw .damaged(
                path: path, offset: 0, reason: "it is not the identity of a state directory")
        }
        // An older agent's has none.
        let machine = document["machine"]?.stringValue.flatMap { UInt64($0, radix: 16) } ?? 0
        self.init(node: NodeID(node), cluster: cluster, id: id, machine: machine)
    }
}

extension UInt64 {
    fileprivate var sixteenDigits: String {
        let digits = String(self, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

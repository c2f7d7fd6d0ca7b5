// Whose directory it is. A node that starts with another node's votes and log would vote twice in
// one term; a copied directory or a mistyped name must be found before the first message.

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

    /// The `id` as consensus knows it.
    public var disk: DiskID? { UInt64(id, radix: 16).map { DiskID($0) } }

    public init(node: NodeID, cluster: String, id: String) {
        self.node = node
        self.cluster = cluster
        self.id = id
    }

    /// An identity for a new directory.
    static func new(node: NodeID, cluster: String) -> StateIdentity {
        let digits = String(UInt64.random(in: .min ... .max), radix: 16)
        let id = String(repeating: "0", count: 16 - digits.count) + digits
        return StateIdentity(node: node, cluster: cluster, id: id)
    }

    var file: [UInt8] {
        let document: JSONValue = [
            "format": 1, "node": .string(node.name), "cluster": .string(cluster),
            "id": .string(id),
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
        self.init(node: NodeID(node), cluster: cluster, id: id)
    }
}

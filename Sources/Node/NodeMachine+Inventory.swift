// What a node is, in full. Everybody has the digest by gossip; the rest goes to the leader unasked, when the
// digest has changed or another leads. So the leader can tell what a node is, or was before it fell silent,
// without asking anybody. It is long and nothing depends on it: one at a time, and not often.

import Ascend
import Base
import ClusterState
import Consensus
import Membership
import WireProtocol
import YAML

/// This node's inventory, on its way to the leader.
struct InventoryNews: Sendable {
    var own: ToldInventory?
    var digest: InventoryDigest?
    /// The leader does not have it yet.
    var isUntold = false
    /// Not before then.
    var due = Instant.zero
}

extension NodeMachine {
    /// A node with sixteen dies and a large model tells a tenth of it.
    private static let inventoryLimitBytes = 512 << 10
    static let inventoryPause = Duration.seconds(10)

    // MARK: - On every node

    /// What else is in the document changes all the time, and is no news by itself.
    mutating func inventoried(_ digest: InventoryDigest, _ document: String?) {
        driveMembership(.describe(digest.metadata))
        guard let document, digest != inventory.digest || inventory.own == nil else { return }
        let bytes = document.utf8.count
        guard bytes <= Self.inventoryLimitBytes else {
            actions.append(
                .log(
                    .warning,
                    "the inventory of this node is too long to be told the leader (\(bytes) bytes)")
            )
            return
        }
        inventory.digest = digest
        inventory.own = ToldInventory(node: configuration.local, time: wall, document: document)
        inventory.isUntold = true
    }

    /// Another leads, or the leader is heard anew.
    mutating func retellInventory() {
        inventory.isUntold = inventory.own != nil
    }

    mutating func tellInventory() {
        guard inventory.isUntold, let own = inventory.own, inventory.due <= now else { return }
        if leadership != nil {
            leadership?.inventories[own.node] = own
        } else if let leader = consensus.leader {
            send(.inventory(own), to: leader)
            inventory.due = now + Self.inventoryPause
        } else {
            return
        }
        inventory.isUntold = false
    }

    /// When there is something to tell.
    var inventoryDeadline: Instant? {
        let isToTell = inventory.isUntold && consensus.leader != nil && inventory.due > now
        return isToTell ? inventory.due : nil
    }

    // MARK: - On the leader

    /// What the leader was told of a node last, also of one that is gone.
    func toldInventory(of node: NodeID) -> PeerAnswer {
        guard let leadership else {
            let text = "\(configuration.local) does not lead any more"
            return .refused(.unavailable, text, advice: Advice.again)
        }
        guard company.everyone.contains(where: { $0.node == node }) else {
            let known = company.everyone.map(\.node.name)
            return .refused(
                .notFound, unknown("node", node.name, known: known), advice: Advice.nodes)
        }
        guard let told = leadership.inventories[node] else {
            return .refused(
                .unavailable,
                "\(node) has not told \(configuration.local), which leads, what it is",
                advice: Advice.missing)
        }
        let head: JSONValue = ["node": .string(node.name), "told": .string("\(told.time)")]
        return .document("\(head.compact.dropLast()),\"inventory\":\(told.document)}")
    }
}

// Who pings whom over the fabric. Each die pings the die of the same number on other nodes. Before a launch it
// is one node a die, so that every node and every die has its turn in a few seconds; a person who asks the
// doctor gets the mesh, node by node, as far as it goes in bounded time: the first pings are that sample.

import Ascend
import Base
import WireProtocol

/// The pings of one node.
struct FabricMesh {
    /// Of the node itself, in order.
    let dies: [DieID]
    /// The others of its super pod, with the addresses of their virtual NICs.
    let peers: [(node: NodeID, addresses: [DieID: String])]

    /// So many pings are asked of a node at most.
    static let limit = 128

    /// Each die's first ping, then each die's second, and so on.
    /// - Parameter isWhole: every die pings every peer, as far as the limit allows.
    /// - Returns: in the order in which they are made.
    func pings(isWhole: Bool) -> [PingTarget] {
        guard !peers.isEmpty, !dies.isEmpty else { return [] }
        // With more peers than dies, each round goes on where the one before has ended.
        let stride = peers.count > dies.count ? dies.count : 1
        let cycle = (peers.count + stride - 1) / stride
        var pings: [PingTarget] = []
        for round in 0..<(isWhole ? peers.count : 1) {
            for die in dies where pings.count < Self.limit {
                let peer = peers[(die.value + round * stride + round / cycle) % peers.count]
                guard let address = peer.addresses[die] else { continue }
                let ping = PingTarget(die: die.value, node: peer.node, address: address)
                if !pings.contains(ping) { pings.append(ping) }
            }
        }
        return pings
    }
}

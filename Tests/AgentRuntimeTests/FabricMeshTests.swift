// Which dies ping which nodes.

import Ascend
import Base
import Testing
import WireProtocol

@testable import AgentRuntime

@Suite struct FabricMeshTests {
    private func mesh(peers: Int) -> FabricMesh {
        let dies = (0..<16).map { DieID($0) }
        return FabricMesh(
            dies: dies,
            peers: (0..<peers).map { peer in
                let addresses = dies.map { ($0, "192.\(peer).2.\(199 - $0.value)") }
                return (NodeID("node-\(peer)"), Dictionary(uniqueKeysWithValues: addresses))
            })
    }

    @Test(arguments: [1, 2, 5, 8]) func `in a mesh every die pings every peer once`(
        peers: Int
    ) {
        let pings = mesh(peers: peers).pings(isWhole: true)
        #expect(pings.count == 16 * peers && Set(pings.map(\.text)).count == pings.count)
    }

    @Test(arguments: [9, 16, 17, 47, 100]) func `of many peers each is pinged, and not too often`(
        peers: Int
    ) {
        let pings = mesh(peers: peers).pings(isWhole: true)
        #expect(pings.count == FabricMesh.limit)
        #expect(Set(pings.map(\.text)).count == pings.count)
        #expect(Set(pings.map(\.node)).count == peers)
        #expect(Set(pings.map(\.die)).count == 16)
    }

    @Test func `before a launch each die pings one peer, and every peer is pinged`() {
        let pings = mesh(peers: 5).pings(isWhole: false)
        #expect(pings.map(\.die) == Array(0..<16) && Set(pings.map(\.node)).count == 5)
        #expect(pings == Array(mesh(peers: 5).pings(isWhole: true).prefix(16)))
        #expect(mesh(peers: 0).pings(isWhole: true).isEmpty)
    }

    @Test func `a die without an address is left out`() {
        let mesh = FabricMesh(
            dies: [DieID(0), DieID(1)], peers: [(NodeID("b"), [DieID(1): "192.1.3.198"])])
        #expect(
            mesh.pings(isWhole: true)
                == [PingTarget(die: 1, node: NodeID("b"), address: "192.1.3.198")])
    }
}

extension PingTarget {
    fileprivate var text: String { "\(die) \(node)" }
}

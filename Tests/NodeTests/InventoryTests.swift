import Ascend
import Base
import Node
import Testing
import WireProtocol

@testable import Simulation

/// What nodes are, and what they want to be known, in the status of every agent.
@Suite struct InventoryTests {
    private func digest(of index: Int, ill: [DieID] = []) -> InventoryDigest {
        InventoryDigest(
            superPodID: 0, serverIndex: index, dieCount: 16, unhealthyDies: ill, heldDies: [],
            software: "0123456789abcdef", kernel: "fedcba9876543210",
            weights: "0011223344556677", environment: "8899aabbccddeeff")
    }

    @Test func `every agent shows what every member is, without a leader too`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        #expect(try cluster.status(0).members.allSatisfy { $0.inventory == nil })
        for index in cluster.indices {
            cluster.simulation.give(.inventoried(digest(of: index)), to: index)
        }
        cluster.pass(.seconds(2))
        for index in cluster.indices {
            let told = try cluster.status(index).members.map(\.inventory)
            #expect(told == (0..<4).map { digest(of: $0) })
        }
        // Two of four hear each other, and nobody leads there.
        let (one, other) = (0, 1)
        for far in 2..<4 {
            for near in [one, other] {
                cluster.simulation.cut(from: near, to: far)
                cluster.simulation.cut(from: far, to: near)
            }
        }
        cluster.pass(.seconds(12))
        cluster.simulation.give(.inventoried(digest(of: other, ill: [DieID(5)])), to: other)
        cluster.pass(.seconds(2))
        let status = try cluster.status(one)
        #expect(!status.quorum.ok)
        #expect(status.members[other].inventory?.unhealthyDies == [DieID(5)])
        #expect(status.members[3].inventory == digest(of: 3), "what it told before")
    }

    @Test func `what a node notes stands in every status until it takes it back`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        let note = "vm.swappiness=0: /proc/sys/vm/swappiness is 60"
        cluster.simulation.give(.noted([note]), to: 2)
        cluster.pass(.seconds(5))
        for index in cluster.indices {
            let status = try cluster.status(index)
            #expect(status.notes == ["\(cluster.name(2)): \(note)"])
            #expect(status.ready)
        }
        cluster.simulation.give(.noted([]), to: 2)
        cluster.pass(.seconds(5))
        #expect(try cluster.indices.allSatisfy { try cluster.status($0).notes.isEmpty })
    }
}

import Ascend
import Base
import Testing
import WireProtocol

@testable import Node
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

    private func ask(_ cluster: inout Cluster, _ index: Int, of node: Int) throws -> String {
        let answer = try cluster.ask(index, .inventory(NodeID(cluster.name(node))))
        switch answer {
        case .document(let text), .refused(_, let text, _): return text
        case .accepted, .log, .confirmed: return ""
        }
    }

    @Test func `the leader knows what every node is without asking, whoever leads`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 5)
        cluster.settle()
        for index in cluster.indices {
            cluster.simulation.give(
                .inventoried(digest(of: index), document: "{\"n\":\(index)}"), to: index)
        }
        cluster.pass(.seconds(2))
        for asked in cluster.indices {
            #expect(try ask(&cluster, asked, of: 3).hasSuffix("\"inventory\":{\"n\":3}}"))
        }
        let leader = try #require(cluster.leader)
        cluster.simulation.crashAgent(leader)
        cluster.wait { $0.leader != nil && $0.leader != leader }
        cluster.pass(NodeMachine.inventoryPause + .seconds(2))
        let next = try #require(cluster.leader)
        for index in cluster.indices where index != leader {
            let told = try ask(&cluster, next, of: index)
            #expect(told.hasSuffix("{\"n\":\(index)}}"), "\(told)")
        }
        #expect(try ask(&cluster, next, of: leader).contains("has not told"))
    }

    @Test func `a node that is gone is known as it last was`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 5)
        cluster.settle()
        let other = cluster.follower
        cluster.simulation.give(.inventoried(digest(of: 1), document: "{\"n\":1}"), to: other)
        cluster.pass(.seconds(1))
        cluster.simulation.crashAgent(other)
        cluster.pass(.seconds(5))
        let leader = try #require(cluster.leader)
        #expect(try ask(&cluster, leader, of: other).hasSuffix("{\"n\":1}}"))
    }

    @Test func `only a changed digest is told, one at a time, and no endless document`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        let other = cluster.follower
        var told: [String] = []
        for (ill, document) in [
            ([], "{\"n\":1}"), ([], "{\"n\":2}"), ([DieID(3)], "{\"n\":3}"),
            ([DieID(4)], String(repeating: "x", count: 600 << 10)),
        ] as [([DieID], String)] {
            cluster.simulation.give(
                .inventoried(digest(of: 1, ill: ill), document: document), to: other)
            cluster.pass(.seconds(1))
            told.append(try ask(&cluster, other, of: other))
        }
        #expect(told[1].hasSuffix("{\"n\":1}}"), "the digest is the same")
        #expect(told[2].hasSuffix("{\"n\":1}}"), "not before its time")
        cluster.pass(NodeMachine.inventoryPause)
        #expect(try ask(&cluster, other, of: other).hasSuffix("{\"n\":3}}"))
        #expect(cluster.simulation.transcript.contains { $0.contains("too long to be told") })
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
        cluster.simulation.give(.noted(["another", note]), to: 3)
        cluster.pass(.seconds(5))
        for index in cluster.indices {
            let (two, three) = (cluster.name(2), cluster.name(3))
            let notes = try cluster.status(index).notes
            #expect(notes == ["\(two), \(three): \(note)", "\(three): another"])
        }
        for index in 2...3 { cluster.simulation.give(.noted([]), to: index) }
        cluster.pass(.seconds(5))
        #expect(try cluster.indices.allSatisfy { try cluster.status($0).notes.isEmpty })
    }
}

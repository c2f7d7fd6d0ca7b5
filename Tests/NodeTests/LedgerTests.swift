// What the ledger tells of a cluster's life: every fact once, and nothing while nothing happens.

import Base
import ClusterState
import Consensus
import Node
import Planning
import Testing

@testable import Simulation

@Suite struct LedgerTests {
    private func events(
        _ kind: LedgerEvent.Kind, _ cluster: Cluster, by index: Int
    ) throws -> [LedgerEvent] {
        try cluster.machine(index).state.ledger.filter { $0.kind == kind }
    }

    @Test func `leader, nodes and groups are told of once, and then there is silence`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        cluster.pass(.seconds(2))
        let leader = try #require(cluster.leader)
        let ledger = try cluster.machine(leader).state.ledger
        let elected = try events(.elected, cluster, by: leader)
        #expect(elected.last?.node?.name == cluster.name(leader))
        let term = try cluster.machine(leader).consensus.term.value
        #expect(elected.last?.text == "\(cluster.name(leader)) leads in term \(term)")
        #expect(Set(elected.map(\.text)).count == elected.count)
        #expect(try cluster.machine(leader).state.present.count == 4)
        #expect(try events(.lost, cluster, by: leader).isEmpty)
        let ready = try events(.ready, cluster, by: leader)
        #expect(
            ready.compactMap(\.group?.name).sorted() == ["decode-0", "prefill-0", "router"])
        #expect(ready.allSatisfy { $0.generation?.value == 1 })
        cluster.pass(.seconds(60))
        #expect(try cluster.machine(leader).state.ledger == ledger)
    }

    @Test func `a lost leader is followed by another, and its agent's return is told`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        cluster.pass(.seconds(2))
        let first = try #require(cluster.leader)
        let before = try cluster.machine(first).state.ledger.count
        cluster.simulation.crashAgent(first)
        cluster.pass(.seconds(10))
        cluster.simulation.startAgent(first)
        cluster.settle()
        cluster.pass(.seconds(5))
        let leader = try #require(cluster.leader)
        let new = try cluster.machine(leader).state.ledger.dropFirst(before)
        #expect(new.last { $0.kind == .elected }?.node?.name == cluster.name(leader))
        let ofFirst = new.filter { $0.node?.name == cluster.name(first) }.map(\.kind)
        #expect(ofFirst.filter { $0 != .elected } == [.lost, .joined])
        #expect(!new.contains { $0.kind == .ready || $0.kind == .launched })
    }

    @Test func `a generation that serves again is told of again`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        try cluster.killShard("decode-0", rank: 0)
        cluster.wait { (try? $0.group("decode-0", by: 0).generation) == 2 }
        cluster.settle()
        cluster.pass(.seconds(2))
        let ready = try events(.ready, cluster, by: 0).filter { $0.group?.name == "decode-0" }
        #expect(ready.compactMap(\.generation?.value) == [1, 2])
    }

    @Test func `an order is told by the leader's clock, whoever was asked`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        let (asked, leader) = (cluster.follower, try #require(cluster.leader))
        cluster.simulation.hosts[asked].clockOffset = .seconds(3600)
        #expect(try cluster.ask(asked, .propose(.restart(GroupName("decode-0")))).isAccepted)
        let told = try #require(try events(.restarted, cluster, by: leader).last?.time)
        let age = cluster.simulation.wall(of: leader) - told
        #expect(age >= .zero && age < .seconds(60), "\(age)")
    }
}

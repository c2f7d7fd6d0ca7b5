// The path between the leader and one node is broken, and others reach both: nobody dies of it, and yet the
// leader goes by nothing that it cannot hear.

import Base
import ClusterState
import Consensus
import Node
import Planning
import Supervision
import Testing
import WireProtocol

@testable import Simulation

@Suite struct UnheardTests {
    private func cut(_ cluster: inout Cluster, _ one: Int, _ other: Int) {
        cluster.simulation.cut(from: one, to: other)
        cluster.simulation.cut(from: other, to: one)
        cluster.simulation.disturbanceChanged()
    }

    /// A node with a rank that is not the leader.
    private func holder(_ cluster: Cluster) throws -> Int {
        try #require(
            cluster.processes.map { cluster.index($0.node) }.sorted().first { $0 != cluster.leader }
        )
    }

    @Test func `a leader that one node cannot reach hands over to one that hears all`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 5)
        cluster.settle()
        let (before, launches) = (cluster.processes, cluster.launches)
        let first = try #require(cluster.leader)
        let far = try holder(cluster)
        cut(&cluster, first, far)
        cluster.wait(.seconds(20)) { $0.leader != nil && $0.leader != first }
        let second = try #require(cluster.leader)
        #expect(second != far)
        cluster.pass(.seconds(15))
        let notes = try cluster.status(second).notes
        #expect(!notes.contains { $0.contains("does not reach") }, "\(notes)")
        cluster.settle()
        cluster.pass(.seconds(30))
        #expect(cluster.processes == before && cluster.launches == launches)
        cluster.settle()
    }

    @Test func `the lead goes round until a voter has it that hears all`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 5)
        cluster.settle()
        let launches = cluster.launches
        let first = try #require(cluster.leader)
        let far = try holder(cluster)
        // Only one other voter hears it; the first to be asked does not.
        let others = cluster.indices.filter { $0 != far && $0 != first }
        let turn = others.filter { $0 > first } + others.filter { $0 < first }
        for deaf in [first] + turn.dropLast() { cut(&cluster, deaf, far) }
        cluster.wait(.seconds(60)) { $0.leader == turn.last }
        cluster.settle()
        cluster.pass(.seconds(60))
        #expect(cluster.leader == turn.last)
        #expect(cluster.launches == launches, "\(cluster.story)")
    }

    @Test func `an engine that ends where no leader can hear it is replaced all the same`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 7)
        cluster.settle()
        // All voters but one hear nothing of it, and that one may not lead.
        let far = try #require(
            try cluster.nodes(of: "decode-0").first { $0 != cluster.leader }, "\(cluster.story)")
        let relay = try #require(cluster.indices.last { $0 != far && $0 != cluster.leader })
        let node = NodeID(cluster.name(relay))
        let leader = try #require(cluster.leader)
        _ = try cluster.ask(leader, .members(.demote(node)))
        cluster.pass(.seconds(5))
        for other in cluster.indices where other != far && other != relay {
            cut(&cluster, far, other)
        }
        // Each voter leads once, in vain.
        cluster.wait(.seconds(90)) { cluster in
            let notes = cluster.leader.flatMap { try? cluster.status($0).notes } ?? []
            return notes.contains { $0.contains("\(cluster.name(far)) does not reach") }
        }
        #expect(
            try cluster.machine(relay).status(
                at: cluster.simulation.now, wall: cluster.simulation.wall(of: relay)
            ).members.allSatisfy { $0.state == "alive" })

        let rank = try #require(try cluster.nodes(of: "decode-0").firstIndex(of: far))
        try cluster.killShard("decode-0", rank: rank)
        cluster.wait(.seconds(120)) { cluster in
            guard let group = try? cluster.group("decode-0", by: cluster.leader ?? 0) else {
                return false
            }
            return group.generation > 1 && group.state == "ready"
        }
        #expect(try !cluster.nodes(of: "decode-0").contains(far))
    }

    @Test func `a leader alone with its vote that was asleep takes nobody for lost`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        let leader = try #require(cluster.leader)
        for other in cluster.indices where other != leader {
            let node = NodeID(cluster.name(other))
            #expect(try cluster.ask(leader, .members(.demote(node))).isAccepted)
            cluster.wait { (try? $0.machine(leader).consensus.quorum.contains(node)) == false }
            cluster.pass(.seconds(2))
        }
        #expect(try cluster.machine(leader).consensus.quorum.voters.count == 1)
        let processes = cluster.processes
        cluster.simulation.pause(leader, for: .seconds(30))
        cluster.pass(.seconds(60))
        let lost = try cluster.machine(leader).state.ledger.filter { $0.kind == .lost }
        #expect(lost.isEmpty, "\(lost)")
        #expect(cluster.processes == processes)
    }
}

// What status says of groups that are out of sight, that hang, and that wait.

import Base
import ClusterState
import Consensus
import Diagnosis
import Node
import Supervision
import Testing

@testable import Simulation

@Suite struct StandingTests {
    private func settled(
        _ shape: Shape = .onePrefill, nodes: Int = 4, hangChance: Double? = nil
    ) throws -> Cluster {
        var cluster = try Cluster(shape, nodes: nodes) {
            if let hangChance { $0.hangChance = hangChance }
        }
        cluster.settle()
        return cluster
    }

    @Test func `all serve, and status says so`() throws {
        var cluster = try settled()
        cluster.pass(.seconds(3))
        for index in cluster.indices {
            let status = try cluster.status(index)
            #expect(status.serving == true)
            #expect(status.groups.allSatisfy { $0.standing.serving == true })
            #expect(
                status.groups.allSatisfy { !$0.standing.isStale && $0.standing.ageSeconds != nil })
        }
    }

    @Test func `an agent that is away leaves the cluster serving, though not ready`() throws {
        var cluster = try settled()
        let away = try cluster.nodes(of: "decode-0")[1]
        cluster.simulation.crashAgent(away)
        let asked = try #require(cluster.indices.first { $0 != away })
        cluster.wait { (try? $0.group("decode-0", by: asked).state) == "degraded" }
        let status = try cluster.status(asked)
        #expect(!status.ready && status.serving == true)
        #expect(try cluster.group("decode-0", by: asked).standing.serving == true)
        #expect(status.reasons.contains { $0.hasPrefix("decode-0 serves, but is degraded") })
    }

    @Test func `without a leader nobody says that an engine answers`() throws {
        var cluster = try settled()
        let last = try cluster.nodes(of: "prefill-0")[0]
        for index in cluster.indices where index != last { cluster.simulation.crashAgent(index) }
        cluster.pass(.seconds(20))
        let status = try cluster.status(last)
        let decode = try cluster.group("decode-0", by: last)
        #expect(status.serving == nil && decode.standing.serving == nil)
        #expect(decode.standing.isStale && decode.standing.ageSeconds ?? 0 >= 10)
        #expect(!decode.why.contains("the engine answers"), "\(decode.why)")
        #expect(decode.why.contains(" ago, nobody "), "\(decode.why)")
        let own = try cluster.group("prefill-0", by: last)
        #expect(own.standing.serving == true, "its rank 0 is here, and is asked by its own agent")
    }

    @Test func `an agent that comes back tells since when its engine serves`() throws {
        var cluster = try settled()
        let node = try cluster.nodes(of: "decode-0")[0]
        let before = try cluster.group("decode-0", by: node).ranks[0].since
        cluster.pass(.seconds(60))
        cluster.simulation.crashAgent(node)
        cluster.pass(.seconds(2))
        cluster.simulation.startAgent(node)
        cluster.settle()
        let after = try cluster.group("decode-0", by: node).ranks[0].since
        let earlier = try #require(before)
        let now = try #require(after)
        #expect(now - earlier < .seconds(5), "\(earlier) \(now)")
    }

    @Test func `a rank whose process is stopped is named by the end, with what it means`() throws {
        var cluster = try settled()
        let processes = cluster.processes(of: "decode-0")
        let master = try #require(processes.first { $0.shard.rank == .master })
        let other = try #require(processes.first { $0.shard.rank.value == 1 })
        cluster.simulation.wedge(cluster.index(master.node), master.shard)
        let still = StillProcess(name: "the main process", processID: 77, isStopped: true)
        let seen = SchedulerSighting(
            expected: 16, running: 16, ended: [], endedAt: nil, still: [still])
        cluster.simulation.give(
            .shard(other.shard, .schedulers(seen)), to: cluster.index(other.node))
        cluster.wait(.seconds(120)) { (try? $0.group("decode-0", by: 0).lastFailure) != nil }
        let failure = try #require(cluster.group("decode-0", by: 0).lastFailure)
        #expect(failure.rank == 1 && failure.node == other.node)
        #expect(failure.why.hasPrefix("rank 1 on \(other.node): the main process (process 77) is"))
        #expect(failure.diagnosis?.kind == "process-stopped")
        #expect(failure.diagnosis?.rank == NodeRank(1))
    }

    @Test func `what an earlier leader saw long ago is no word of the next`() throws {
        var followed = 0
        for seed in 1...8 as ClosedRange<UInt64> {
            var cluster = try Cluster(.onePrefill, nodes: 4, seed: seed)
            cluster.settle()
            cluster.pass(.seconds(3))
            let groups = ["decode-0", "prefill-0"]
            let group = try #require(
                groups.first { try cluster.nodes(of: $0)[0] != cluster.leader })
            let last = try cluster.nodes(of: group)[0]
            let others = cluster.indices.filter { $0 != last }
            for index in others { cluster.simulation.crashAgent(index) }
            cluster.pass(.seconds(12))
            try cluster.killShard(group, rank: 0)
            for index in others { cluster.simulation.startAgent(index) }
            // At the very step: the leader has told nothing yet.
            cluster.simulation.advance(upTo: .seconds(20)) {
                $0.machines[last]?.consensus.leader != nil
            }
            guard try cluster.machine(last).consensus.role != .leader else { continue }
            followed += 1
            let status = try cluster.status(last)
            #expect(!status.ready && status.serving != true, "seed \(seed)")
        }
        #expect(followed > 0)
    }

    @Test func `a leader that takes its leave does not call its own engines lost`() throws {
        var cluster = try settled()
        let leader = try #require(cluster.leader)
        cluster.pass(.seconds(3))
        cluster.simulation.give(.leave, to: leader)
        cluster.simulation.give(.tick, to: leader)
        let status = try cluster.status(leader)
        let name = cluster.name(leader)
        #expect(status.groups.contains { $0.ranks.contains { $0.node == name } })
        #expect(!status.groups.contains { $0.why.contains("\(name) is out of reach") })
        #expect(status.groups.allSatisfy { $0.state == "ready" }, "\(status.groups.map(\.why))")
    }

    @Test func `a lost scheduler and a lost node have a meaning and a remedy`() throws {
        // Nobody who is left has anything to say of the loss.
        var cluster = try settled(hangChance: 1)
        let other = try #require(
            cluster.processes(of: "prefill-0").first { $0.shard.rank.value == 1 })
        let index = cluster.index(other.node)
        let wall = cluster.simulation.wall(of: index)
        let seen = SchedulerSighting(
            expected: 16, running: 15, ended: ["TP19 (die 3)"], endedAt: EndTime(wall))
        cluster.simulation.invariants.fell(other.shard)
        cluster.simulation.give(.shard(other.shard, .schedulers(seen)), to: index)
        cluster.wait { (try? $0.group("prefill-0", by: 0).lastFailure) != nil }
        let failure = try #require(cluster.group("prefill-0", by: 0).lastFailure)
        #expect(failure.diagnosis?.kind == "scheduler-lost" && failure.rank == 1)
        cluster.settle()

        let lost = try cluster.nodes(of: "decode-0")[1]
        let asked = try #require(cluster.indices.first { $0 != lost })
        cluster.simulation.crashHost(lost)
        cluster.wait(.seconds(60)) {
            (try? $0.group("decode-0", by: asked).lastFailure?.kind) == "nodeLost"
        }
        let loss = try #require(cluster.group("decode-0", by: asked).lastFailure)
        #expect(loss.diagnosis?.kind == "node-lost")
        #expect(loss.diagnosis?.node.name == cluster.name(lost))
    }

    @Test func `the next launch after a failure is told as a time`() throws {
        var cluster = try settled()
        try cluster.killShard("decode-0", rank: 1)
        cluster.wait { (try? $0.group("decode-0", by: 0).state) == "backoff" }
        for index in cluster.indices {
            cluster.wait { (try? $0.group("decode-0", by: index).standing.nextLaunch) != nil }
            #expect(try cluster.group("decode-0", by: index).standing.serving == false)
            let reasons = try cluster.status(index).reasons
            #expect(reasons.contains { $0.hasPrefix("decode-0 is down until its next launch") })
        }
    }

    @Test func `while a lost node is waited for, the spare that takes its rank then is named`()
        throws
    {
        var cluster = try settled(nodes: 5)
        let spare = cluster.spare
        let lost = try cluster.nodes(of: "decode-0")[0]
        cluster.simulation.crashHost(lost)
        let text = " at most; then \(cluster.name(spare)) takes rank 0"
        cluster.wait { (try? $0.group("decode-0", by: spare).why.hasSuffix(text)) == true }
        cluster.wait { (try? $0.nodes(of: "decode-0")[0]) == spare }
    }

    @Test func `where nothing runs any more it is told when the spare takes over`() throws {
        var cluster = try settled(nodes: 5)
        let spare = cluster.spare
        let lost = try cluster.nodes(of: "decode-0")[1]
        cluster.simulation.crashHost(lost)
        cluster.pass(.seconds(2))
        try cluster.killShard("decode-0", rank: 0)
        let text = "which holds rank 1; \(cluster.name(spare)) takes rank 1 at "
        cluster.wait { (try? $0.group("decode-0", by: spare).why.contains(text)) == true }
    }

    @Test func `where no node can take the rank, that is told`() throws {
        var cluster = try settled()
        let lost = try cluster.nodes(of: "decode-0")[1]
        let asked = try #require(cluster.indices.first { $0 != lost })
        cluster.simulation.crashHost(lost)
        let text = "which holds rank 1; no other node can take it"
        cluster.wait { (try? $0.group("decode-0", by: asked).why.contains(text)) == true }
    }

    @Test func `a restart for the store's sake is the last restart and no failure`() throws {
        var cluster = try settled(.twoPrefills, nodes: 6)
        try cluster.killShard("prefill-0", rank: 1)
        cluster.wait(.seconds(60)) { (try? $0.group("decode-0", by: 0).generation) == 2 }
        let group = try cluster.group("decode-0", by: 0)
        #expect(group.lastFailure == nil)
        #expect(group.restartCost?.last?.kind == .dependency)
    }
}

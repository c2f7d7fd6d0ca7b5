// What the logs say reaches the agreed state: with the end of a generation, and after it.

import Base
import ClusterState
import Diagnosis
import Node
import Testing

@testable import Simulation

@Suite struct DiagnosisTests {
    /// Something that the log of a shard says now, by the clock of its node.
    private func sighting(_ kind: String, _ cluster: Cluster, on node: Int) -> Sighting {
        let wall = cluster.simulation.wall(of: node).millisecondsSinceEpoch * 1000
        return Sighting(
            kind: kind, line: "\(kind): told by a test",
            time: TimeSpan(earliest: wall, latest: wall),
            worldRank: 19, die: 3)
    }

    /// Rank 1 says something and dies.
    private func fail(_ kind: String, in cluster: inout Cluster) throws -> Int {
        let process = try #require(
            cluster.processes(of: "prefill-0").first { $0.shard.rank.value == 1 })
        let index = cluster.index(process.node)
        cluster.simulation.give(
            .sighted(process.shard, [sighting(kind, cluster, on: index)]), to: index)
        try cluster.killShard("prefill-0", rank: 1)
        return index
    }

    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func `the verdict is agreed on with the end, whoever leads`(seed: UInt64) throws {
        var cluster = try Cluster(.onePrefill, nodes: 4, seed: seed)
        cluster.settle()
        let index = try fail("npu-memory", in: &cluster)
        cluster.wait { (try? $0.group("prefill-0", by: 0).generation) == 2 }
        cluster.settle()
        for node in cluster.indices {
            let failure = try #require(cluster.group("prefill-0", by: node).lastFailure)
            let told = try #require(failure.diagnosis, "seed \(seed)")
            #expect(told.kind == "npu-memory" && told.rank == NodeRank(1), "seed \(seed)")
            #expect(told.node.name == cluster.name(index) && told.die == 3, "seed \(seed)")
        }
        let ended = try cluster.machine(0).state.ledger.filter { $0.kind == .ended }
        #expect(ended.first?.text.contains("first: rank 1 on") == true)
    }

    @Test func `what is found after the end amends the verdict, and delays nothing`() throws {
        // The other rank hangs, and its end takes seconds.
        var cluster = try Cluster(.onePrefill, nodes: 4) { $0.hangChance = 1 }
        cluster.settle()
        let process = try #require(
            cluster.processes(of: "prefill-0").first { $0.shard.rank.value == 1 })
        let index = cluster.index(process.node)
        try cluster.killShard("prefill-0", rank: 1)
        cluster.wait { (try? $0.group("prefill-0", by: 0).lastFailure) != nil }
        #expect(try cluster.group("prefill-0", by: 0).lastFailure?.diagnosis?.kind == "ended")
        let late = sighting("EI0016", cluster, on: index)
        let found = Sighting(
            kind: late.kind, line: late.line,
            time: TimeSpan(
                earliest: late.time.earliest - 2_000_000, latest: late.time.latest - 2_000_000))
        cluster.simulation.give(.sighted(process.shard, [found]), to: index)
        cluster.wait {
            (try? $0.group("prefill-0", by: 0).lastFailure?.diagnosis?.kind) == "EI0016"
        }
        let kinds = try cluster.machine(0).state.ledger.filter { $0.group?.name == "prefill-0" }
        #expect(kinds.contains { $0.kind == .diagnosed })
        cluster.settle()
    }

    @Test func `the end of a lost node has the verdict of those that are heard`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 5)
        cluster.settle()
        let lost = try cluster.nodes(of: "decode-0")[1]
        let witness = try #require(cluster.indices.first { $0 != lost })
        cluster.simulation.isolate(lost)
        cluster.pass(.seconds(7))
        try cluster.killShard("decode-0", rank: 0)
        cluster.wait { (try? $0.group("decode-0", by: witness).lastFailure) != nil }
        let failure = try #require(cluster.group("decode-0", by: witness).lastFailure)
        #expect(failure.kind == "nodeLost" && failure.node == cluster.name(lost))
        #expect(failure.why.contains("is gone; rank 0 on"), "\(failure.why)")
        #expect(failure.diagnosis?.kind == "ended" && failure.diagnosis?.rank == .master)
    }

    @Test(arguments: ["peer-closed", "npu-memory"])
    func `who only says that another went first is not blamed beside one that nobody hears`(
        kind: String
    ) throws {
        var cluster = try Cluster(.onePrefill, nodes: 5)
        cluster.settle()
        let ranks = try cluster.nodes(of: "decode-0")
        let master = try #require(
            cluster.processes(of: "decode-0").first { $0.shard.rank == .master })
        let asked = try #require(cluster.indices.first { !ranks.contains($0) })
        cluster.simulation.crashAgent(ranks[1])
        cluster.pass(.seconds(3))
        cluster.simulation.give(
            .sighted(master.shard, [sighting(kind, cluster, on: ranks[0])]), to: ranks[0])
        try cluster.killShard("decode-0", rank: 0)
        cluster.wait { (try? $0.group("decode-0", by: asked).lastFailure) != nil }
        let failure = try #require(cluster.group("decode-0", by: asked).lastFailure)
        let first = kind == "peer-closed" ? 1 : 0
        #expect(failure.rank.map { Int($0) } == first, "\(failure.why)")
        #expect(failure.node == cluster.name(ranks[first]))
        #expect(failure.diagnosis?.rank == NodeRank(first))
        #expect(failure.why.contains("rank 0 on \(cluster.name(ranks[0])) ended"))
    }

    @Test func `sightings of an older generation say nothing of the newer`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        let index = try fail("npu-memory", in: &cluster)
        cluster.wait { (try? $0.group("prefill-0", by: 0).generation) == 2 }
        cluster.settle()
        let old = ShardID(
            group: GroupName("prefill-0"), generation: Generation(1), rank: NodeRank(1))
        cluster.simulation.give(
            .sighted(old, [sighting("EI0020", cluster, on: index)]), to: index)
        try cluster.killShard("prefill-0", rank: 0)
        cluster.wait { (try? $0.group("prefill-0", by: 0).lastFailure?.generation) == 2 }
        let told = try cluster.group("prefill-0", by: 0).lastFailure?.diagnosis
        #expect(told?.kind == "ended" && told?.rank == NodeRank(0))
    }
}

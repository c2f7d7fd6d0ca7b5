// An engine that does not answer: the logs of all its ranks are read before it is given up.

import Base
import Diagnosis
import Node
import Supervision
import Testing

@testable import Simulation

@Suite struct HungShardTests {
    private func wedge(_ group: String, in cluster: inout Cluster) throws {
        let process = try #require(
            cluster.processes(of: group).first { $0.shard.rank == .master })
        cluster.simulation.wedge(cluster.index(process.node), process.shard)
    }

    private func consultations(_ cluster: Cluster, of group: String) -> [String] {
        cluster.simulation.transcript.filter { $0.contains("consults the logs of \(group).g1") }
    }

    @Test func `every node of a group that does not answer reads its logs, once, before the end`()
        throws
    {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        try wedge("decode-0", in: &cluster)
        cluster.wait { (try? $0.group("decode-0", by: 0).generation) == 2 }
        #expect(consultations(cluster, of: "decode-0").count == 2, "\(cluster.story)")
        #expect(consultations(cluster, of: "prefill-0").isEmpty)
        let story = cluster.simulation.transcript
        let consulted = try #require(
            story.lastIndex { $0.contains("consults the logs of decode-0.g1") })
        let ended = try #require(
            story.firstIndex { $0.contains("applied ended decode-0") })
        #expect(consulted < ended, "\(cluster.story)")
    }

    @Test func `schedulers that were never seen are a note while the group serves, and no failure`()
        throws
    {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        let other = try #require(
            cluster.processes(of: "decode-0").first { $0.shard.rank.value == 1 })
        let index = cluster.index(other.node)
        func see(_ running: Int) {
            let seen = SchedulerSighting(expected: 16, running: running, ended: [], endedAt: nil)
            cluster.simulation.give(.shard(other.shard, .schedulers(seen)), to: index)
        }
        func notes() throws -> [String] {
            try cluster.status(0).notes.filter { $0.contains("schedulers") }
        }
        see(3)
        cluster.pass(.seconds(5))
        #expect(try notes().isEmpty, "the watch may be late")
        cluster.pass(.seconds(10))
        let told = try notes()
        #expect(told.count == 1, "\(told)")
        let start = "\(cluster.name(index)): 3 of 16 schedulers of decode-0 are seen"
        #expect(told.first?.hasPrefix(start) == true, "\(told)")
        #expect(try cluster.status(0).ready)
        see(16)
        cluster.pass(.seconds(5))
        #expect(try notes().isEmpty)
        #expect(try cluster.group("decode-0", by: 0).generation == 1)
    }

    /// The agent of a shard finds those of its processes still.
    private func see(
        _ still: [StillProcess], of process: Cluster.Process, in cluster: inout Cluster
    ) {
        let seen = SchedulerSighting(
            expected: 16, running: 16, ended: [], endedAt: nil, still: still)
        cluster.simulation.give(
            .shard(process.shard, .schedulers(seen)), to: cluster.index(process.node))
    }

    @Test func `a stopped process is told in the row of its rank at once, by every node`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        let other = try #require(
            cluster.processes(of: "decode-0").first { $0.shard.rank.value == 1 })
        let process = StillProcess(name: "the main process", processID: 77, isStopped: true)
        func rows() throws -> [String] {
            try cluster.indices.map { index in
                let rank = try cluster.group("decode-0", by: index).ranks[1]
                return "\(rank.state) \(rank.why)"
            }
        }
        let line = "the main process (process 77) is stopped (state T)"
        see([process], of: other, in: &cluster)
        cluster.pass(.seconds(2))
        #expect(try rows() == Array(repeating: "ready \(line)", count: 4), "rank 0 answers still")
        try wedge("decode-0", in: &cluster)
        cluster.wait { (try? $0.group("decode-0", by: 0).state) == "degraded" }
        cluster.pass(.seconds(1))
        #expect(try rows() == Array(repeating: "unresponsive \(line)", count: 4))
        let why = try cluster.group("decode-0", by: 0).why
        #expect(why.hasPrefix("rank 1 on \(other.node): \(line); rank 0 on "), "\(why)")
    }

    @Test func `a rank 0 that is stopped is told before its question has run out`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        let master = try #require(
            cluster.processes(of: "decode-0").first { $0.shard.rank == .master })
        let process = StillProcess(name: "the main process", processID: 77, isStopped: true)
        let line = "the main process (process 77) is stopped (state T)"
        see([process], of: master, in: &cluster)
        cluster.pass(.milliseconds(500))
        for index in cluster.indices {
            let group = try cluster.group("decode-0", by: index)
            #expect(group.state == "degraded" && group.standing.serving == false)
            #expect(group.why == "rank 0 on \(master.node): \(line)")
            #expect(group.ranks[0].why == line)
        }
        see([], of: master, in: &cluster)
        cluster.settle()
        #expect(try cluster.group("decode-0", by: 0).generation == 1)
    }

    @Test func `a process that moves again is told no more`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        let other = try #require(
            cluster.processes(of: "decode-0").first { $0.shard.rank.value == 1 })
        let process = StillProcess(name: "TP3", processID: 78, isStopped: true)
        for still in [[process], []] {
            see(still, of: other, in: &cluster)
            cluster.pass(.seconds(2))
            let told = try cluster.group("decode-0", by: 0).ranks[1].why
            #expect(told.isEmpty == still.isEmpty, "\(told)")
        }
    }

    @Test func `what the logs say then is in the verdict`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        try wedge("decode-0", in: &cluster)
        cluster.wait { !self.consultations($0, of: "decode-0").isEmpty }
        let other = try #require(
            cluster.processes(of: "decode-0").first { $0.shard.rank.value == 1 })
        let index = cluster.index(other.node)
        let wall = cluster.simulation.wall(of: index).millisecondsSinceEpoch * 1000
        let found = Sighting(
            kind: "EI0016", line: "EI0016: told by CANN",
            time: TimeSpan(earliest: wall, latest: wall))
        cluster.simulation.give(.sighted(other.shard, [found]), to: index)
        cluster.wait { (try? $0.group("decode-0", by: 0).lastFailure) != nil }
        let failure = try #require(cluster.group("decode-0", by: 0).lastFailure)
        #expect(failure.kind == "failure" && failure.diagnosis?.kind == "EI0016")
        #expect(failure.diagnosis?.rank == NodeRank(1))
    }
}

// A scheduler that is lost while its main process goes on.

import Base
import Supervision
import Testing

@Suite struct SchedulerTests {
    private static func sighting(
        running: Int, ended: [String] = [], at time: Int64? = nil
    ) -> SchedulerSighting {
        SchedulerSighting(
            expected: 16, running: running, ended: ended,
            endedAt: time.map { EndTime(microsecondsSinceEpoch: $0) })
    }

    @Test(arguments: [3, 15, 16])
    func `schedulers that come up change nothing`(running: Int) {
        var shard = ShardDriver.loading(rank: 1)
        shard.take(.schedulers(Self.sighting(running: running)))
        #expect(shard.state == .loading && shard.actions.isEmpty)
    }

    @Test(arguments: [
        (15, ["TP19 (die 3)"], "has lost scheduler TP19 (die 3); 15 of 16 run"),
        (14, ["PP1 TP0", "PP1 TP1"], "has lost schedulers PP1 TP0, PP1 TP1; 14 of 16 run"),
        (11, ["a", "b", "c", "d", "e"], "has lost schedulers a, b, c and 2 more; 11 of 16 run"),
        // Killed while it loaded, before all had come up.
        (4, ["TP2 (die 2)"], "has lost scheduler TP2 (die 2); 4 of 16 run"),
    ])
    func `one that has ended is told by name, whatever the main process does`(
        running: Int, ended: [String], why: String
    ) {
        for rank in [0, 1] {
            var shard = ShardDriver.loading(rank: rank)
            shard.take(.schedulers(Self.sighting(running: running, ended: ended, at: 7)))
            #expect(shard.state == .unresponsive && shard.report.why == why)
            #expect(shard.report.endedAt == EndTime(microsecondsSinceEpoch: 7))
            #expect(shard.report.processID == 4711, "it runs")
        }
    }

    @Test func `a rank 0 that goes on to answer does not take it back`() {
        var shard = ShardDriver.ready()
        shard.wait(.seconds(5))
        #expect(shard.wanted == [.probe(.liveness)])
        shard.take(.schedulers(Self.sighting(running: 15, ended: ["TP3"], at: 7)))
        let report = shard.report
        shard.take(.probed(.answers), .schedulers(Self.sighting(running: 16)), .tick)
        #expect(shard.report == report)
        #expect(shard.machine.nextDeadline == nil, "nothing is asked any more")
    }

    @Test func `the end of the main process after it keeps the first cause and the first time`() {
        var shard = ShardDriver.ready()
        shard.take(.schedulers(Self.sighting(running: 15, ended: ["TP3"], at: 7)))
        let end = EndTime(microsecondsSinceEpoch: 9)
        shard.take(.exited(.signal(9), at: end, logTail: ["last"]))
        #expect(shard.state == .exited && shard.report.logTail == ["last"])
        #expect(
            shard.report.why
                == "killed by signal 9, after it has lost scheduler TP3; 15 of 16 run")
        #expect(shard.report.endedAt == EndTime(microsecondsSinceEpoch: 7))
    }

    @Test func `schedulers that end while the shard is told to stop are no failure`() {
        var shard = ShardDriver.ready()
        shard.take(.end, .schedulers(Self.sighting(running: 3, ended: ["TP3"], at: 7)))
        #expect(shard.state == .stopping)
        shard.take(.stopped(.signal(9)))
        #expect(shard.state == .stopped)
    }

    @Test func `the generation ends, and names the rank that lost it`() {
        var group = GroupDriver.serving()
        let why = "has lost scheduler TP19 (die 3); 15 of 16 run"
        group.set(1, .unresponsive, why: why, endedAfterMicroseconds: 100)
        #expect(group.decide().end == nil, "others may have fallen before it")
        let decision = group.decide(after: GroupDriver.policy.collectWindow)
        #expect(decision.end?.kind == .failure && decision.end?.rank == NodeRank(1))
        #expect(decision.end?.why == "rank 1 on node-2 \(why)")
    }

    @Test func `a rank that ended because another lost a scheduler is not the one that is named`() {
        var group = GroupDriver.serving(ranks: 3)
        group.set(2, .exited, why: "killed by signal 9", endedAfterMicroseconds: 900)
        group.set(
            1, .unresponsive, why: "has lost scheduler TP19", endedAfterMicroseconds: 100)
        _ = group.decide()
        let decision = group.decide(after: GroupDriver.policy.collectWindow)
        #expect(decision.end?.rank == NodeRank(1))
        #expect(decision.end?.why.contains("has lost scheduler TP19") == true)
    }
}

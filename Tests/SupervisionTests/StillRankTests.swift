// Rank 0 does not answer because a process of some rank cannot move: that rank is named.

import Base
import Diagnosis
import Supervision
import Testing

@Suite struct StillRankTests {
    private static let stopped = Sighting(
        kind: FailureKind.stopped.id, line: "the main process (process 77) is stopped (state T)",
        time: TimeSpan(earliest: 0, latest: 1))
    private static let stuck = Sighting(
        kind: FailureKind.inKernel.id, line: "scheduler TP3 (process 9) is stuck in the kernel",
        time: TimeSpan(earliest: 0, latest: 1))

    /// Rank 0 says something of itself, and rank 1 of its processes.
    private func group(
        _ state: ShardState, _ why: String, _ still: Sighting?, ofMaster: Sighting? = nil
    ) -> GroupDriver {
        var group = GroupDriver.serving()
        group.view.ranks[0] = GroupDriver.rank(0, state, why: why, still: ofMaster)
        group.view.ranks[1] = GroupDriver.rank(1, .loading, logTail: ["last"], still: still)
        return group
    }

    @Test func `the end is laid to the rank that cannot move, and not to the one that was asked`() {
        var group = group(.unresponsive, "has not answered for 60 s: timed out", Self.stopped)
        let end = group.decide().end
        #expect(end?.kind == .failure && end?.rank == NodeRank(1) && end?.node?.name == "node-2")
        #expect(
            end?.why == "rank 1 on node-2: the main process (process 77) is stopped (state T); "
                + "rank 0 on node-1 has not answered for 60 s: timed out")
        #expect(end?.logTail == ["last"])
    }

    @Test func `it is told as soon as rank 0 does not answer, and not before`() {
        var group = group(.ready, "has not answered for 25 s: timed out", Self.stopped)
        let doubted = group.decide()
        #expect(doubted.condition == .degraded && !doubted.serves)
        #expect(
            doubted.why
                == "rank 1 on node-2: \(Self.stopped.line); rank 0 on node-1 has not answered for 25 s: "
                + "timed out")
        group.view.ranks[0] = GroupDriver.rank(0, .ready)
        #expect(group.decide().condition == .ready)
    }

    @Test func `one that is stopped explains one that hangs in the kernel`() {
        var group = group(
            .unresponsive, "has not answered", Self.stopped, ofMaster: Self.stuck)
        #expect(group.decide().end?.rank == NodeRank(1))
    }

    @Test func `rank 0 itself is named where it is the one`() {
        var group = group(.unresponsive, "has not answered", nil, ofMaster: Self.stuck)
        let end = group.decide().end
        #expect(end?.rank == .master && end?.why.contains(Self.stuck.line) == true)
    }

    @Test func `a load that stands still is laid to the rank that cannot move`() {
        var group = GroupDriver(.running)
        let far = LoadingProgress(phase: .memory, moves: 40)
        group.view.ranks[0] = GroupDriver.rank(
            0, .loading, progress: LoadingProgress(phase: .weights, moves: 3))
        group.view.ranks[1] = GroupDriver.rank(1, .loading, progress: far, still: Self.stopped)
        _ = group.decide()
        let end = group.decide(after: GroupDriver.policy.loadStall).end
        #expect(end?.rank == NodeRank(1))
        #expect(end?.why.hasPrefix("rank 1 on node-2: the main process") == true)
    }

    @Test func `several processes are told in one line, those that are stopped alone`() throws {
        let names = ["TP0", "TP1", "TP2", "TP3"]
        let some = names.enumerated().map { index, name in
            StillProcess(name: name, processID: Int32(index), isStopped: true)
        }
        let hangs = StillProcess(name: "TP9", processID: 9, isStopped: false)
        let told = try #require((some + [hangs]).told)
        #expect(told.kind == .stopped)
        #expect(
            told.line == "TP0 (process 0), TP1 (process 1), TP2 (process 2) and 1 more are stopped "
                + "(state T)")
        #expect([hangs].told?.kind == .inKernel)
        #expect([StillProcess]().told == nil)
    }
}

@Suite struct AnswerTextTests {
    @Test func `how long there was no answer is told anew while the next is out`() {
        var shard = ShardDriver.ready()
        shard.wait(ShardDriver.policy.livenessInterval)
        shard.wait(.seconds(25))
        shard.take(.probed(.failing("timed out")))
        shard.wait(ShardDriver.policy.readinessInterval)
        var told: Set<String> = []
        for _ in 0..<4 where shard.waitForDeadline() { told.insert(shard.report.why) }
        #expect(told.contains("has not answered for 31 s: timed out"), "\(told)")
        #expect(told.count == 4 && shard.state == .ready)
    }

    @Test func `an engine that answers with an error is not said to be silent`() {
        var shard = ShardDriver.ready()
        shard.wait(ShardDriver.policy.livenessInterval)
        shard.take(.probed(.starting("HTTP 503 no worker")))
        #expect(shard.report.why == "answers with errors for 0 s: HTTP 503 no worker")
    }
}

@Suite struct LaunchTextTests {
    @Test func `a backoff tells when the launch is due`() throws {
        let cause = EndCause(.failure, why: "rank 1 on node-2 ended: exit code 1")
        var group = GroupDriver(.ended(cause), failures: 1)
        for index in 0...1 { group.set(index, nil) }
        let decision = group.decide()
        #expect(decision.condition == .backoff)
        let due = try #require(decision.launchAt)
        #expect(due > group.now && due <= group.now + GroupDriver.policy.backoff.initial)
        #expect(group.decide(after: due - group.now).isLaunch)
    }

    @Test func `what befell another is told as no failure of the group`() {
        let cause = EndCause(endOf: GroupName("prefill-0"), why: "shares the transfer store")
        var group = GroupDriver(.ended(cause), failures: 1)
        let decision = group.decide()
        #expect(decision.why == "failure 1 of 5 before; ended since: shares the transfer store")
    }

    @Test func `while a node is away, an engine that does not answer is not said to`() {
        var group = GroupDriver.serving()
        group.lose(1)
        #expect(group.decide().why == "the agent of node-2 is out of reach; the engine answers")
        group.set(0, .ready, why: "has not answered for 25 s: timed out")
        let decision = group.decide()
        #expect(!decision.serves && decision.condition == .degraded && decision.end == nil)
        #expect(
            decision.why
                == "the agent of node-2 is out of reach; rank 0 has not answered for 25 s: timed out"
        )
    }

    @Test func `who takes the rank of a lost node is told`() {
        var group = GroupDriver(.ended(EndCause(.nodeLost, why: "node-2 is gone")))
        group.lose(1)
        group.view.takeover = "node-5 takes rank 1 next"
        #expect(
            group.decide().why
                == "for node-2, which holds rank 1; node-5 takes rank 1 next after: node-2 is gone")
    }

    @Test func `a leader that has not heard of rank 0 does not say that the group is down`() {
        var group = GroupDriver.serving()
        group.set(0, nil, hasReported: false)
        let decision = group.decide()
        #expect(decision.condition == .waiting && decision.mayServe && !decision.serves)
    }
}

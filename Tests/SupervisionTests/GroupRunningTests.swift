// What a leader makes of a generation that runs: when it is left alone, and when it ends.

import Base
import Supervision
import Testing

@Suite struct GroupRunningTests {
    @Test func `an engine that does not answer is shown long before it is given up`() {
        var group = GroupDriver.serving(failures: 1)
        group.set(0, .ready, why: "has not answered for 25 s: timed out")
        let decision = group.decide(after: .seconds(3600))
        #expect(decision.condition == .degraded && decision.proposal == nil)
        #expect(decision.why == "rank 0 on node-1 has not answered for 25 s: timed out")
    }

    /// One row of the decision table: the states of the two ranks and what follows.
    @Test(
        arguments: [
            (nil, nil, .starting, ""),
            (.waiting, .loading, .starting, ""),
            (.starting, .starting, .starting, ""),
            (.loading, .loading, .starting, ""),
            (.loading, .waiting, .starting, ""),
            (.ready, .loading, .ready, ""),
            (.ready, nil, .ready, ""),
            (.unresponsive, .loading, .stopping, "node-1"),
            (.ready, .exited, .stopping, ""),
            (.exited, .exited, .stopping, "node-1"),
            (.stopped, .stopped, .stopping, "node-1"),
        ] as [(ShardState?, ShardState?, GroupCondition, String)])
    func `the states of the ranks decide`(
        first: ShardState?, second: ShardState?, condition: GroupCondition, blamed: String
    ) {
        var group = GroupDriver(.running)
        group.set(0, first)
        group.set(1, second)
        let decision = group.decide()
        #expect(decision.condition == condition)
        #expect((decision.end?.node?.name ?? "") == blamed)
        #expect(!decision.isLaunch && !decision.probesMaster)
    }

    @Test func `a rank that waits is named while the group starts`() {
        var group = GroupDriver(.running)
        group.set(0, .loading, why: "loading weights")
        #expect(group.decide().why == "loading weights")
        group.set(1, .waiting, why: "port 8000 is held")
        #expect(group.decide().why == "rank 1 on node-2 waits: port 8000 is held")
    }

    @Test func `what the operator does not want ends`() {
        var group = GroupDriver.serving(failures: 4)
        group.view.isWanted = false
        let decision = group.decide()
        #expect(decision.end?.kind == .byOperator && !decision.isTerminal)
    }

    @Test(arguments: [true, false])
    func `a launch that differs from the plan ends, also when its group has left the plan`(
        isWanted: Bool
    ) {
        var group = GroupDriver.serving()
        group.view.launchDiffers = true
        group.view.isWanted = isWanted
        #expect(group.decide().end?.kind == .planChanged)
    }

    @Test func `the earliest failing rank is named, though it is heard of last`() {
        var group = GroupDriver.serving(ranks: 4)
        group.set(3, .exited, after: .milliseconds(1250), why: "exit code 1")
        #expect(group.decide().proposal == nil)
        #expect(group.nextDeadline == group.now + GroupDriver.policy.collectWindow)
        group.set(2, .exited, after: .milliseconds(1000), why: "killed by signal 9", logTail: ["x"])
        #expect(group.decide(after: .milliseconds(200)).proposal == nil)
        let cause = group.decide(after: .milliseconds(100)).end
        #expect(
            cause
                == EndCause(
                    .failure, why: "rank 2 on node-3 ended: killed by signal 9",
                    node: NodeID("node-3"), rank: NodeRank(2), logTail: ["x"]))
    }

    /// Each rank: when its agent told of the end, and when its process had ended.
    @Test(
        arguments: [
            ([(0, 900), (5, 200)], 1), ([(5, 200), (0, 900)], 0), ([(0, 200), (0, 200)], 0),
            // Nobody saw the second end: it ended before it was found so.
            ([(0, 900), (1, nil)], 0), ([(2, 1900), (1, nil)], 1),
        ] as [([(Int, Int64?)], Int)])
    func `the rank is named whose process ended first, whoever told of it first`(
        ranks: [(told: Int, endedMicroseconds: Int64?)], named: Int
    ) {
        var group = GroupDriver.serving()
        for (index, rank) in ranks.enumerated() {
            group.set(
                index, .exited, after: .milliseconds(rank.told),
                endedAfterMicroseconds: rank.endedMicroseconds)
        }
        #expect(group.decide().end?.rank == NodeRank(named))
    }

    @Test func `who fell first is told by one clock, however those of the nodes differ`() {
        var group = GroupDriver.serving()
        group.set(
            0, .exited, after: .milliseconds(5), endedAfterMicroseconds: 200_000)
        group.set(
            1, .exited, after: .milliseconds(5), endedAfterMicroseconds: 30_000_000,
            clockAhead: .seconds(30))
        #expect(group.decide().end?.rank == NodeRank(1))
    }

    @Test func `of ranks that fell together the lowest is named`() {
        var group = GroupDriver.serving(ranks: 3)
        group.set(2, .exited)
        group.set(1, .exited)
        _ = group.decide()
        #expect(group.decide(after: .seconds(1)).end?.rank == NodeRank(1))
    }

    @Test func `once every rank has ended there is nothing to wait for`() {
        var group = GroupDriver.serving()
        group.set(0, .exited, after: .seconds(2))
        group.set(1, .exited, after: .seconds(1))
        #expect(group.decide().end?.rank == NodeRank(1))
    }

    @Test func `a rank that ended after a node fell silent is laid to the node, and both are told`()
    {
        var group = GroupDriver.serving()
        group.set(0, .exited, why: "exit code 1")
        group.lose(1)
        let cause = group.decide().end
        #expect(cause?.kind == .nodeLost && cause?.node == NodeID("node-2"))
        #expect(
            cause?.why == "node-2, which held rank 1, is gone; rank 0 on node-1 ended: exit code 1")
    }

    @Test func `an engine that hangs after a node fell silent is laid to the node`() {
        var group = GroupDriver.serving()
        group.lose(1)
        _ = group.decide()
        group.set(0, .unresponsive, why: "has not answered")
        #expect(group.decide(after: GroupDriver.policy.unresponsiveAfter).end?.kind == .nodeLost)
    }

    /// Rank 0 has fallen, or hangs, while the agent of rank 1 has been gone so long, and its host answers
    /// or does not.
    @Test(arguments: [ShardState.exited, .unresponsive], [(1, true), (3600, true), (3600, false)])
    func `a rank that fails by itself is blamed, though another's agent is gone`(
        state: ShardState, absence: (seconds: Int64, hostAnswers: Bool)
    ) {
        var group = GroupDriver.serving()
        group.lose(1)
        _ = group.decide()
        _ = group.decide(after: .seconds(absence.seconds))
        if absence.hostAnswers { group.hostAnswers(1) }
        group.set(0, state, why: "out of memory", logTail: ["last words"])
        let cause = group.decide().end
        #expect(cause?.kind == .failure && cause?.rank == .master, "\(cause?.why ?? "")")
        #expect(cause?.logTail == ["last words"])
        let more = "the agent of node-2 (rank 1) is out of reach for \(absence.seconds) s"
        #expect(cause?.why.hasSuffix(more) == true, "\(cause?.why ?? "")")
    }

    @Test(arguments: [(3, false), (4, true), (5, true)])
    func `the budget decides whether a failure is the last`(failures: Int, isTerminal: Bool) {
        var group = GroupDriver(.running, ranks: 1, failures: failures)
        group.set(0, .exited)
        let decision = group.decide()
        #expect(decision.end?.kind == .failure && decision.isTerminal == isTerminal)
    }

    @Test func `a lost node is never the last failure`() {
        var group = GroupDriver(.running, ranks: 2, failures: 4)
        group.set(0, .exited)
        group.lose(1)
        #expect(group.decide().end?.isFailure == false)
        #expect(!group.decide().isTerminal)
    }
}

@Suite struct GroupSettleTests {
    @Test func `a generation that served long enough is forgiven its failures`() {
        var group = GroupDriver.serving(failures: 2)
        let settles = group.now + GroupDriver.policy.settleAfter
        #expect(group.nextDeadline == settles)
        #expect(group.decide(after: .seconds(299)).proposal == nil)
        #expect(group.decide(after: .seconds(1)).proposal == .settle)
    }

    @Test func `without failures there is nothing to forgive, and no deadline`() {
        var group = GroupDriver.serving()
        #expect(group.decide(after: .seconds(3600)).proposal == nil)
        #expect(group.nextDeadline == nil)
    }

    @Test func `the count begins anew when it stopped serving`() {
        var group = GroupDriver.serving(failures: 1)
        group.set(0, .loading)
        _ = group.decide(after: .seconds(200))
        group.set(0, .ready)
        _ = group.decide(after: .seconds(1))
        #expect(group.decide(after: .seconds(200)).proposal == nil)
        #expect(group.decide(after: .seconds(100)).proposal == .settle)
    }
}

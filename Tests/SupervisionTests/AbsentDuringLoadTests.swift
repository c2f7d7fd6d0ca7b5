// A node that is out of sight while the engine loads: half an hour is at stake, and a loading engine
// answers nobody.

import Base
import Diagnosis
import Supervision
import Testing

@Suite struct AbsentDuringLoadTests {
    private let policy = GroupDriver.policy

    private static func weights(_ moves: Int) -> LoadingProgress {
        LoadingProgress(
            phase: .weights, steps: LoadingProgress.Steps(done: min(moves, 29), total: 29),
            moves: moves)
    }

    /// Two ranks that load, the second of which was out of sight a moment ago.
    private func absent(
        _ index: Int = 1, hostAnswers: Bool, progress: LoadingProgress? = weights(0)
    ) -> GroupDriver {
        var group = GroupDriver(.running)
        for rank in 0..<2 { group.set(rank, .loading, progress: progress) }
        _ = group.decide()
        group.lose(index, hostAnswers: hostAnswers)
        _ = group.decide()
        return group
    }

    @Test(arguments: [0, 1])
    func `an agent that is restarted slowly costs no load, whichever rank it looks after`(
        index: Int
    ) {
        var group = absent(index, hostAnswers: true)
        for second in 1...300 {
            group.hostAnswers(index)
            if second % 60 == 0 {
                group.set(1 - index, .loading, progress: Self.weights(second / 60))
            }
            let decision = group.decide(after: .seconds(1))
            #expect(decision.condition == .degraded && decision.proposal == nil, "\(second) s")
        }
        group.set(index, .loading, progress: Self.weights(9))
        #expect(group.decide().condition == .starting)
    }

    @Test func `what is waited for is told, and until when`() {
        var group = absent(hostAnswers: true)
        let decision = group.decide()
        #expect(
            decision.why == "the agent of node-2 is gone, its host answers; the load is waited for "
                + "while it moves")
        #expect(decision.until == group.now + policy.loadStall)
        group = absent(hostAnswers: false)
        #expect(group.decide().why.hasPrefix("node-2 says nothing while the engine loads"))
        #expect(group.decide().until == group.now + policy.unresponsiveAfter)
    }

    @Test func `a node that says nothing has as long as an engine that says nothing`() {
        var group = absent(hostAnswers: false)
        group.set(0, .loading, progress: Self.weights(1))
        #expect(group.decide(after: policy.unresponsiveAfter - .seconds(1)).proposal == nil)
        group.set(0, .loading, progress: Self.weights(2))
        let cause = group.decide(after: .seconds(1)).end
        #expect(cause?.kind == .nodeLost && cause?.node == NodeID("node-2"))
    }

    @Test func `a host that falls silent later is waited for from then on`() {
        var group = absent(hostAnswers: true)
        for _ in 0..<100 {
            group.hostAnswers(1)
            #expect(group.decide(after: .seconds(1)).proposal == nil)
        }
        group.hostAnswers(1)
        #expect(group.decide(after: policy.unresponsiveAfter - .seconds(1)).proposal == nil)
        #expect(group.decide(after: .seconds(1)).end?.kind == .nodeLost)
    }

    @Test func `a load without the agent that stands still is not waited for any longer`() {
        var group = absent(hostAnswers: true)
        let lost = group.now
        while group.now - lost < policy.loadStall - .seconds(1) {
            group.hostAnswers(1)
            #expect(group.decide(after: .seconds(1)).proposal == nil)
        }
        group.hostAnswers(1)
        let cause = group.decide(after: .seconds(1)).end
        #expect(
            cause?.why == "node-2, which held rank 1, is gone and no rank has moved for 600 s")
    }

    /// An engine whose log tells nothing, and one whose warm-up limits itself.
    @Test(arguments: [nil, LoadingProgress(phase: .warmup, moves: 90)])
    func `where silence says nothing, the load limit ends the wait`(progress: LoadingProgress?) {
        var group = absent(hostAnswers: true, progress: progress)
        let lost = group.now
        #expect(group.decide().until == lost + policy.loadLimit)
        while group.now - lost < policy.loadLimit - .seconds(2) {
            group.hostAnswers(1)
            #expect(group.decide(after: .seconds(2)).proposal == nil)
        }
        group.hostAnswers(1)
        #expect(group.decide(after: .seconds(2)).end?.kind == .nodeLost)
    }

    @Test func `a load that moves without the agent is not waited for beyond the load limit`() {
        var group = absent(hostAnswers: true)
        let lost = group.now
        var moves = 0
        while group.decide(after: .seconds(4)).end == nil, group.now - lost < .seconds(4000) {
            moves += 1
            group.hostAnswers(1)
            group.set(0, .loading, progress: Self.weights(moves))
        }
        #expect(group.now - lost == policy.loadLimit)
    }

    @Test func `of two that are gone, the silent one decides`() {
        var group = GroupDriver(.running, ranks: 3)
        for rank in 0..<3 { group.set(rank, .loading, progress: Self.weights(0)) }
        _ = group.decide()
        group.lose(1, hostAnswers: true)
        group.lose(2)
        _ = group.decide()
        _ = group.decide(after: policy.unresponsiveAfter - .seconds(1))
        group.hostAnswers(1)
        #expect(group.decide(after: .seconds(1)).end?.node == NodeID("node-3"))
    }
}

// A load that stands still, and one that is only long.

import Base
import Diagnosis
import Supervision
import Testing

@Suite struct StalledLoadTests {
    private static let stall = GroupDriver.policy.loadStall

    private static func weights(_ done: Int, moves: Int) -> LoadingProgress {
        LoadingProgress(
            phase: .weights, steps: LoadingProgress.Steps(done: done, total: 29), moves: moves)
    }

    /// Two ranks that load, the first of which has come so far.
    private func loading(
        _ first: LoadingProgress?, _ second: LoadingProgress?
    ) -> GroupDriver {
        var group = GroupDriver(.running)
        group.set(0, .loading, progress: first)
        group.set(1, .loading, progress: second)
        _ = group.decide()
        return group
    }

    @Test func `a load without movement for the limit is stuck, and the rank behind is named`() {
        var group = loading(LoadingProgress(phase: .memory, moves: 40), Self.weights(13, moves: 14))
        #expect(group.nextDeadline == group.now + Self.stall / 2)
        #expect(group.decide(after: Self.stall - .seconds(1)).end == nil)
        let decision = group.decide(after: .seconds(1))
        #expect(decision.end?.kind == .failure && decision.end?.rank == NodeRank(1))
        #expect(
            decision.end?.why == "rank 1 on node-2 is stuck in its load: weights 13/29, "
                + "and no rank has moved for 600 s")
    }

    @Test func `half way to the limit it is said what is waited for, and until when`() {
        var group = loading(LoadingProgress(phase: .memory, moves: 40), Self.weights(13, moves: 14))
        let limit = group.now + Self.stall
        #expect(group.decide(after: Self.stall / 2 - .seconds(1)).condition == .starting)
        let decision = group.decide(after: .seconds(1))
        #expect(decision.condition == .degraded && decision.until == limit)
        #expect(decision.why.contains("rank 1 on node-2 is least far (weights 13/29)"))
        group.set(0, .loading, progress: LoadingProgress(phase: .memory, moves: 41))
        #expect(group.decide().condition == .starting)
    }

    @Test func `a load that moves is left alone however long it takes`() {
        var group = loading(Self.weights(0, moves: 0), nil)
        for move in 1...200 {
            group.set(0, .loading, progress: Self.weights(min(move, 29), moves: move))
            #expect(group.decide(after: Self.stall - .seconds(1)).end == nil, "move \(move)")
        }
    }

    @Test func `a rank that is done is not stuck while another moves`() {
        var group = loading(Self.weights(0, moves: 0), LoadingProgress(phase: .graphs, moves: 60))
        for move in 1...5 {
            group.set(0, .loading, progress: Self.weights(move, moves: move))
            #expect(group.decide(after: Self.stall - .seconds(1)).end == nil)
        }
        let decision = group.decide(after: Self.stall)
        #expect(decision.end?.rank == .master, "\(decision)")
    }

    enum Reason: CaseIterable {
        case nothingTold, rankWaits, warmup
    }

    @Test(arguments: Reason.allCases)
    func `silence that says nothing ends nothing`(reason: Reason) {
        var group: GroupDriver
        switch reason {
        case .nothingTold: group = loading(nil, nil)
        case .rankWaits:
            group = loading(Self.weights(1, moves: 1), nil)
            group.set(1, .waiting, why: "port 8000 is held")
        case .warmup:
            group = loading(LoadingProgress(phase: .warmup, moves: 90), Self.weights(29, moves: 30))
        }
        for _ in 0..<20 {
            #expect(group.decide(after: .seconds(300)).end == nil, "\(reason)")
        }
    }

    @Test func `a new leader looks for itself before it judges`() {
        var group = loading(Self.weights(3, moves: 3), nil)
        _ = group.decide(after: Self.stall - .seconds(1))
        group.changeLeader()
        #expect(group.decide(after: .seconds(5)).end == nil)
        #expect(group.decide(after: Self.stall).end?.rank == NodeRank(1), "it has told nothing yet")
    }
}

// What stands between a generation and the next.

import Base
import Supervision
import Testing

@Suite struct GroupLaunchTests {
    private static let failure = EndCause(.failure, why: "rank 1 on node-2 ended: exit code 1")
    private static let lost = EndCause(.nodeLost, why: "node-2, which held rank 1, is gone")

    @Test func `a group that nothing hinders is launched`() {
        var group = GroupDriver(.idle)
        #expect(group.decide().proposal == .launch(why: "first launch"))
        #expect(group.decide().condition == .starting)
    }

    @Test func `a launch after an end tells why`() {
        var group = GroupDriver(.ended(Self.lost))
        #expect(group.decide().proposal == .launch(why: "launched again after: \(Self.lost.why)"))
    }

    enum Hindrance: CaseIterable {
        case leftovers, unwanted, absentNode, silentNode, prerequisite, failed
    }

    @Test(
        arguments: [
            (.leftovers, .stopping, "prefill-0.g2.r1 on node-2 still to end"),
            (.unwanted, .stopped, ""),
            (.absentNode, .waiting, "for node-2, which holds rank 1"),
            (.silentNode, .waiting, "for the first report of node-2"),
            (.prerequisite, .waiting, "for a prefill group that serves"),
            (.failed, .failed, "given up after 0 failures: node-2, which held rank 1, is gone"),
        ] as [(Hindrance, GroupCondition, String)])
    func `each hindrance holds the launch back and is told`(
        hindrance: Hindrance, condition: GroupCondition, why: String
    ) {
        var group = GroupDriver(.ended(Self.lost))
        switch hindrance {
        case .leftovers: group.view.leftovers = ["prefill-0.g2.r1 on node-2"]
        case .unwanted: group.view.isWanted = false
        case .absentNode: group.lose(1)
        case .silentNode: group.set(1, nil, hasReported: false)
        case .prerequisite: group.view.prerequisite = "for a prefill group that serves"
        case .failed: group.view.phase = .failed(Self.lost)
        }
        for _ in 0..<3 {
            let decision = group.decide(after: .seconds(3600))
            #expect(decision.proposal == nil && decision.condition == condition)
            #expect(decision.why.hasPrefix(why), "\(decision.why)")
        }
    }

    @Test func `leftovers of an unwanted group are still seen to end`() {
        var group = GroupDriver(.ended(Self.lost))
        group.view.isWanted = false
        group.view.leftovers = ["prefill-0.g2.r1 on node-2"]
        #expect(group.decide().condition == .stopping)
    }

    @Test(arguments: [(1, 5), (2, 10), (3, 20), (4, 40)])
    func `the wait grows with the failures and then the group is launched`(
        failures: Int, seconds: Int
    ) {
        for seed in UInt64(0)..<20 {
            var group = GroupDriver(.ended(Self.failure), failures: failures, seed: seed)
            let decision = group.decide()
            #expect(decision.condition == .backoff && decision.proposal == nil)
            #expect(decision.why.hasPrefix("failure \(failures) of 5 after: rank 1"))
            let deadline = (group.nextDeadline ?? group.now) - group.now
            // It looks at its nodes before a long wait is over.
            let wait = decision.isLaunchNear ? deadline : deadline + .seconds(10)
            let full = Duration.seconds(seconds)
            #expect(full / 2 <= wait && wait <= full, "seed \(seed): \(wait)")
            let last = group.decide(after: wait - .milliseconds(1))
            #expect(last.condition == .backoff && last.isLaunchNear)
            #expect(group.decide(after: .milliseconds(1)).isLaunch, "seed \(seed)")
        }
    }

    @Test func `the wait is drawn once for a generation`() {
        var group = GroupDriver(.ended(Self.failure), failures: 3)
        _ = group.decide()
        let due = group.nextDeadline
        for _ in 0..<5 { _ = group.decide(after: .milliseconds(10)) }
        #expect(group.nextDeadline == due)
    }

    @Test func `what has ended by no failure does not wait`() {
        for cause in [Self.lost, EndCause(.byOperator, why: ""), EndCause(.planChanged, why: "")] {
            var group = GroupDriver(.ended(cause))
            #expect(group.decide().isLaunch)
        }
    }

    @Test func `a restart by the operator does not wait for the rest of a backoff`() {
        var group = GroupDriver(.ended(Self.failure), failures: 4)
        #expect(group.decide().condition == .backoff)
        group.view.failures = 0
        group.view.phase = .ended(EndCause(.byOperator, why: "restarted by the operator"))
        #expect(group.decide().isLaunch)
    }

    @Test func `a group given up tells what to do`() {
        var group = GroupDriver(.failed(Self.failure), failures: 5)
        let decision = group.decide()
        #expect(decision.condition == .failed)
        #expect(
            decision.why == "given up after 5 failures: rank 1 on node-2 ended: exit code 1; "
                + "an operator must restart it")
        #expect(group.nextDeadline == nil)
    }
}

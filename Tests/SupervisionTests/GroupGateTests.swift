// The stable-view gate: a node that is out of sight costs a generation only when its engine is gone
// too. A restart in error costs half an hour.

import Base
import Supervision
import Testing

@Suite struct GroupGateTests {
    private let stableView = GroupDriver.policy.stableView

    @Test func `an absent node is left alone while rank 0 says that the engine answers`() {
        var group = GroupDriver.serving()
        group.lose(1)
        for _ in 0..<100 {
            let decision = group.decide(after: .seconds(60))
            #expect(decision.condition == .degraded && decision.proposal == nil)
            #expect(!decision.probesMaster)
        }
        group.set(1, .loading)
        #expect(group.decide().condition == .ready)
    }

    @Test func `a flap shorter than the stable view restarts nothing`() {
        var group = GroupDriver(.running)
        group.set(0, .loading)
        for _ in 0..<10 {
            group.lose(1)
            #expect(group.decide().condition == .degraded)
            #expect(group.decide(after: stableView - .seconds(1)).proposal == nil)
            group.set(1, .loading)
            #expect(group.decide(after: .milliseconds(500)).condition == .starting)
        }
    }

    @Test func `a node lost after the engine served ends the generation after the stable view`() {
        var group = GroupDriver.serving()
        group.set(0, .loading)
        group.lose(1)
        let asking = group.decide()
        #expect(asking.proposal == nil && asking.why.contains("the engine is being asked"))
        group.engineAnswers(.unreachable("refused"))
        let waiting = group.decide()
        #expect(waiting.proposal == nil && waiting.until == group.now + stableView)
        #expect(waiting.why.contains("the engine does not answer"))
        let cause = group.decide(after: stableView).end
        #expect(cause?.kind == .nodeLost && cause?.node == NodeID("node-2"))
        #expect(cause?.rank == NodeRank(1))
    }

    @Test func `an engine whose own node is out of sight is asked by the leader`() {
        var group = GroupDriver.serving()
        group.lose(0)
        #expect(group.decide().probesMaster)
        group.engineAnswers(.answers)
        #expect(!group.decide(after: .seconds(1)).probesMaster, "once an interval")
        #expect(group.decide(after: .seconds(4)).probesMaster)
    }

    @Test func `an engine is asked again before its last answer counts no more`() {
        var policy = GroupDriver.policy
        policy.stableView = .seconds(2)
        var group = GroupDriver.serving()
        group.changeLeader(to: policy)
        group.lose(0)
        _ = group.decide()
        for _ in 0..<20 {
            group.engineAnswers(.answers)
            let next = group.nextDeadline ?? group.now + .seconds(60)
            let decision = group.decide(after: next - group.now)
            #expect(decision.condition == .degraded && decision.proposal == nil)
            #expect(decision.probesMaster)
        }
    }

    @Test func `an engine that answers the leader is left alone for as long as it does`() {
        var group = GroupDriver.serving()
        group.lose(0)
        _ = group.decide()
        for _ in 0..<200 {
            group.engineAnswers(.answers)
            let decision = group.decide(after: GroupDriver.policy.livenessInterval)
            #expect(decision.condition == .degraded && decision.proposal == nil)
            #expect(decision.probesMaster)
        }
        var ended: Duration?
        let silent = group.now
        while ended == nil, group.now - silent < .seconds(60) {
            group.engineAnswers(.unreachable("refused"))
            if group.decide(after: .seconds(1)).end?.kind == .nodeLost {
                ended = group.now - silent
            }
        }
        #expect(ended.map { $0 <= stableView } == true)
    }

    /// The answer of a busy engine may take longer than the stable view.
    @Test func `a question under way is waited out before a generation ends`() {
        var group = GroupDriver.serving()
        group.lose(0)
        #expect(group.decide().probesMaster)
        for _ in 0..<10 {
            for _ in 0..<24 {
                let decision = group.decide(after: .seconds(1))
                #expect(decision.condition == .degraded && decision.proposal == nil)
                #expect(!decision.probesMaster, "one question at a time")
            }
            group.engineAnswers(.answers)
            #expect(group.decide(after: .seconds(1)).probesMaster)
        }
    }

    @Test func `a question that is never answered is given up`() {
        var group = GroupDriver.serving()
        group.lose(0)
        let lost = group.now
        _ = group.decide()
        while group.decide(after: .seconds(1)).end == nil, group.now - lost < .seconds(600) {}
        #expect(group.now - lost <= GroupDriver.policy.probeLimit * 2 + .seconds(1))
    }

    /// A serving engine has a minute to answer while its agent is there; it has no less without.
    @Test(arguments: [ProbeResult.failing("timed out"), .starting("HTTP 503")])
    func `an engine that takes connections has as long as with its agent`(answer: ProbeResult) {
        var group = GroupDriver.serving()
        group.lose(0)
        let lost = group.now
        repeat { group.engineAnswers(answer) } while group.decide(after: .seconds(1)).end == nil
        #expect(group.now - lost >= GroupDriver.policy.unresponsiveAfter)
        #expect(group.now - lost <= GroupDriver.policy.unresponsiveAfter + .seconds(7))
    }

    /// The machine says when to look again. Were that not in the future, the loop would spin.
    @Test(arguments: [nil, 0, 1, 4, 7, 14] as [Int?])
    func `the next look at an absent rank 0 is always ahead`(answerAfterSeconds: Int?) {
        var group = GroupDriver.serving()
        group.lose(0)
        for step in 0..<200 {
            let decision = group.decide()
            guard decision.end == nil else { return }
            if step == answerAfterSeconds { group.engineAnswers(.answers) }
            let next = group.nextDeadline ?? group.now
            #expect(next > group.now, "step \(step)")
            group.now = min(max(next, group.now + .milliseconds(1)), group.now + .seconds(1))
        }
        Issue.record("the generation was never ended")
    }

    @Test func `a new leader ends nothing that serves, however long a node is gone`() {
        var group = GroupDriver.serving()
        group.lose(1, since: group.now)
        group.now = group.now + .seconds(3600)
        group.changeLeader()
        group.set(0, nil, hasReported: false)
        #expect(group.decide().proposal == nil)
        #expect(group.decide(after: .seconds(2)).proposal == nil)
        group.set(0, .ready)
        #expect(group.decide(after: .seconds(1)).condition == .degraded)
    }

    @Test func `an adopted engine has the time to answer, however long another node is gone`() {
        var group = GroupDriver.serving()
        group.lose(1)
        _ = group.decide(after: .seconds(3600))
        group.set(0, .loading)
        #expect(group.decide().proposal == nil)
        group.set(0, .ready)
        #expect(group.decide(after: .seconds(1)).condition == .degraded)
        group.set(0, .loading)
        _ = group.decide(after: .seconds(3600))
        group.engineAnswers(.unreachable("refused"))
        #expect(group.decide(after: stableView).end?.kind == .nodeLost)
    }

    /// Its first probe may take longer than the stable view, and so it is asked from here, too.
    @Test func `an adopted engine that is slow to answer is waited for`() {
        var group = GroupDriver.serving()
        group.lose(1)
        group.set(0, .loading)
        #expect(group.decide().probesMaster)
        #expect(group.decide(after: GroupDriver.policy.probeLimit).proposal == nil)
        group.engineAnswers(.answers)
        #expect(group.decide().condition == .degraded)
    }

    @Test func `rank 0 goes out of sight long after another: the engine is asked first`() {
        var group = GroupDriver.serving(ranks: 3)
        group.lose(1)
        _ = group.decide(after: .seconds(3600))
        group.lose(0)
        let decision = group.decide()
        #expect(decision.probesMaster && decision.proposal == nil)
    }

    @Test func `a new leader waits for the first report before it calls a group anything`() {
        var group = GroupDriver(.running)
        group.set(0, nil, hasReported: false)
        let decision = group.decide()
        #expect(decision.condition == .waiting && decision.why == "for the first report of node-1")
    }
}

// What is agreed of deployments that take one another's place.

import Base
import ClusterState
import Planning
import Supervision
import Testing

@Suite struct RolloutTests {
    private var state = ReplicatedState()
    private let a = Fixture.deployment("a")
    private let b = Fixture.deployment("b")
    private let c = Fixture.deployment("c")

    init() {
        state.take(.deploy(a))
        state.take(.plan(Fixture.plan(1)))
        state.take(.launch(Fixture.group("prefill-0"), Generation(1), why: "x"))
    }

    @Test
    mutating func
        `the deployment before is remembered, and older ones while something runs of them`()
    {
        state.take(.deploy(b))
        state.take(.launch(Fixture.group("decode-0"), Generation(1), why: "x"))
        state.take(.deploy(c))
        #expect(state.rollout.past.map(\.serial) == [1, 2])
        #expect(state.deployment(ofSerial: 1) == a)
        #expect(state.deployment(ofSerial: 3) == c)
        state.take(
            .end(
                GroupName("prefill-0"), Generation(1), EndCause(.planChanged, why: ""),
                isTerminal: false))
        state.take(.launch(Fixture.group("prefill-0"), Generation(2), why: "x"))
        #expect(state.rollout.past.map(\.serial) == [2])
    }

    @Test
    mutating func `an operator's deployment sets the last one aside, one of the files does not`() {
        state.take(.apply(b, atOnce: false))
        #expect(state.setAside == a)
        state.take(.deploy(c))
        #expect(state.setAside == nil)
        #expect(state.rollout.past.last?.deployment == b)
    }

    @Test mutating func `who is tired of waiting has the rest at once`() {
        state.take(.apply(b, atOnce: false))
        #expect(!state.rollout.isAtOnce)
        let serial = state.deploymentSerial
        state.take(.apply(b, atOnce: true))
        #expect(state.rollout.isAtOnce)
        #expect(state.deploymentSerial == serial)
        let before = state
        #expect(
            state.consequence(of: .apply(b, atOnce: true)) == "b: agreed already; nothing changes")
        state.take(.apply(b, atOnce: true))
        #expect(state == before)
    }
}

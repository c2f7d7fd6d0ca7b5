// What is agreed of nodes that an operator keeps out.

import Base
import ClusterState
import Planning
import Supervision
import Testing

@Suite struct CordonTests {
    private let second = NodeID("node-2")
    private var state = ReplicatedState()

    init() {
        state.take(.deploy(Fixture.deployment("a")))
        state.take(.plan(Fixture.plan(1)))
    }

    private func refusal(_ action: Command.Action) -> String? {
        var copy = state
        let refusal = copy.apply(Command(action, at: Fixture.time))
        #expect(refusal == nil || copy == state, "a refusal changes nothing")
        return refusal
    }

    /// What is so already is no mistake: it is told, and nothing is noted.
    private func changesNothing(_ action: Command.Action, _ told: String) -> Bool {
        var copy = state
        let refusal = copy.apply(Command(action, at: Fixture.time))
        return refusal == nil && copy == state && state.consequence(of: action) == told
    }

    @Test mutating func `a cordon is noted, sorted, and taken back`() {
        state.take(.cordon(NodeID("node-3"), .cordon))
        state.take(.cordon(second, .drain))
        #expect(state.cordons.map(\.node.name) == ["node-2", "node-3"])
        #expect(state.standing(of: second) == .draining)
        #expect(state.standing(of: NodeID("node-3")) == .cordoned)
        #expect(state.standing(of: NodeID("node-1")) == .open)
        #expect(state.ledger.suffix(2).map(\.kind) == [.cordoned, .draining])
        state.take(.uncordon(second))
        #expect(state.cordons.map(\.node.name) == ["node-3"])
        #expect(changesNothing(.uncordon(second), "node-2 is not cordoned; nothing changes"))
    }

    @Test mutating func `a drain follows a cordon and force follows a drain, not the other way`() {
        state.take(.cordon(second, .cordon))
        #expect(
            changesNothing(.cordon(second, .cordon), "node-2 is cordoned already; nothing changes"))
        state.take(.cordon(second, .drain))
        let drained = "node-2 is drained already, or being drained; nothing changes"
        #expect(changesNothing(.cordon(second, .cordon), drained))
        #expect(changesNothing(.cordon(second, .drain), drained))
        state.take(.cordon(second, .force))
        let forced = "node-2 is drained by force already, or being drained; nothing changes"
        #expect(changesNothing(.cordon(second, .force), forced))
    }

    @Test mutating func `a plan that gives a cordoned node a rank is refused, whoever proposed it`()
    {
        state.take(.cordon(NodeID("node-4"), .cordon))
        let moved = Plan(
            epoch: Epoch(2),
            groups: [
                Fixture.group("prefill-0", nodes: ["node-1", "node-4"]), Fixture.group("decode-0"),
                Fixture.group("router"),
            ], spares: [])
        #expect(
            refusal(.plan(moved))
                == "node-4 is cordoned, and would get rank 1 of prefill-0")
        state.take(.uncordon(NodeID("node-4")))
        state.take(.plan(moved))
        state.take(.cordon(NodeID("node-4"), .drain))
        // What it holds it may keep.
        state.take(.plan(Plan(epoch: Epoch(3), groups: moved.groups, spares: [])))
    }

    @Test mutating func `an operator is told what follows`() {
        #expect(
            state.consequence(of: .cordon(second, .drain))
                == "node-2: drain agreed; prefill-0 rank 1 moves to a spare, and it gets no other "
                + "until: glm-agent uncordon node-2")
        #expect(
            state.consequence(of: .cordon(second, .cordon))?.hasSuffix(
                "it keeps prefill-0 rank 1 as long as it serves") == true)
        state.take(.cordon(NodeID("node-4"), .drain))
        #expect(
            state.consequence(of: .uncordon(NodeID("node-4")))
                == "node-4: uncordon agreed; it is a spare while it is there")
    }

    @Test mutating func `a restart because of a drain is the operator's`() {
        state.take(.launch(Fixture.group("prefill-0"), Generation(1), why: "x"))
        state.take(.cordon(second, .drain))
        state.take(
            .end(
                GroupName("prefill-0"), Generation(1),
                EndCause(.planChanged, why: "node-2 is drained"), isTerminal: false))
        #expect(state.restartLedger.records.last?.asker == "operator")
    }
}

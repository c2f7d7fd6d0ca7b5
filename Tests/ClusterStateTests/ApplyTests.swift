// What each command changes, and when it is refused: the rules that every node holds alike.

import Base
import ClusterState
import Planning
import Supervision
import Testing

@Suite struct ApplyTests {
    private static let prefill = GroupName("prefill-0")
    private static let failure = EndCause(
        .failure, why: "rank 1 ended", node: NodeID("node-2"), rank: NodeRank(1))

    /// A state after these actions, all of which must take effect.
    private static func state(_ actions: Command.Action...) -> ReplicatedState {
        var state = ReplicatedState()
        for action in [.deploy(Fixture.deployment("a")), .plan(Fixture.plan(1))] + actions {
            let refusal = state.apply(Command(action, at: Fixture.time))
            precondition(refusal == nil, "\(action): \(refusal ?? "")")
        }
        return state
    }

    private static func launch(_ generation: UInt64) -> Command.Action {
        .launch(Fixture.group("prefill-0"), Generation(generation), why: "because")
    }

    private static func end(_ generation: UInt64, isTerminal: Bool = false) -> Command.Action {
        .end(prefill, Generation(generation), failure, isTerminal: isTerminal)
    }

    struct Refusal: Sendable, CustomTestStringConvertible {
        let name: String
        let state: ReplicatedState
        let action: Command.Action
        let reason: String
        var testDescription: String { name }
    }

    static let refusals: [Refusal] = [
        Refusal(
            name: "the deployment that is wanted already", state: state(),
            action: .deploy(Fixture.deployment("a")), reason: "wanted already"),
        Refusal(
            name: "a plan of the same epoch", state: state(), action: .plan(Fixture.plan(1)),
            reason: "plan of epoch 1 after epoch 1"),
        Refusal(
            name: "a plan that skips an epoch", state: state(), action: .plan(Fixture.plan(3)),
            reason: "plan of epoch 3 after epoch 1"),
        Refusal(
            name: "a plan of no epoch", state: ReplicatedState(), action: .plan(Fixture.plan(0)),
            reason: "plan of epoch 0"),
        Refusal(
            name: "a launch without a plan", state: ReplicatedState(), action: launch(1),
            reason: "stands otherwise in the plan"),
        Refusal(
            name: "a launch on other nodes than planned", state: state(),
            action: .launch(
                Fixture.group("prefill-0", nodes: ["node-9"]), Generation(1), why: ""),
            reason: "stands otherwise in the plan of epoch 1"),
        Refusal(
            name: "a launch of an old generation", state: state(launch(1), end(1)),
            action: launch(1), reason: "generation 1 after generation 1"),
        Refusal(
            name: "a launch that skips a generation", state: state(), action: launch(2),
            reason: "generation 2 after generation 0"),
        Refusal(
            name: "a launch of a group that runs", state: state(launch(1)), action: launch(2),
            reason: "runs already"),
        Refusal(
            name: "a launch of a group given up", state: state(launch(1), end(1, isTerminal: true)),
            action: launch(2), reason: "an operator must restart it"),
        Refusal(
            name: "the end of a group never launched", state: state(), action: end(0),
            reason: "does not run"),
        Refusal(
            name: "the end of an older generation",
            state: state(launch(1), end(1), launch(2)), action: end(1), reason: "does not run"),
        Refusal(
            name: "the end of a generation to come", state: state(launch(1)), action: end(2),
            reason: "does not run"),
        Refusal(
            name: "a second end", state: state(launch(1), end(1)), action: end(1),
            reason: "does not run"),
        Refusal(
            name: "the settling of what has ended", state: state(launch(1), end(1)),
            action: .settle(prefill, Generation(1)), reason: "does not run"),
        Refusal(
            name: "the settling of an older generation",
            state: state(launch(1), end(1), launch(2)),
            action: .settle(prefill, Generation(1)), reason: "does not run"),
        Refusal(
            name: "a stop of an unknown group", state: state(),
            action: .stop(GroupName("decode-7")), reason: "there is no group \"decode-7\""),
        Refusal(
            name: "a start of an unknown group", state: state(),
            action: .start(GroupName("decode-7")), reason: "there is no group \"decode-7\""),
        Refusal(
            name: "a restart of an unknown group", state: state(),
            action: .restart(GroupName("decode-7")), reason: "there is no group \"decode-7\""),
    ]

    @Test(arguments: refusals) func `a command that does not fit changes nothing`(row: Refusal) {
        var state = row.state
        let reason = state.apply(Command(row.action, at: Fixture.time))
        #expect(reason?.contains(row.reason) == true, "\(reason ?? "it took effect")")
        #expect(state == row.state)
    }

    @Test func `a group lives from launch to launch`() {
        var state = Self.state(Self.launch(1))
        #expect(state.record(of: Self.prefill).phase == .running)
        #expect(state.record(of: Self.prefill).launched == Fixture.group("prefill-0"))
        #expect(state.record(of: Self.prefill).restarts == 0)
        state.take(Self.end(1))
        #expect(state.record(of: Self.prefill).phase == .ended(Self.failure))
        #expect(state.record(of: Self.prefill).failures == 1)
        state.take(Self.launch(2))
        #expect(state.record(of: Self.prefill).restarts == 1)
        #expect(state.record(of: Self.prefill).failures == 1)
        state.take(.settle(Self.prefill, Generation(2)))
        #expect(state.record(of: Self.prefill).failures == 0)
        #expect(
            state.ledger.map(\.kind) == [
                .deployed, .planned, .launched, .ended, .launched, .settled,
            ])
    }

    @Test(arguments: [
        (EndCause.Kind.failure, 1), (.nodeLost, 0), (.planChanged, 0), (.byOperator, 0),
    ])
    func `only failures of the engine are counted`(kind: EndCause.Kind, failures: Int) {
        let cause = EndCause(kind, why: "why")
        let state = Self.state(
            Self.launch(1), .end(Self.prefill, Generation(1), cause, isTerminal: false))
        #expect(state.record(of: Self.prefill).failures == failures)
    }

    @Test func `a restart forgives, wants and ends, whatever the state`() {
        let states = [
            Self.state(), Self.state(Self.launch(1)), Self.state(Self.launch(1), Self.end(1)),
            Self.state(Self.launch(1), Self.end(1, isTerminal: true)),
            Self.state(.stop(Self.prefill)),
        ]
        for before in states {
            var state = before
            state.take(.restart(Self.prefill))
            let record = state.record(of: Self.prefill)
            #expect(record.failures == 0 && state.isWanted(Self.prefill))
            #expect(record.generation == before.record(of: Self.prefill).generation)
            if record.generation == .none {
                #expect(record.phase == .idle)
            } else {
                #expect(
                    record.phase
                        == .ended(EndCause(.byOperator, why: "restarted by the operator")))
            }
            state.take(
                .launch(Fixture.group("prefill-0"), record.generation.next, why: "again"))
        }
    }

    @Test func `stops hold until a start, and a start of everything takes them all back`() {
        let decode = GroupName("decode-0")
        var state = Self.state(.stop(Self.prefill))
        #expect(!state.isWanted(Self.prefill) && state.isWanted(decode))
        state.take(.stop(nil))
        #expect(!state.isWanted(decode))
        state.take(.start(Self.prefill))
        #expect(!state.isWanted(Self.prefill), "everything is stopped still")
        state.take(.stop(decode))
        state.take(.start(nil))
        #expect(state.isWanted(Self.prefill) && state.isWanted(decode))
    }

    @Test func `a group that is not planned is not wanted`() {
        #expect(!Self.state().isWanted(GroupName("decode-7")))
        #expect(!ReplicatedState().isWanted(Self.prefill))
    }

    @Test func `a new deployment raises the serial that launches are stamped with`() {
        var state = Self.state(Self.launch(1))
        #expect(state.record(of: Self.prefill).launchedSerial == state.deploymentSerial)
        state.take(.deploy(Fixture.deployment("b")))
        #expect(state.record(of: Self.prefill).launchedSerial + 1 == state.deploymentSerial)
    }

    @Test func `records are kept by name, and outlive their groups`() {
        var state = Self.state(
            .launch(Fixture.group("prefill-0"), Generation(1), why: ""),
            .launch(Fixture.group("decode-0"), Generation(1), why: ""),
            .launch(Fixture.group("router"), Generation(1), why: ""))
        #expect(state.groups.map(\.name.name) == ["decode-0", "prefill-0", "router"])
        state.take(.plan(Plan(epoch: Epoch(2), groups: [], spares: [])))
        #expect(state.record(of: Self.prefill).generation == Generation(1))
    }

    @Test func `the ledger forgets its oldest events and never repeats a number`() {
        var state = Self.state()
        for index in 0..<1200 { state.take(index % 2 == 0 ? .stop(nil) : .start(nil)) }
        #expect(state.ledger.count == ReplicatedState.ledgerLimit)
        let numbers = state.ledger.map(\.sequence)
        #expect(numbers == Array(703...1202))
        #expect(state.nextSequence == 1203)
    }

    @Test func `an event tells who, what and when`() {
        let state = Self.state(Self.launch(1), Self.end(1, isTerminal: true))
        #expect(
            state.ledger.last
                == LedgerEvent(
                    sequence: 4, time: Fixture.time, kind: .failed, node: NodeID("node-2"),
                    group: Self.prefill, generation: Generation(1), text: "rank 1 ended"))
        #expect(
            state.ledger[1].text
                == "plan of epoch 1: prefill-0 on node-1+node-2, decode-0 on node-3, "
                + "router on node-1")
    }
}

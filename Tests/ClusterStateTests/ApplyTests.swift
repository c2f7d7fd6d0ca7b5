// What each command changes, and when it is refused: the rules that every node holds alike.

import Base
import ClusterState
import Diagnosis
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

    private static let verdict = FailureDiagnosis(
        kind: "npu-memory", rank: NodeRank(1), node: NodeID("node-2"), worldRank: nil, die: 3,
        line: "NPU out of memory", time: TimeSpan(earliest: 0, latest: 0), accuser: nil, rivals: [],
        echoes: [])

    @Test func `a verdict amends the last failure and is noted`() {
        var state = Self.state(Self.launch(1), Self.end(1))
        let amend = Command(.amend(Self.prefill, Generation(1), Self.verdict), at: Fixture.time)
        #expect(state.apply(amend) == nil)
        #expect(state.record(of: Self.prefill).lastFailure?.cause.diagnosis == Self.verdict)
        #expect(state.ledger.last?.kind == .diagnosed)
        #expect(state.ledger.last?.text.contains("rank 1 on node-2, die 3") == true)
        let before = state
        #expect(state.apply(amend) == "this is known")
        #expect(state == before)
    }

    static let refusals: [Refusal] = [
        Refusal(
            name: "a verdict on a generation that has not failed", state: state(launch(1)),
            action: .amend(prefill, Generation(1), verdict), reason: "not the last that failed"),
        Refusal(
            name: "a verdict on an older generation", state: state(launch(1), end(1), launch(2)),
            action: .amend(prefill, Generation(1), verdict), reason: "not the last that failed"),
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
        Refusal(
            name: "a second leader of a term", state: state(.elected(NodeID("node-1"), term: 3)),
            action: .elected(NodeID("node-2"), term: 3), reason: "leader of term 3 is known"),
        Refusal(
            name: "a leader of an older term", state: state(.elected(NodeID("node-1"), term: 3)),
            action: .elected(NodeID("node-2"), term: 2), reason: "leader of term 3 is known"),
        Refusal(
            name: "a node that is there already", state: state(.joined([NodeID("node-1")])),
            action: .joined([NodeID("node-1")]), reason: "known to be there"),
        Refusal(
            name: "the loss of a node that never came", state: state(),
            action: .lost([NodeID("node-1")]), reason: "known to be gone"),
        Refusal(
            name: "that a group serves, a second time",
            state: state(launch(1), .serves(prefill, Generation(1))),
            action: .serves(prefill, Generation(1)), reason: "known to serve"),
        Refusal(
            name: "that a group serves that has ended", state: state(launch(1), end(1)),
            action: .serves(prefill, Generation(1)), reason: "does not run"),
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
        (EndCause.Kind.failure, true), (.nodeLost, true), (.planChanged, true),
        (.byOperator, false),
    ])
    func `a launch that the operator ordered is no restart`(kind: EndCause.Kind, counts: Bool) {
        let end = Command.Action.end(
            Self.prefill, Generation(1), EndCause(kind, why: "why"), isTerminal: false)
        let state = Self.state(Self.launch(1), end, Self.launch(2))
        #expect(state.record(of: Self.prefill).restarts == (counts ? 1 : 0))
        let ordered = Self.state(Self.launch(1), .restart(Self.prefill), Self.launch(2))
        #expect(ordered.record(of: Self.prefill).restarts == 0)
    }

    @Test func `the last failure is kept until there is a newer one`() {
        let first = GroupFailure(
            generation: Generation(1), cause: Self.failure, time: Fixture.time)
        var state = Self.state(Self.launch(1))
        #expect(state.record(of: Self.prefill).lastFailure == nil)
        state.take(Self.end(1))
        for action in [
            Self.launch(2), .settle(Self.prefill, Generation(2)),
            .end(
                Self.prefill, Generation(2), EndCause(.planChanged, why: ""), isTerminal: false),
            Self.launch(3), .restart(Self.prefill), Self.launch(4), .stop(Self.prefill),
        ] {
            state.take(action)
            #expect(state.record(of: Self.prefill).lastFailure == first, "after \(action)")
        }
        let loss = EndCause(.nodeLost, why: "node-2 is gone", node: NodeID("node-2"))
        state.take(.end(Self.prefill, Generation(4), loss, isTerminal: false))
        #expect(state.record(of: Self.prefill).lastFailure?.cause == loss)
        #expect(state.record(of: Self.prefill).lastFailure?.generation == Generation(4))
    }

    @Test func `that a generation serves is told once, with how long it took`() {
        var state = Self.state(Self.launch(1))
        let later = WallTime(
            millisecondsSinceEpoch: Fixture.time.millisecondsSinceEpoch + 61_250)
        #expect(state.apply(Command(.serves(Self.prefill, Generation(1)), at: later)) == nil)
        #expect(state.ledger.last?.kind == .ready)
        #expect(state.ledger.last?.text == "prefill-0 serves, 61.2 s after its launch")
        state.take(Self.end(1))
        state.take(Self.launch(2))
        // Another leader's clock may be behind.
        let earlier = WallTime(millisecondsSinceEpoch: .min)
        #expect(state.apply(Command(.serves(Self.prefill, Generation(2)), at: earlier)) == nil)
        #expect(
            state.ledger.last?.text == "prefill-0 serves; restart of generation 1 (failure)")
    }

    @Test func `a note on what serves is told with it`() {
        var state = Self.state(Self.launch(1))
        state.take(.serves(Self.prefill, Generation(1), note: "but otherwise"))
        #expect(
            state.ledger.last?.text == "prefill-0 serves, 0.0 s after its launch; but otherwise")
    }

    @Test func `nodes come and go once each`() {
        let nodes = (1...3).map { NodeID("node-\($0)") }
        var state = Self.state(.joined([nodes[2], nodes[0]]))
        #expect(state.present == [nodes[0], nodes[2]])
        #expect(state.ledger.last?.text == "in contact with the agents of node-1, node-3")
        state.take(.joined(nodes))
        #expect(state.ledger.last?.node == nodes[1])
        state.take(.lost([nodes[2], NodeID("node-9")]))
        #expect(state.present == [nodes[0], nodes[1]])
        #expect(state.ledger.last?.text == "no contact with the agent of node-3")
        #expect(state.ledger.last?.kind == .lost)
    }

    @Test func `a flapping leadership pushes out no other event`() {
        var state = Self.state(Self.launch(1))
        for term in 1...2000 {
            state.take(.elected(NodeID("node-\(term % 3)"), term: UInt64(term)))
            state.take(term % 2 == 0 ? .lost([NodeID("a")]) : .joined([NodeID("a")]))
        }
        let kinds = state.ledger.map(\.kind)
        #expect(kinds.prefix(3) == [.deployed, .planned, .launched])
        #expect(kinds.count { $0 == .elected } == ReplicatedState.chatterLimit)
        #expect(state.ledger.last { $0.kind == .elected }?.text == "node-2 leads in term 2000")
    }

    /// An order, on a state, and what the operator reads.
    @Test(
        arguments: [
            (
                .restart(prefill), state(launch(1)),
                "prefill-0: restart agreed; generation 1 ends, generation 2 follows. "
                    + "Watch: glm-agent status"
            ),
            (
                .restart(prefill), state(launch(1), end(1, isTerminal: true)),
                "prefill-0: restart agreed; generation 2 follows. Watch: glm-agent status"
            ),
            (
                .restart(prefill), state(launch(1), .stop(nil)),
                "prefill-0: restart agreed; generation 1 ends, the whole deployment is stopped, "
                    + "so generation 2 waits for: glm-agent start"
            ),
            (
                .stop(prefill), state(launch(1)),
                "prefill-0: stop agreed; generation 1 ends, and none is launched until: "
                    + "glm-agent start prefill-0"
            ),
            (
                .stop(prefill), state(),
                "prefill-0: stop agreed; no generation of it runs, and none is launched until: "
                    + "glm-agent start prefill-0"
            ),
            (
                .start(prefill), state(launch(1), end(1), .stop(prefill)),
                "prefill-0: start agreed; generation 2 follows. Watch: glm-agent status"
            ),
            (
                .start(prefill), state(launch(1)),
                "prefill-0: start agreed; generation 1 runs and goes on"
            ),
            (
                .start(prefill), state(launch(1), end(1, isTerminal: true)),
                "prefill-0: start agreed; it was given up, and is tried anew. "
                    + "Watch: glm-agent status"
            ),
            (
                .start(prefill), state(.stop(nil)),
                "prefill-0: start agreed; the whole deployment is stopped, so it waits for: "
                    + "glm-agent start"
            ),
            (
                .stop(nil), state(launch(1)),
                "the deployment: stop agreed; what runs of it ends (prefill-0), and nothing is "
                    + "launched until: glm-agent start"
            ),
            (
                .start(nil), state(),
                "the deployment: start agreed; every group that does not run is launched. "
                    + "Watch: glm-agent status"
            ),
        ] as [(Command.Action, ReplicatedState, String)])
    func `an operator reads what was agreed and what follows`(
        action: Command.Action, state: ReplicatedState, text: String
    ) {
        #expect(state.consequence(of: action) == text)
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

    @Test(arguments: [nil, Self.prefill])
    func `a start tries anew what was given up`(group: GroupName?) {
        var state = Self.state(Self.launch(1), Self.end(1, isTerminal: true))
        state.take(.start(group))
        let record = state.record(of: Self.prefill)
        guard case .ended = record.phase, record.failures == 0 else {
            Issue.record("\(record.phase) after \(record.failures) failures")
            return
        }
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

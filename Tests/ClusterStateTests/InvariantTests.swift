// Whatever is proposed, in whatever order: the rules of the cluster hold after every command.

import Base
import ClusterState
import Planning
import Supervision
import Testing

@Suite struct InvariantTests {
    @Test(arguments: UInt64(0)..<12) func `no order of commands breaks a rule`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var state = ReplicatedState()
        var launched: Set<Launch> = []
        for step in 0..<400 {
            let before = state
            let action = Self.action(about: state, using: &generator)
            let refusal = state.apply(Command(action, at: Fixture.time))
            let place: Comment = "seed \(seed), step \(step): \(action)"
            if refusal != nil {
                #expect(state == before, place)
                continue
            }
            check(state, after: before, place)
            if case .launch(let group, let generation, _, _) = action {
                let isNew = launched.insert(Launch(group: group.name, generation: generation))
                #expect(isNew.inserted, place)
            }
        }
        #expect(launched.count > 5, "seed \(seed): too little happened")
    }

    /// Nodes apply the same commands, at different times and from different snapshots.
    @Test(arguments: UInt64(0)..<5) func `equal commands make equal states`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var first = ReplicatedState()
        var commands: [Command] = []
        for _ in 0..<300 {
            let action = Self.action(about: first, using: &generator)
            commands.append(Command(action, at: Fixture.time))
            first.apply(commands[commands.count - 1])
        }
        var second = ReplicatedState()
        for command in commands { second.apply(command) }
        #expect(first == second, "seed \(seed)")
    }

    struct Launch: Hashable {
        let group: GroupName
        let generation: Generation
    }

    private func check(
        _ state: ReplicatedState, after before: ReplicatedState, _ place: Comment
    ) {
        #expect(state.epoch == before.epoch || state.epoch == before.epoch.next, place)
        #expect(state.plan == before.plan || state.epoch == before.epoch.next, place)
        #expect(state.plan.map(\.epoch) ?? .none == state.epoch, place)
        #expect(state.groups.map(\.name) == Set(state.groups.map(\.name)).sorted(), place)
        for record in before.groups {
            let now = state.record(of: record.name)
            #expect(
                now.generation == record.generation || now.generation == record.generation.next,
                place)
            // One running generation at most: the next begins only after an end.
            if record.phase == .running, now.phase == .running {
                #expect(now.generation == record.generation && now.launched == record.launched)
            }
            #expect(now.restarts >= record.restarts && now.failures >= 0, place)
        }
        let numbers = state.ledger.map(\.sequence)
        #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $0 < $1 }, place)
        #expect(numbers.last == state.nextSequence - 1, place)
        #expect(numbers.count <= ReplicatedState.ledgerLimit, place)
        #expect(state.electedTerm >= before.electedTerm, place)
        #expect(state.present == Set(state.present).sorted(), place)
        #expect(state.nextSequence == before.nextSequence + 1, "every effect is one event")
    }

    /// Half of what is proposed fits the state, half is late, early or about something else.
    static func action(
        about state: ReplicatedState, using generator: inout SeededGenerator
    ) -> Command.Action {
        let name = Fixture.groups[Int.random(in: 0..<3, using: &generator)]
        let group = GroupName(name)
        let current = state.record(of: group).generation
        let shift = UInt64.random(in: 0...2, using: &generator)
        let near = Generation(current.value + shift)
        let causes = EndCause.Kind.allCases
        let kind = causes[Int.random(in: 0..<causes.count, using: &generator)]
        let cause = EndCause(kind, why: "it happened")
        let nodes = (1...4).map { NodeID("node-\($0)") }.filter { _ in generator.chance(0.3) }
        switch Int.random(in: 0..<20, using: &generator) {
        case 0: return .deploy(Fixture.deployment(generator.chance(0.5) ? "a" : "b"))
        case 1, 2:
            let nodes = generator.chance(0.3) ? ["node-4"] : nil
            return .plan(Fixture.plan(state.epoch.value + shift, nodes: nodes))
        case 3, 4, 5, 6, 7:
            let planned = state.plan?.group(group) ?? Fixture.group(name)
            return .launch(planned, generator.chance(0.7) ? current.next : near, why: "why")
        case 8, 9, 10, 11:
            let generation = generator.chance(0.7) ? current : near
            return .end(group, generation, cause, isTerminal: generator.chance(0.1))
        case 12: return .settle(group, generator.chance(0.7) ? current : near)
        case 13: return .stop(generator.chance(0.3) ? nil : group)
        case 14: return .start(generator.chance(0.3) ? nil : group)
        case 15: return .elected(NodeID("node-1"), term: state.electedTerm + shift)
        case 16: return .joined(nodes)
        case 17: return .lost(nodes)
        case 18: return .serves(group, generator.chance(0.7) ? current : near)
        default: return .restart(group)
        }
    }
}

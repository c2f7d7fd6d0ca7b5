// A group under every mixture of news: what may never happen, whatever the order.

import Base
import Supervision
import Testing

@Suite struct GroupChaosTests {
    private static let states: [ShardState?] = [nil] + ShardState.allCases

    @Test(arguments: UInt64(0)..<40) func `no order of news breaks a rule`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var group = GroupDriver(.running, ranks: 3, failures: 1, seed: seed)
        for step in 0..<400 {
            change(&group, using: &generator)
            let decision = group.decide(after: generator.duration(in: .zero...(.seconds(4))))
            check(decision, of: group, "seed \(seed), step \(step)")
        }
    }

    private func change(_ group: inout GroupDriver, using generator: inout SeededGenerator) {
        let rank = Int.random(in: 0..<3, using: &generator)
        switch Int.random(in: 0..<8, using: &generator) {
        case 0: group.lose(rank)
        case 1: group.engineAnswers(generator.chance(0.5) ? .answers : .failing("no"))
        case 2: group.view.phase = [.running, .idle, .ended(cause), .failed(cause)][rank]
        case 3: group.view.generation = group.view.generation.next
        case 4: group.view.leftovers = generator.chance(0.3) ? ["x"] : []
        case 5: group.view.isWanted = generator.chance(0.9)
        default:
            let state = Self.states[Int.random(in: 0..<Self.states.count, using: &generator)]
            group.set(rank, state, hasReported: state != nil || generator.chance(0.5))
        }
    }

    private let cause = EndCause(.failure, why: "it broke")

    private func check(_ decision: GroupDecision, of group: GroupDriver, _ place: String) {
        let view = group.view
        switch decision.proposal {
        case .launch:
            #expect(view.phase != .running && view.leftovers.isEmpty && view.isWanted, "\(place)")
            #expect(view.ranks.allSatisfy { $0.absentSince == nil && $0.hasReported }, "\(place)")
        case .end(let cause, _):
            #expect(view.phase == .running, "\(place)")
            #expect(!cause.why.isEmpty, "\(place)")
        case .settle:
            #expect(view.phase == .running && view.ranks[0].report?.state == .ready, "\(place)")
        case nil: break
        }
        #expect((group.nextDeadline ?? group.now + .seconds(1)) > group.now, "\(place)")
        if decision.condition == .ready {
            #expect(view.ranks.allSatisfy { $0.absentSince == nil }, "\(place)")
        }
    }
}

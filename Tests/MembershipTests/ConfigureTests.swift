import Base
import Membership
import Testing

/// Members come and go without a new life of those that stay.
@Suite struct ConfigureTests {
    private let names = ["a", "b", "c", "d"].map { NodeID($0) }

    private func step(_ swim: inout Swim, _ input: SwimInput, at time: Duration) -> [SwimAction] {
        var actions: [SwimAction] = []
        swim.step(input, at: .zero + time, into: &actions)
        return actions
    }

    private func alive(_ node: Int) -> MemberUpdate {
        MemberUpdate(
            node: names[node], state: .alive, incarnation: Incarnation(5), source: names[node])
    }

    /// `a`, which has heard of b and c.
    private func met() -> Swim {
        var swim = Swim(
            local: names[0], incarnation: Incarnation(9), peers: Array(names[..<3]), seed: 1,
            at: .zero)
        for node in 1...2 {
            let message = SwimMessage(.gossip, updates: [alive(node)])
            _ = step(&swim, .received(message, from: names[node]), at: .milliseconds(1))
        }
        return swim
    }

    @Test func `those that stay keep what is known of them, and the new one is not met yet`() {
        var swim = met()
        _ = step(&swim, .configure([names[0], names[1], names[3]]), at: .milliseconds(2))
        #expect(swim.members.map(\.node) == [names[0], names[1], names[3]])
        #expect(swim.state(of: names[1]) == .alive)
        #expect(swim.state(of: names[2]) == nil)
        #expect(swim.state(of: names[3]) == .dead)
        let message = SwimMessage(.gossip, updates: [alive(3)])
        _ = step(&swim, .received(message, from: names[3]), at: .milliseconds(3))
        #expect(swim.state(of: names[3]) == .alive)
    }

    @Test func `who is no member any more is neither heard nor told of`() {
        var swim = met()
        _ = step(&swim, .configure([names[1]]), at: .milliseconds(2))
        let actions = step(
            &swim, .received(SwimMessage(.ping(ProbeSequence(1))), from: names[2]),
            at: .milliseconds(3))
        #expect(actions.isEmpty)
        let told = (1...40).flatMap { step(&swim, .tick, at: .milliseconds(100 * $0)) }
        for case .send(let message, let node) in told {
            #expect(node != names[2])
            #expect(!message.updates.contains { $0.node == names[2] })
        }
    }

    @Test func `a majority is counted among the members that there are`() {
        var swim = met()
        #expect(!swim.isIsolated)
        let grown = step(
            &swim, .configure(names + ["e", "f"].map { NodeID($0) }), at: .milliseconds(3))
        #expect(grown == [.isolated(true)], "three of six are no majority")
        let shrunk = step(&swim, .configure([names[1]]), at: .milliseconds(3))
        #expect(shrunk == [.isolated(false)])
        #expect(step(&swim, .configure([]), at: .milliseconds(3)).isEmpty)
        #expect(swim.members.map(\.node) == [names[0]])
        #expect(swim.nextDeadline == nil)
    }

    @Test func `the same members again change nothing`() {
        var swim = met()
        let before = swim.nextDeadline
        #expect(step(&swim, .configure(Array(names.dropLast())), at: .milliseconds(2)).isEmpty)
        #expect(swim.nextDeadline == before)
    }
}

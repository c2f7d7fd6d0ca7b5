import Base
import Testing

@testable import Membership

/// The small values inside the machine.
@Suite struct PartsTests {
    private static func ends(
        accusers: Int, witnesses: Int, memberCount: Int
    ) -> Duration {
        var suspicion = Suspicion(startedAt: .zero, accuser: NodeID("a0"))
        for number in 1..<max(accusers, 1) where accusers > 1 {
            _ = suspicion.accuse(by: NodeID("a\(number)"))
        }
        return suspicion.deadline(
            witnesses: witnesses, memberCount: memberCount, configuration: .standard) - .zero
    }

    @Test(arguments: [
        // accusers, witnesses, members: milliseconds
        (1, 14, 16, 2000), (2, 14, 16, 1467), (3, 14, 16, 1200), (9, 14, 16, 1200),
        (1, 2, 4, 2000), (2, 2, 4, 1467), (3, 2, 4, 1200),
        // Two of four are dead: one witness is left, and its word shortens everything.
        (1, 1, 4, 2000), (2, 1, 4, 1200),
        // Nobody is left to confirm.
        (1, 0, 4, 2000), (1, 0, 2, 2000),
        // Gossip takes longer in large clusters.
        (1, 30, 33, 3334), (3, 30, 33, 2000),
    ])
    func `a suspicion ends`(_ row: (Int, Int, Int, Int)) {
        let (accusers, witnesses, memberCount, milliseconds) = row
        let end = Self.ends(accusers: accusers, witnesses: witnesses, memberCount: memberCount)
        #expect(end.millisecondsRoundedUp == Int64(milliseconds))
    }

    @Test func `an accuser counts once`() {
        var suspicion = Suspicion(startedAt: .zero, accuser: NodeID("a"))
        let isNew = ["a", "b", "b"].map { suspicion.accuse(by: NodeID($0)) }
        #expect(isNew == [false, true, false])
    }

    @Test func `health worsens once for signs close together and stretches timeouts`() {
        var health = LocalHealth(limit: 4, spacing: .milliseconds(500))
        #expect(health.stretched(.milliseconds(200)) == .milliseconds(200))
        health.worsen(at: .zero)
        health.worsen(at: .zero + .milliseconds(499))
        #expect(health.stretched(.milliseconds(200)) == .milliseconds(300))
        for second in 1...20 {
            health.worsen(at: .zero + .seconds(second))
        }
        #expect(health.stretched(.milliseconds(200)) == .milliseconds(600))
        for _ in 0..<9 { health.improve() }
        #expect(health.score == 0)
    }

    private func news(_ name: String, _ state: MemberState = .alive) -> MemberUpdate {
        MemberUpdate(
            node: NodeID(name), state: state, incarnation: Incarnation(1), source: NodeID(name))
    }

    @Test func `gossip carries what was carried least and newer beliefs replace older ones`() {
        var queue = GossipQueue()
        queue.enqueue(news("a"))
        queue.enqueue(news("b"))
        var carried = [queue.take(1, retransmitLimit: 2), queue.take(1, retransmitLimit: 2)]
        #expect(carried == [[news("a")], [news("b")]])
        queue.enqueue(news("a", .dead))
        #expect(queue.count == 2)
        carried = [queue.take(1, retransmitLimit: 2), queue.take(9, retransmitLimit: 2)]
        #expect(carried == [[news("a", .dead)], [news("b"), news("a", .dead)]])
        #expect(queue.isEmpty)
    }
}

// The way out when a majority is lost for ever, and the choice of who votes.

import Base
import Testing

@testable import Consensus

@Suite struct RecoveryTests {
    @Test func `a surviving node goes on alone with all that it has`() {
        var bench = Bench(restored: disk([1, 2, 2], term: 5, votedFor: c))
        #expect(bench.wait(.seconds(10)).committed.isEmpty)
        bench = Bench(restored: bench.disk.recovered(asOnlyVoter: a))
        #expect(bench.wait(.milliseconds(1)).committed == [1, 2, 3, 4, 5])
        #expect(bench.raft.role == .leader)
        #expect(bench.raft.participants.all == [a])
        #expect(bench.step(.change(.addLearner(b), ProposalID(1))).refusals.isEmpty)
    }

    @Test func `a recovered node survives its next crash, and a snapshot before`() {
        var bench = Bench()
        bench.receive(
            .installSnapshot(Snapshot(index: LogIndex(3), term: Term(2), state: [1])), from: b,
            term: 2)
        bench = Bench(restored: bench.disk.recovered(asOnlyVoter: a))
        bench.wait(.seconds(1))
        #expect(bench.raft.commitIndex == LogIndex(5))
        #expect(bench.disk.participants?.voters == [a])
        bench = Bench(restored: bench.disk)
        bench.wait(.seconds(1))
        #expect(bench.raft.role == .leader)
    }

    @Test func `an old voter that comes back after all is not followed and not elected`() {
        var bench = Bench(restored: disk([1], term: 5).recovered(asOnlyVoter: a))
        bench.wait(.seconds(1))
        let old = bench.receive(append(after: 1, of: 1, terms: [7]), from: b, term: 7)
        #expect(old.sends.map(\.kind) == [.appendReply(accepted: false, matched: .zero)])
        #expect(bench.raft.role == .leader)
        #expect(DurableState.empty.participants == nil)
    }
}

@Suite struct VoterPolicyTests {
    private let nodes = (1...7).map { NodeID("n\($0)") }

    private func next(
        _ voters: [NodeID], _ learners: [NodeID] = [], configured: [NodeID]? = nil,
        gone: [NodeID] = [], leader: NodeID = NodeID("n1"), limit: Int = 5
    ) throws -> ParticipantsChange? {
        let participants = try #require(Participants(voters: voters, learners: learners))
        return VoterPolicy(voterLimit: limit).nextChange(
            of: participants, configured: configured ?? nodes,
            healthy: Set(nodes).subtracting(gone), leader: leader)
    }

    @Test func `five of seven vote, in the operator's order`() throws {
        let five = Array(nodes[..<5])
        #expect(try next(five, Array(nodes[5...])) == nil)
        #expect(try next(Array(nodes[..<4]), Array(nodes[4...])) == .promote(nodes[4]))
        #expect(try next([nodes[0]], Array(nodes[1...])) == .promote(nodes[1]))
        #expect(try next(five, [nodes[5]]) == .addLearner(nodes[6]))
    }

    @Test func `a voter that is gone gives its place only to a learner that is there`() throws {
        let (five, learners) = (Array(nodes[..<5]), Array(nodes[5...]))
        #expect(try next(five, learners, gone: [nodes[2]]) == .demote(nodes[2]))
        let without = five.filter { $0 != nodes[2] }
        #expect(
            try next(without, learners + [nodes[2]], gone: [nodes[2]]) == .promote(nodes[5]))
        #expect(try next(five, learners, gone: [nodes[2]] + learners) == nil)
        let replaced = without + [nodes[5]]
        #expect(
            try next(replaced, [nodes[2], nodes[6]]) == nil, "coming back takes no place away")
    }

    @Test func `a node that is replaced for good is removed, the leader last`() throws {
        let configured = Array(nodes[2..<6])
        #expect(
            try next([nodes[0], nodes[1], nodes[2]], [], configured: configured)
                == .addLearner(nodes[3]))
        let learners = Array(nodes[3..<6])
        let before = [nodes[0], nodes[1], nodes[2]]
        #expect(try next(before, learners, configured: configured) == .promote(nodes[3]))
        #expect(
            try next(before + [nodes[3], nodes[4]], [nodes[5]], configured: configured)
                == .remove(nodes[1]), "n1 leads")
        #expect(try next([nodes[0]], [], configured: [nodes[1]]) == .addLearner(nodes[1]))
        #expect(
            try next([nodes[0]], [nodes[1]], configured: [nodes[1]], limit: 1) == .promote(nodes[1])
        )
        #expect(
            try next([nodes[0], nodes[1]], [], configured: [nodes[1]], limit: 1)
                == .remove(nodes[0]))
    }

    @Test(arguments: UInt64(1)...200)
    func `whatever it begins with, it ends after a few steps, and each is one that is taken`(
        seed: UInt64
    ) throws {
        var generator = SeededGenerator(seed: seed)
        func some(_ chance: Double) -> [NodeID] { nodes.filter { _ in generator.chance(chance) } }
        let (configured, healthy) = (some(0.7).shuffled(using: &generator), Set(some(0.8)))
        let (voters, learners) = (some(0.5), some(0.4))
        guard !configured.isEmpty, let leader = voters.first,
            var participants = Participants(voters: voters, learners: learners)
        else { return }
        let policy = VoterPolicy(voterLimit: Int.random(in: 1...5, using: &generator))
        var steps = 0
        while let change = policy.nextChange(
            of: participants, configured: configured, healthy: healthy, leader: leader)
        {
            participants = try participants.after(change).get()
            steps += 1
            try #require(steps < 30, "seed \(seed): \(change) again and again")
        }
        let isPossible = configured.contains { healthy.contains($0) }
        #expect(participants.learners.allSatisfy(configured.contains), "seed \(seed)")
        if isPossible {
            #expect(participants.voters.allSatisfy(configured.contains), "seed \(seed)")
            #expect(participants.voters.count <= policy.voterLimit, "seed \(seed)")
        }
    }
}

// What the thesis claims of changes of the participants (chapter 4), and the mistakes that are
// classic for them, a test for each.

import Base
import Testing

@testable import Consensus

@Suite struct ParticipantsTests {
    private static func accepted(_ index: UInt64) -> RaftMessage.Kind {
        .appendReply(accepted: true, matched: LogIndex(index))
    }

    /// A leader of term 1 that has committed its first entry with all voters.
    private func leader(
        voters: [NodeID] = [a, b, c], learners: [NodeID] = []
    ) -> Bench {
        var bench = Bench(voters: voters, learners: learners)
        bench.elect()
        for peer in voters + learners where peer != a {
            bench.receive(Self.accepted(1), from: peer)
        }
        return bench
    }

    private func participants(_ voters: [NodeID], learners: [NodeID] = []) throws -> Participants {
        try #require(Participants(voters: voters, learners: learners))
    }

    private func entry(_ index: UInt64, _ term: UInt64, _ participants: Participants) -> LogEntry {
        LogEntry(index: LogIndex(index), term: Term(term), payload: .participants(participants))
    }

    // MARK: - Rules

    @Test func `participants are in force as soon as they are in the log (thesis 4.1)`() throws {
        var bench = leader()
        let added = bench.step(.change(.addLearner(d), ProposalID(1)))
        #expect(added.contains(.proposed(ProposalID(1), LogIndex(2), Term(1))))
        #expect(bench.raft.participants == (try participants([a, b, c], learners: [d])))
        #expect(bench.raft.commitIndex == LogIndex(1))
        #expect(added.messages(to: d).map(\.appended) == [[2]])
    }

    @Test func `a second change is refused until the first is committed (thesis 4.1)`() {
        var bench = leader()
        bench.step(.change(.addLearner(d), ProposalID(1)))
        let second = bench.step(.change(.remove(b), ProposalID(2)))
        #expect(second == [.refused(ProposalID(2), .changeUnderWay(LogIndex(2)))])
        bench.receive(Self.accepted(2), from: b)
        #expect(bench.step(.change(.remove(b), ProposalID(3))).refusals.isEmpty)
    }

    @Test func `a new leader changes nothing before it has committed in its term (2015)`() {
        var bench = Bench()
        bench.elect()
        #expect(bench.step(.change(.remove(b), ProposalID(1))).refusals == [.newLeader])
        bench.receive(Self.accepted(1), from: b)
        #expect(bench.step(.change(.remove(b), ProposalID(2))).refusals.isEmpty)
    }

    @Test func `the commit of a change needs a majority of the new voters (thesis 4.1)`() {
        var bench = leader(learners: [d])
        bench.step(.change(.promote(d), ProposalID(1)))
        #expect(bench.receive(Self.accepted(2), from: b).committed.isEmpty, "2 of 4 are too few")
        #expect(bench.receive(Self.accepted(2), from: d).committed == [2], "the new voter counts")
    }

    @Test func `a learner's copy does not count`() {
        var bench = leader(learners: [d, e])
        bench.step(.propose([1], ProposalID(1)))
        for learner in [d, e] {
            #expect(bench.receive(Self.accepted(2), from: learner).committed.isEmpty)
        }
        #expect(bench.receive(Self.accepted(2), from: b).committed == [2])
    }

    @Test func `a learner's vote does not count`() {
        var bench = Bench(voters: [a, b, c], learners: [d, e])
        bench.wait(.seconds(2))
        for learner in [d, e] {
            bench.receive(.preVoteReply(granted: true), from: learner, term: 1)
        }
        #expect(bench.raft.role == .preCandidate)
        bench.receive(.preVoteReply(granted: true), from: b, term: 1)
        for learner in [d, e] { bench.receive(.voteReply(granted: true), from: learner) }
        #expect(bench.raft.role == .candidate)
    }

    @Test func `who may have been promoted unknowingly votes, or the cluster could stand still`() {
        // a alone promoted b, and crashed before b heard: only b's vote lets a lead again.
        var bench = Bench(b, voters: [a], learners: [b], restored: disk([1], term: 1))
        let same = bench.receive(
            .voteRequest(lastIndex: LogIndex(1), lastTerm: Term(1)), from: a, term: 2)
        #expect(same.sends.map(\.kind) == [.voteReply(granted: false)], "nothing can have changed")
        let longer = bench.receive(
            .voteRequest(lastIndex: LogIndex(2), lastTerm: Term(1)), from: a, term: 3)
        #expect(longer.sends.map(\.kind) == [.voteReply(granted: true)])
    }

    @Test func `participants that are cut off again give way to those before`() throws {
        var bench = Bench()
        let first = try participants([a, b, c], learners: [d])
        let second = try participants([a, b, c, d])
        bench.receive(
            .append(
                previousIndex: .zero, previousTerm: .zero,
                entries: [entry(1, 1, first), entry(2, 1, second)], commit: .zero), from: b, term: 1
        )
        #expect(bench.raft.participants == second)
        bench.receive(append(after: 1, of: 1, terms: [2]), from: c, term: 2)
        #expect(bench.raft.participants == first)
        bench.receive(append(after: 0, of: 0, terms: [3]), from: b, term: 3)
        #expect(bench.raft.participants == (try participants([a, b, c])), "the first again")
    }

    @Test func `participants survive a crash, a compaction and a snapshot`() throws {
        var bench = leader()
        bench.step(.change(.addLearner(d), ProposalID(1)))
        bench.receive(Self.accepted(2), from: b)
        let with = try participants([a, b, c], learners: [d])
        #expect(Bench(restored: bench.disk).raft.participants == with)
        bench.step(.compact(upTo: LogIndex(2), state: [9]))
        #expect(bench.disk.snapshot?.participants == with)
        #expect(bench.raft.participants == with)
        let again = Bench(restored: bench.disk)
        #expect(again.raft.participants == with)
        let snapshot = try #require(bench.disk.snapshot)
        var other = Bench(e, voters: [a, b, c], learners: [e])
        other.receive(.installSnapshot(snapshot), from: a, term: 1)
        #expect(other.raft.participants == with)
    }

    @Test func `a snapshot has the participants of its index, not newer ones`() {
        var bench = leader()
        bench.step(.change(.addLearner(d), ProposalID(1)))
        bench.step(.compact(upTo: LogIndex(1), state: [9]))
        #expect(bench.disk.snapshot?.participants == nil)
        #expect(bench.raft.participants.contains(d))
    }

    @Test func `a node that joins is silent until a leader speaks to it`() {
        var bench = Bench(e, voters: [])
        #expect(bench.wait(.seconds(20)).isEmpty)
        let answer = bench.receive(append(after: 0, of: 0, terms: [4]), from: c, term: 4)
        #expect(answer.sends.map(\.kind) == [Self.accepted(1)])
        #expect(bench.wait(.seconds(20)).sends.isEmpty)
    }

    @Test func `what the log says beats what the node started with`() throws {
        let disk = DurableState(
            hardState: HardState(term: Term(1), votedFor: nil), snapshot: nil,
            entries: [entry(1, 1, try participants([b, c]))])
        var bench = Bench(a, voters: [a], restored: disk)
        #expect(bench.raft.quorum.voters == [b, c])
        bench.receive(append(after: 1, of: 1, commit: 1), from: b, term: 2)
        #expect(bench.wait(.seconds(10)).sends.isEmpty)
        #expect(bench.raft.role == .follower)
    }

    // MARK: - Refusals

    @Test func `changes that make no sense are refused with the reason`() {
        var bench = leader(learners: [d])
        for (change, reason) in [
            (ParticipantsChange.addLearner(b), RaftRefusal.takesPartAlready(b)),
            (.addLearner(d), .takesPartAlready(d)), (.promote(b), .noLearner(b)),
            (.promote(e), .noLearner(e)), (.demote(d), .noVoter(d)), (.remove(e), .takesNoPart(e)),
        ] {
            #expect(bench.step(.change(change, ProposalID(1))).refusals == [reason])
        }
        #expect(bench.raft.lastIndex == LogIndex(1))
        var follower = Bench(b)
        follower.receive(append(after: 0, of: 0), from: a, term: 1)
        #expect(follower.step(.change(.remove(c), ProposalID(1))).refusals == [.notLeader(a)])
    }

    @Test func `the last voter is neither removed nor demoted`() {
        var bench = leader(voters: [a], learners: [b])
        for change in [ParticipantsChange.remove(a), .demote(a)] {
            #expect(bench.step(.change(change, ProposalID(1))).refusals == [.lastVoter(a)])
        }
        #expect(bench.step(.change(.remove(b), ProposalID(1))).refusals.isEmpty)
    }

    @Test func `a learner is promoted only when it has caught up and answers`() {
        var bench = Bench(
            learners: [d], configuration: RaftConfiguration(promotionLagLimit: 2))
        bench.elect()
        for number in 1...5 as ClosedRange<UInt64> { bench.step(.propose([1], ProposalID(number))) }
        for peer in [b, c] { bench.receive(Self.accepted(6), from: peer) }
        bench.receive(Self.accepted(3), from: d)
        let early = bench.step(.change(.promote(d), ProposalID(7)))
        #expect(early.refusals == [.lagging(d, entries: 3)])
        bench.receive(Self.accepted(4), from: d)
        for _ in 0..<10 {
            bench.wait(.milliseconds(100))
            for peer in [b, c] { bench.receive(Self.accepted(6), from: peer) }
        }
        let silent = bench.step(.change(.promote(d), ProposalID(8)))
        #expect(silent.refusals == [.lagging(d, entries: 2)])
        bench.receive(Self.accepted(4), from: d)
        #expect(bench.step(.change(.promote(d), ProposalID(9))).refusals.isEmpty)
    }

    @Test func `a change that could never be committed is refused`() {
        var bench = leader()
        for _ in 0..<10 {
            bench.wait(.milliseconds(100))
            bench.receive(Self.accepted(1), from: b)
        }
        let removal = bench.step(.change(.remove(b), ProposalID(1)))
        #expect(removal.refusals == [.noMajorityAfterwards(answering: 1, need: 2)])
        #expect(bench.step(.change(.remove(c), ProposalID(2))).refusals.isEmpty)
    }

    // MARK: - Removal

    @Test func `a leader that is removed does not count itself, and leaves when it is agreed`() {
        var bench = leader()
        bench.step(.change(.remove(a), ProposalID(1)))
        #expect(bench.raft.role == .leader)
        #expect(
            bench.receive(Self.accepted(2), from: b).committed.isEmpty, "b alone is no majority")
        let agreed = bench.receive(Self.accepted(2), from: c)
        #expect(agreed.committed == [2])
        #expect(bench.raft.role == .follower)
        #expect(
            agreed.messages(to: b).last?.kind == .timeoutNow, "a successor campaigns at once")
        #expect(bench.wait(.seconds(20)).sends.isEmpty, "it asks for no votes")
    }

    @Test func `who is cut off with its own removal brings it to the others (thesis 4.2.2)`() throws
    {
        // a removed itself and crashed; b lacks that entry, and so could not win without a.
        let entries = [
            entry(1, 1, try participants([a, b])), entry(2, 1, try participants([b])),
        ]
        var bench = Bench(
            voters: [a, b],
            restored: DurableState(
                hardState: HardState(term: Term(1), votedFor: a), snapshot: nil, entries: entries))
        bench.wait(.seconds(2))
        #expect(bench.raft.role == .preCandidate)
        bench.receive(.preVoteReply(granted: true), from: b, term: 2)
        #expect(bench.raft.role == .candidate, "b's vote alone is the majority")
        bench.receive(.voteReply(granted: true), from: b)
        #expect(bench.receive(Self.accepted(3), from: b).committed == [1, 2, 3])
        #expect(bench.raft.role == .follower)
    }

    @Test func `a leader that removed itself and hears nobody steps down`() {
        var bench = leader(voters: [a, b])
        bench.step(.change(.remove(a), ProposalID(1)))
        bench.wait(.seconds(3))
        #expect(bench.raft.role != .leader)
    }

    @Test func `a demoted leader leaves too, and learns on`() {
        var bench = leader()
        bench.step(.change(.demote(a), ProposalID(1)))
        for peer in [b, c] { bench.receive(Self.accepted(2), from: peer) }
        #expect(bench.raft.role == .follower)
        #expect(bench.raft.participants.learners == [a])
    }

    @Test func `a removed node is told, and then left alone`() {
        var bench = leader()
        let removal = bench.step(.change(.remove(c), ProposalID(1)))
        #expect(removal.messages(to: c).map(\.appended) == [[2]])
        bench.receive(Self.accepted(2), from: b)
        bench.receive(Self.accepted(2), from: c)
        bench.wait(.milliseconds(150))
        bench.receive(Self.accepted(2), from: b)
        #expect(bench.wait(.milliseconds(800)).messages(to: c).isEmpty)
    }

    @Test func `a removed node that is gone is not spoken to for ever`() {
        var bench = leader()
        bench.step(.change(.remove(c), ProposalID(1)))
        bench.receive(Self.accepted(2), from: b)
        for _ in 0..<30 {
            bench.wait(.milliseconds(100))
            bench.receive(Self.accepted(2), from: b)
        }
        #expect(bench.wait(.milliseconds(500)).messages(to: c).isEmpty)
    }

    @Test func `a removed node that has not heard of it deposes nobody (thesis 4.2.3)`() {
        var bench = leader()
        bench.step(.change(.remove(c), ProposalID(1)))
        bench.receive(Self.accepted(2), from: b)
        let far = LogIndex(1)
        let asked =
            bench.receive(.preVoteRequest(lastIndex: far, lastTerm: Term(1)), from: c, term: 2)
            + bench.receive(.voteRequest(lastIndex: far, lastTerm: Term(1)), from: c, term: 9)
        #expect(asked.messages(to: c).map(\.kind).contains(.voteReply(granted: false)))
        #expect(bench.raft.role == .leader)
        #expect(bench.raft.term == Term(1))
    }
}

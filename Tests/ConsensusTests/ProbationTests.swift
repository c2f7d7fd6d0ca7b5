// Voters that come back with nothing, or with less than they had confirmed: what of them counts, and when
// again. Each mistake that would let a forgotten promise matter has a test.

import Base
import Testing

@testable import Consensus

@Suite struct ProbationTests {
    private static func disk(of node: NodeID) -> DiskID {
        DiskID(UInt64(node.name.utf8.first ?? 0))
    }

    private static let other = DiskID(9999)

    private static func accepted(_ index: UInt64) -> RaftMessage.Kind {
        .appendReply(accepted: true, matched: LogIndex(index))
    }

    /// `a`'s log: an entry of term 1, and the participants with the disks of some voters.
    private func restored(
        _ voters: [NodeID], remembering: [NodeID], vote: UInt64 = 1
    ) throws -> DurableState {
        let disks = remembering.map { ($0, Self.disk(of: $0)) }
        let participants = try #require(
            Participants(voters: voters, disks: Dictionary(uniqueKeysWithValues: disks)))
        let entries = [
            LogEntry(index: LogIndex(1), term: Term(1), payload: .leadership),
            LogEntry(index: LogIndex(2), term: Term(1), payload: .participants(participants)),
        ]
        return DurableState(
            hardState: HardState(term: Term(vote), votedFor: nil), snapshot: nil, entries: entries)
    }

    private func bench(
        _ voters: [NodeID], remembering: [NodeID]? = nil, disk: DiskID? = nil
    ) throws -> Bench {
        Bench(
            voters: voters,
            restored: try restored(voters, remembering: remembering ?? voters),
            disk: disk ?? Self.disk(of: a))
    }

    /// Has the node campaign, with those votes, given on these disks.
    private func elect(_ bench: inout Bench, by voters: [NodeID], on disks: [NodeID: DiskID] = [:])
    {
        while bench.raft.role == .follower { bench.wait(.milliseconds(100)) }
        for voter in voters where bench.raft.role == .preCandidate {
            bench.answer(
                .preVoteReply(granted: true), from: voter,
                on: disks[voter] ?? Self.disk(of: voter), term: bench.raft.term.next)
        }
        for voter in voters where bench.raft.role == .candidate {
            bench.answer(
                .voteReply(granted: true), from: voter, on: disks[voter] ?? Self.disk(of: voter))
        }
    }

    /// A leader whose own entry, 3, is committed by all.
    private func leader(_ voters: [NodeID]) throws -> Bench {
        var bench = try bench(voters)
        elect(&bench, by: voters.filter { $0 != a })
        for voter in voters where voter != a {
            bench.answer(Self.accepted(3), from: voter, on: Self.disk(of: voter))
        }
        return bench
    }

    // MARK: - Counting

    @Test(arguments: [[a, b, c], [a, b, c, d, e]])
    func `of an odd number, a vote on another disk elects nobody`(voters: [NodeID]) throws {
        var bench = try bench(voters)
        let majority = Array(voters.dropFirst().prefix(voters.count / 2))
        elect(&bench, by: majority, on: [b: Self.other])
        #expect(bench.raft.role == .preCandidate, "not even a pre-vote counts")
        let last = try #require(voters.last)
        bench.answer(
            .preVoteReply(granted: true), from: last, on: Self.disk(of: last), term: Term(2))
        #expect(bench.raft.role == .candidate)
        for voter in majority {
            bench.answer(
                .voteReply(granted: true), from: voter,
                on: voter == b ? Self.other : Self.disk(of: voter))
        }
        #expect(bench.raft.role == .candidate)
        bench.answer(.voteReply(granted: true), from: last, on: Self.disk(of: last))
        #expect(bench.raft.role == .leader)
    }

    @Test(arguments: [[a, b], [a, b, c, d]])
    func `of an even number, half that remember suffice beside one that has forgotten`(
        voters: [NodeID]
    ) throws {
        var bench = try bench(voters)
        let majority = Array(voters.dropFirst().prefix(voters.count / 2))
        elect(&bench, by: majority, on: [b: Self.other])
        #expect(bench.raft.role == .leader)
        for voter in majority {
            bench.answer(
                Self.accepted(3), from: voter, on: voter == b ? Self.other : Self.disk(of: voter))
        }
        #expect(bench.raft.commitIndex == LogIndex(3))
    }

    @Test(arguments: [([a, b, c], false), ([a, b, c, d], true), ([a, b, c, d, e], true)])
    func `two that have forgotten stop a cluster of three, and not one of four or five`(
        voters: [NodeID], isElected: Bool
    ) throws {
        var bench = try bench(voters)
        elect(
            &bench, by: voters.filter { $0 != a }, on: [b: Self.other, c: Self.other])
        #expect((bench.raft.role == .leader) == isElected)
    }

    @Test func `a copy on another disk commits nothing in a cluster of three`() throws {
        var bench = try leader([a, b, c])
        bench.step(.propose([1], ProposalID(1)))
        #expect(bench.answer(Self.accepted(4), from: b, on: Self.other).committed.isEmpty)
        #expect(bench.answer(Self.accepted(4), from: c, on: Self.disk(of: c)).committed == [4])
    }

    @Test func `a node on another disk does not count itself`() throws {
        var bench = try bench([a, b, c], disk: Self.other)
        elect(&bench, by: [b])
        #expect(bench.raft.role == .preCandidate)
        elect(&bench, by: [b, c])
        #expect(bench.raft.onProbation == [a])
    }

    @Test func `no read is answered on the word of one that has forgotten`() throws {
        var bench = try leader([a, b, c])
        bench.step(.read(ReadID(1)))
        let reply = RaftMessage.Kind.appendReply(
            accepted: true, matched: LogIndex(3), round: ReadRound(1))
        let first = bench.answer(reply, from: b, on: Self.other)
        #expect(!first.contains(.readable(ReadID(1))))
        #expect(bench.answer(reply, from: c, on: Self.disk(of: c)).contains(.readable(ReadID(1))))
    }

    @Test func `what the old disk had confirmed is gone with it`() throws {
        var bench = try leader([a, b])
        bench.step(.propose([1], ProposalID(1)))
        bench.answer(
            .appendReply(accepted: false, matched: .zero), from: b, on: Self.other)
        #expect(bench.raft.progress[b]?.match == .zero)
        #expect(bench.raft.commitIndex == LogIndex(3))
        bench.answer(Self.accepted(4), from: b, on: Self.other)
        #expect(bench.raft.commitIndex == LogIndex(4))
    }

    // MARK: - From disk to disk

    @Test func `disks are recorded once every voter that answers has said its own`() throws {
        var bench = Bench(voters: [a, b, c], disk: Self.disk(of: a))
        bench.elect()
        bench.answer(Self.accepted(1), from: b, on: Self.disk(of: b))
        bench.wait(.milliseconds(300))
        #expect(bench.raft.participants.disks == nil, "c may say nothing of disks")
        bench.answer(Self.accepted(1), from: c, on: Self.disk(of: c))
        bench.wait(.milliseconds(300))
        let disks = Dictionary(uniqueKeysWithValues: [a, b, c].map { ($0, Self.disk(of: $0)) })
        #expect(bench.raft.participants.disks == disks)
        #expect(bench.raft.onProbation.isEmpty)
    }

    @Test func `a silent disk is not recorded, and none is while somebody speaks without one`() {
        var bench = Bench(voters: [a, b, c], disk: Self.disk(of: a))
        bench.elect()
        for _ in 0..<20 {
            bench.receive(Self.accepted(1), from: b)
            bench.answer(Self.accepted(1), from: c, on: Self.disk(of: c))
            bench.wait(.milliseconds(200))
        }
        #expect(bench.raft.participants.disks == nil)
    }

    @Test func `a new disk is trusted when it is agreed that the old one is not, and known to it`()
        throws
    {
        var bench = try leader([a, b, c])
        bench.answer(
            .appendReply(accepted: false, matched: .zero), from: b, on: Self.other)
        let doubts = bench.wait(.milliseconds(200))
        #expect(doubts.contains(.disk(b, .replaced)))
        #expect(bench.raft.participants.disks?[b] == nil)
        #expect(bench.raft.onProbation == [b])
        // Its own copy is none of those that agree on it.
        bench.answer(Self.accepted(4), from: b, on: Self.other)
        bench.wait(.milliseconds(200))
        #expect(bench.raft.commitIndex == LogIndex(3) && bench.raft.lastIndex == LogIndex(4))
        bench.answer(Self.accepted(4), from: c, on: Self.disk(of: c))
        let trusts = bench.wait(.milliseconds(200))
        #expect(trusts.contains(.disk(b, .trusted)))
        #expect(bench.raft.participants.disks?[b] == Self.other)
        bench.answer(Self.accepted(5), from: b, on: Self.other)
        #expect(bench.raft.commitIndex == LogIndex(5), "the new disk counts")
    }

    @Test func `a voter that lacks what is agreed stays on probation`() throws {
        var bench = try leader([a, b, c])
        bench.answer(.appendReply(accepted: false, matched: .zero), from: b, on: Self.other)
        bench.wait(.milliseconds(200))
        bench.answer(Self.accepted(4), from: c, on: Self.disk(of: c))
        bench.answer(Self.accepted(3), from: b, on: Self.other)
        bench.wait(.milliseconds(400))
        #expect(bench.raft.onProbation == [b])
    }

    @Test func `nobody trusts a disk in the place of another`() throws {
        let disks = [a: DiskID(1), b: DiskID(2)]
        let participants = try #require(Participants(voters: [a, b, c], disks: disks))
        let refused = participants.after(.trust([b: Self.other]))
        #expect(refused == .failure(.remembersAlready(b)))
        let doubted = try participants.after(.doubt([a, b])).get()
        #expect(doubted.disks == [:], "and that is not the same as never recorded")
        #expect(!doubted.remembers(c, Self.other))
        #expect(try doubted.after(.remove(c)).get().disks == [:])
        #expect(try participants.after(.remove(a)).get().disks == [b: DiskID(2)])
    }

    @Test func `too many lost disks are not written down: the log could not agree on it`() throws {
        var bench = try leader([a, b, c])
        for voter in [b, c] {
            bench.answer(.appendReply(accepted: false, matched: .zero), from: voter, on: Self.other)
        }
        bench.wait(.milliseconds(200))
        #expect(bench.raft.participants.disks?.count == 3)
        #expect(bench.raft.role == .follower, "it does not lead without enough that remember")
    }

    // MARK: - Older copies

    @Test func `a log that is shorter than what its disk had confirmed is an older copy`() throws {
        var bench = try leader([a, b, c])
        bench.answer(
            .appendReply(accepted: false, matched: LogIndex(2)), from: b, on: Self.disk(of: b),
            life: 2)
        bench.step(.propose([1], ProposalID(1)))
        bench.answer(Self.accepted(4), from: b, on: Self.disk(of: b), life: 2)
        #expect(bench.raft.commitIndex == LogIndex(3), "it does not count")
        #expect(bench.wait(.milliseconds(200)).contains(.disk(b, .rolledBack)))
        bench.answer(Self.accepted(5), from: c, on: Self.disk(of: c))
        bench.answer(Self.accepted(5), from: b, on: Self.disk(of: b), life: 2)
        bench.wait(.milliseconds(200))
        #expect(bench.raft.onProbation.isEmpty, "the same disk may be trusted again")
    }

    @Test func `a restarted voter that has what it confirmed is none`() throws {
        var bench = try leader([a, b, c])
        bench.answer(Self.accepted(3), from: b, on: Self.disk(of: b), life: 2)
        bench.answer(
            .appendReply(accepted: false, matched: LogIndex(2)), from: b, on: Self.disk(of: b),
            life: 2)
        bench.wait(.milliseconds(200))
        #expect(bench.raft.onProbation.isEmpty, "a late refusal of the same life says nothing")
    }

    // MARK: - Voters that go

    /// A leader of a, b and c that was asked to take the vote of c, and has agreed on the first step.
    private func leaderThatDoubts() throws -> Bench {
        var bench = try leader([a, b, c])
        #expect(bench.step(.change(.demote(c), ProposalID(1))).refusals.isEmpty)
        #expect(bench.raft.participants.voters == [a, b, c])
        #expect(bench.raft.onProbation == [c])
        let second = bench.step(.change(.demote(c), ProposalID(2))).refusals
        #expect(second == [.changeUnderWay(LogIndex(4))], "one step at a time")
        bench.answer(Self.accepted(4), from: c, on: Self.disk(of: c))
        #expect(bench.raft.commitIndex == LogIndex(3), "c is none of those that agree on it")
        bench.answer(Self.accepted(4), from: b, on: Self.disk(of: b))
        #expect(bench.raft.commitIndex == LogIndex(4))
        return bench
    }

    @Test func `a voter that goes is doubted first, and not trusted anew in between`() throws {
        var bench = try leaderThatDoubts()
        bench.wait(.milliseconds(200))
        bench.answer(Self.accepted(4), from: c, on: Self.disk(of: c))
        bench.answer(Self.accepted(4), from: b, on: Self.disk(of: b))
        bench.wait(.milliseconds(200))
        #expect(bench.raft.onProbation == [c])
        #expect(bench.step(.change(.demote(c), ProposalID(3))).refusals.isEmpty)
        #expect(bench.raft.participants.voters == [a, b])
        #expect(bench.raft.participants.learners == [c])
    }

    @Test func `a voter that does not go after all is trusted again`() throws {
        var bench = try leaderThatDoubts()
        for _ in 0..<60 {
            bench.wait(.milliseconds(200))
            for voter in [b, c] {
                bench.answer(
                    Self.accepted(bench.raft.lastIndex.value), from: voter, on: Self.disk(of: voter)
                )
            }
        }
        #expect(bench.raft.onProbation.isEmpty)
    }

    @Test func `no voter is doubted where too few of those that remember are there`() throws {
        var bench = try leader([a, b, c])
        for _ in 0..<10 {
            bench.wait(.milliseconds(200))
            bench.answer(Self.accepted(3), from: c, on: Self.disk(of: c))
        }
        let refusals = bench.step(.change(.remove(c), ProposalID(1))).refusals
        #expect(refusals == [.noMajorityAfterwards(answering: 1, need: 2)])
    }

    @Test func `nobody is promoted where too few would remember then`() throws {
        var bench = try leader([a, b])
        bench.step(.change(.addLearner(c), ProposalID(1)))
        bench.answer(Self.accepted(4), from: b, on: Self.disk(of: b))
        bench.answer(.appendReply(accepted: false, matched: .zero), from: b, on: Self.other)
        bench.wait(.milliseconds(200))
        #expect(bench.raft.onProbation == [b])
        for voter in [b, c] {
            let disk = voter == b ? Self.other : Self.disk(of: c)
            bench.answer(Self.accepted(5), from: voter, on: disk)
        }
        #expect(bench.raft.commitIndex == LogIndex(5))
        let refusals = bench.step(.change(.promote(c), ProposalID(2))).refusals
        #expect(refusals == [.noMajorityAfterwards(answering: 1, need: 2)])
    }

    @Test func `with a voter away nobody is promoted on the bare number that must remember`()
        throws
    {
        let e = NodeID("e")
        var bench = try leader([a, b, c, d])
        bench.step(.change(.addLearner(e), ProposalID(1)))
        for _ in 0..<10 {
            bench.wait(.milliseconds(200))
            for node in [b, c, e] {
                bench.answer(Self.accepted(4), from: node, on: Self.disk(of: node))
            }
        }
        let refusals = bench.step(.change(.promote(e), ProposalID(2))).refusals
        #expect(refusals == [.noMajorityAfterwards(answering: 3, need: 4)])
        bench.answer(Self.accepted(4), from: d, on: Self.disk(of: d))
        #expect(bench.step(.change(.promote(e), ProposalID(3))).refusals.isEmpty)
    }
}

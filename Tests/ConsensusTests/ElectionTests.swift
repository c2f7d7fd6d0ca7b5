// What the paper and the thesis claim of elections, a test for each claim.

import Base
import Testing

@testable import Consensus

@Suite struct ElectionTests {
    @Test func `a follower that hears no leader asks for pre-votes within two seconds (§5.2)`() {
        var bench = Bench()
        #expect(bench.wait(.milliseconds(999)).isEmpty)
        let actions = bench.wait(.milliseconds(1001))
        let request = RaftMessage(1, .preVoteRequest(lastIndex: .zero, lastTerm: .zero))
        #expect(actions.messages(to: b).first == request)
        #expect(actions.messages(to: c).first == request)
    }

    @Test func `a pre-vote raises no term and writes nothing (thesis 9.6)`() {
        var bench = Bench()
        bench.wait(.milliseconds(2500))
        #expect(bench.raft.role == .preCandidate)
        #expect(bench.raft.term == .zero)
        #expect(bench.disk == .empty)
        bench.wait(.seconds(60))
        #expect(bench.raft.term == .zero, "an isolated node keeps its term")
    }

    @Test func `a majority of pre-votes starts the campaign, a majority of votes wins it (§5.2)`() {
        var bench = Bench(voters: [a, b, c, d, e])
        bench.wait(.seconds(2))
        bench.receive(.preVoteReply(granted: true), from: b, term: 1)
        #expect(bench.raft.role == .preCandidate)
        let campaign = bench.receive(.preVoteReply(granted: true), from: c, term: 1)
        #expect(bench.raft.role == .candidate)
        #expect(bench.raft.term == Term(1))
        #expect(campaign.sends.count == 4)
        bench.receive(.voteReply(granted: true), from: b)
        bench.receive(.voteReply(granted: true), from: b)
        #expect(bench.raft.role == .candidate, "a repeated vote counts once")
        bench.receive(.voteReply(granted: false), from: c)
        let victory = bench.receive(.voteReply(granted: true), from: d)
        #expect(bench.raft.role == .leader)
        #expect(victory.contains(.roleChanged(.leader, Term(1), leader: a)))
        #expect(victory.messages(to: e).first?.appended == [1])
    }

    @Test func `a vote is given once a term, first come first served (§5.2)`() {
        var bench = Bench()
        let request = RaftMessage.Kind.voteRequest(lastIndex: .zero, lastTerm: .zero)
        #expect(
            bench.receive(request, from: b, term: 1).messages(to: b)
                == [RaftMessage(1, .voteReply(granted: true))])
        #expect(
            bench.receive(request, from: c, term: 1).messages(to: c)
                == [RaftMessage(1, .voteReply(granted: false))])
        #expect(
            bench.receive(request, from: b, term: 1).messages(to: b)
                == [RaftMessage(1, .voteReply(granted: true))], "asked again, the same answer")
    }

    @Test func `a vote survives a crash (§5.2)`() {
        var bench = Bench(restored: disk([], term: 4, votedFor: b))
        let request = RaftMessage.Kind.voteRequest(lastIndex: .zero, lastTerm: .zero)
        #expect(
            bench.receive(request, from: c, term: 4).messages(to: c)
                == [RaftMessage(4, .voteReply(granted: false))])
    }

    @Test func `a vote is not said before it is on disk (figure 2)`() {
        var bench = Bench()
        bench.flushesAtOnce = false
        let asked = bench.receive(
            .voteRequest(lastIndex: .zero, lastTerm: .zero), from: b, term: 3)
        #expect(asked.sends.isEmpty)
        #expect(bench.disk.hardState == HardState(term: Term(3), votedFor: b))
        #expect(bench.flush().messages(to: b) == [RaftMessage(3, .voteReply(granted: true))])
    }

    @Test func `a campaign is not announced before the own vote is on disk (figure 2)`() {
        var bench = Bench()
        bench.wait(.seconds(2))
        bench.flushesAtOnce = false
        let campaign = bench.receive(.preVoteReply(granted: true), from: b, term: 1)
        #expect(campaign.sends.isEmpty)
        #expect(bench.flush().sends.count == 2)
    }

    @Test(arguments: [
        ([1, 1], 1, 9, true), ([1, 1], 1, 2, true), ([1, 1], 1, 1, false),
        ([1, 2], 1, 9, false), ([1, 1], 2, 1, true), ([], 0, 0, true),
    ])
    func `a candidate whose log is older is refused (§5.4.1)`(
        own: [UInt64], lastTerm: UInt64, lastIndex: UInt64, granted: Bool
    ) {
        var bench = Bench(restored: disk(own))
        let preVote = bench.receive(
            .preVoteRequest(lastIndex: LogIndex(lastIndex), lastTerm: Term(lastTerm)), from: b,
            term: 7)
        #expect(preVote.sends.map(\.kind) == [.preVoteReply(granted: granted)])
        let vote = bench.receive(
            .voteRequest(lastIndex: LogIndex(lastIndex), lastTerm: Term(lastTerm)), from: b,
            term: 7)
        #expect(vote.sends == [RaftMessage(7, .voteReply(granted: granted))])
    }

    @Test func `a node that hears a leader refuses pre-votes and votes (thesis 4.2.3)`() {
        var bench = Bench()
        bench.receive(append(after: 0, of: 0), from: b, term: 1)
        bench.wait(.milliseconds(900))
        let far = LogIndex(99)
        #expect(
            bench.receive(.preVoteRequest(lastIndex: far, lastTerm: Term(1)), from: c, term: 2)
                .sends == [RaftMessage(1, .preVoteReply(granted: false))])
        #expect(
            bench.receive(.voteRequest(lastIndex: far, lastTerm: Term(1)), from: c, term: 2)
                .sends == [RaftMessage(1, .voteReply(granted: false))])
        #expect(bench.raft.term == Term(1))
        bench.now = bench.now + .milliseconds(100)
        #expect(
            bench.receive(.preVoteRequest(lastIndex: far, lastTerm: Term(1)), from: c, term: 2)
                .sends == [RaftMessage(2, .preVoteReply(granted: true))])
    }

    @Test func `a message of an old term is answered with the newer one (§5.1)`() {
        var bench = Bench(restored: disk([], term: 5))
        for kind in [
            append(after: 0, of: 0), .voteRequest(lastIndex: .zero, lastTerm: .zero),
            .preVoteRequest(lastIndex: .zero, lastTerm: .zero),
            .installSnapshot(Snapshot(index: LogIndex(1), term: Term(1), state: [])),
        ] {
            #expect(bench.receive(kind, from: b, term: 4).sends.map(\.term) == [Term(5)])
        }
        #expect(bench.receive(.voteReply(granted: true), from: b, term: 4).isEmpty)
        #expect(bench.disk == disk([], term: 5))
    }

    @Test func `a leader that learns of a newer term steps down (§5.1)`() {
        var bench = Bench()
        bench.elect()
        bench.receive(.appendReply(accepted: false, matched: .zero), from: b, term: 9)
        #expect(bench.raft.role == .follower)
        #expect(bench.disk.hardState == HardState(term: Term(9), votedFor: nil))
    }

    @Test func `a leader that hears no majority steps down (thesis 6.2)`() {
        var bench = Bench(voters: [a, b, c, d, e])
        bench.elect()
        for _ in 0..<10 {
            bench.wait(.milliseconds(200))
            bench.receive(.appendReply(accepted: true, matched: LogIndex(1)), from: b)
            bench.receive(.appendReply(accepted: true, matched: LogIndex(1)), from: c)
        }
        #expect(bench.raft.role == .leader)
        #expect(bench.raft.contactedVoters(at: bench.now) == [a, b, c])
        for _ in 0..<5 {
            bench.wait(.milliseconds(200))
            bench.receive(.appendReply(accepted: true, matched: LogIndex(1)), from: b)
        }
        #expect(bench.raft.role == .follower)
        #expect(!bench.raft.hasQuorum)
    }

    @Test func `a suspected leader is replaced soon, a wrong suspicion deposes nobody`() throws {
        var bench = Bench()
        bench.receive(append(after: 0, of: 0), from: b, term: 1)
        bench.step(.leaderSuspected(c))
        #expect(bench.wait(.milliseconds(300)).sends.isEmpty, "that node does not lead")
        bench.step(.leaderSuspected(b))
        #expect(bench.wait(.milliseconds(300)).sends.count == 2)
        #expect(bench.raft.role == .preCandidate)
        bench.receive(append(after: 0, of: 0), from: b, term: 1)
        #expect(bench.raft.role == .follower)
        #expect(bench.raft.leader == b)
    }

    @Test func `a cluster of one leads and commits by itself, without waiting`() {
        var bench = Bench(voters: [a])
        #expect(bench.wait(.milliseconds(1)).committed == [1])
        #expect(bench.step(.propose([7], ProposalID(1))).committed == [2])
        #expect(bench.raft.hasQuorum)
        bench.wait(.seconds(10))
        #expect(bench.raft.role == .leader)
    }

    @Test func `a learner neither votes nor campaigns`() {
        var bench = Bench(e, voters: [a, b, c], learners: [e])
        #expect(bench.wait(.seconds(10)).sends.isEmpty)
        let vote = bench.receive(
            .voteRequest(lastIndex: .zero, lastTerm: .zero), from: a, term: 1)
        #expect(vote.sends.map(\.kind) == [.voteReply(granted: false)])
        let answer = bench.receive(append(after: 0, of: 0, terms: [1]), from: a, term: 1)
        bench.step(.received(RaftMessage(1, .timeoutNow), from: a))
        #expect(bench.raft.role == .follower)
        #expect(
            answer.sends.map(\.kind) == [.appendReply(accepted: true, matched: LogIndex(1))])
    }
}

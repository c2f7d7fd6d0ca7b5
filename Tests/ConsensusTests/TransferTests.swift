// Leadership transfer (thesis 3.10) and reads without a log entry (thesis 6.4).

import Base
import Testing

@testable import Consensus

@Suite struct TransferTests {
    private func accepted(_ index: UInt64, round: UInt64 = 0) -> RaftMessage.Kind {
        .appendReply(accepted: true, matched: LogIndex(index), round: ReadRound(round))
    }

    private func leader() -> Bench {
        var bench = Bench()
        bench.elect()
        for peer in [b, c] { bench.receive(accepted(1), from: peer) }
        return bench
    }

    // MARK: - Transfer

    @Test func `a successor that has the whole log is told to campaign at once`() {
        var bench = leader()
        let actions = bench.step(.transferLeadership(to: c, ProposalID(1)))
        #expect(actions == [.send(RaftMessage(1, .timeoutNow), to: c)])
        let left = bench.receive(
            .voteRequest(lastIndex: LogIndex(1), lastTerm: Term(1), isTransfer: true), from: c,
            term: 2)
        #expect(left.contains(.transferred(ProposalID(1))))
        #expect(left.messages(to: c).map(\.kind) == [.voteReply(granted: true)])
        #expect(bench.raft.role == .follower)
    }

    @Test func `a successor that lacks entries gets them first`() {
        var bench = leader()
        bench.step(.propose([1], ProposalID(1)))
        bench.receive(accepted(2), from: b)
        #expect(bench.step(.transferLeadership(to: c, ProposalID(2))).sends.isEmpty)
        let caughtUp = bench.receive(accepted(2), from: c)
        #expect(caughtUp.messages(to: c).map(\.kind) == [.timeoutNow])
    }

    @Test func `without a name, the voter that is furthest succeeds`() {
        var bench = leader()
        bench.step(.propose([1], ProposalID(1)))
        bench.receive(accepted(2), from: c)
        let actions = bench.step(.transferLeadership(to: nil, ProposalID(2)))
        #expect(actions.messages(to: c).map(\.kind) == [.timeoutNow])
    }

    @Test func `nothing is taken during a transfer, and all again after its timeout`() {
        var bench = leader()
        bench.step(.transferLeadership(to: c, ProposalID(1)))
        #expect(bench.step(.propose([1], ProposalID(2))).refusals == [.transferring(to: c)])
        #expect(
            bench.step(.change(.remove(b), ProposalID(3))).refusals == [.transferring(to: c)])
        #expect(
            bench.step(.transferLeadership(to: b, ProposalID(4))).refusals == [
                .transferring(to: c)
            ])
        var actions: [RaftAction] = []
        for _ in 0..<12 {
            actions += bench.wait(.milliseconds(100))
            for peer in [b, c] { bench.receive(accepted(1), from: peer) }
        }
        #expect(actions.contains(.refused(ProposalID(1), .transferTimedOut(c))))
        #expect(bench.step(.propose([1], ProposalID(5))).refusals.isEmpty)
    }

    @Test func `who cannot lead is not transferred to`() {
        var bench = leader()
        #expect(
            bench.step(.transferLeadership(to: a, ProposalID(1))).refusals == [.nobodyToTransferTo])
        #expect(bench.step(.transferLeadership(to: d, ProposalID(1))).refusals == [.noVoter(d)])
        var alone = Bench(voters: [a])
        alone.elect()
        #expect(
            alone.step(.transferLeadership(to: nil, ProposalID(1))).refusals
                == [.nobodyToTransferTo])
        var follower = Bench()
        #expect(
            follower.step(.transferLeadership(to: b, ProposalID(1))).refusals == [.notLeader(nil)])
    }

    @Test func `a successor campaigns without asking first, and others let it pass`() {
        var successor = Bench(b)
        successor.receive(append(after: 0, of: 0, terms: [1]), from: a, term: 1)
        let campaign = successor.receive(.timeoutNow, from: a)
        let request = RaftMessage.Kind.voteRequest(
            lastIndex: LogIndex(1), lastTerm: Term(1), isTransfer: true)
        #expect(campaign.messages(to: c) == [RaftMessage(2, request)])
        var other = Bench(c)
        other.receive(append(after: 0, of: 0, terms: [1]), from: a, term: 1)
        #expect(
            other.receive(request, from: b, term: 2).messages(to: b).map(\.kind)
                == [.voteReply(granted: true)])
    }

    // MARK: - Reads

    @Test func `a read is answered when a majority has confirmed the leader`() {
        var bench = leader()
        let asked = bench.step(.read(ReadID(1)))
        let heartbeat = RaftMessage.Kind.append(
            previousIndex: LogIndex(1), previousTerm: Term(1), entries: [], commit: LogIndex(1),
            round: ReadRound(1))
        #expect(asked == [b, c].map { .send(RaftMessage(1, heartbeat), to: $0) })
        #expect(bench.receive(accepted(1), from: b).isEmpty, "that was said before the read")
        #expect(bench.receive(accepted(1, round: 1), from: b) == [.readable(ReadID(1))])
    }

    @Test func `reads that come during a round share the next one`() {
        var bench = leader()
        bench.step(.read(ReadID(1)))
        for read in 2...9 as ClosedRange<UInt64> {
            #expect(bench.step(.read(ReadID(read))).isEmpty)
        }
        let first = bench.receive(accepted(1, round: 1), from: b)
        #expect(first.first == .send(RaftMessage(1, heartbeat(2)), to: b))
        #expect(first.last == .readable(ReadID(1)))
        let second = bench.receive(accepted(1, round: 2), from: c)
        #expect(second == (2...9 as ClosedRange<UInt64>).map { .readable(ReadID($0)) })
    }

    private func heartbeat(_ round: UInt64) -> RaftMessage.Kind {
        .append(
            previousIndex: LogIndex(1), previousTerm: Term(1), entries: [], commit: LogIndex(1),
            round: ReadRound(round))
    }

    @Test func `a new leader reads nothing before it has committed in its term (§8)`() {
        var bench = Bench()
        bench.elect()
        #expect(bench.step(.read(ReadID(1))).isEmpty)
        bench.receive(accepted(1), from: b)
        let answer = bench.receive(accepted(1, round: 1), from: b)
        #expect(answer.contains(.readable(ReadID(1))))
    }

    @Test func `a learner's answer confirms no leader`() {
        var bench = Bench(learners: [d])
        bench.elect()
        for peer in [b, d] { bench.receive(accepted(1), from: peer) }
        bench.step(.read(ReadID(1)))
        #expect(bench.receive(accepted(1, round: 1), from: d).isEmpty)
    }

    @Test func `reads are given up with the office, and refused without it`() {
        var bench = leader()
        bench.step(.read(ReadID(1)))
        bench.step(.read(ReadID(2)))
        let deposed = bench.receive(append(after: 1, of: 1), from: b, term: 2)
        #expect(deposed.contains(.unreadable(ReadID(1), .notLeader(nil))))
        #expect(deposed.contains(.unreadable(ReadID(2), .notLeader(nil))))
        #expect(bench.step(.read(ReadID(3))) == [.unreadable(ReadID(3), .notLeader(b))])
    }

    @Test func `reads that nobody confirms are given up, and their number is bounded`() {
        var bench = Bench(configuration: RaftConfiguration(readsLimit: 2))
        bench.elect()
        for peer in [b, c] { bench.receive(accepted(1), from: peer) }
        for read in 1...2 as ClosedRange<UInt64> { bench.step(.read(ReadID(read))) }
        #expect(bench.step(.read(ReadID(3))) == [.unreadable(ReadID(3), .tooMuchUncommitted)])
        var actions: [RaftAction] = []
        for _ in 0..<25 {
            actions += bench.wait(.milliseconds(100))
            for peer in [b, c] { bench.receive(accepted(1), from: peer) }
        }
        #expect(actions.contains(.unreadable(ReadID(1), .unconfirmed)))
        #expect(actions.contains(.unreadable(ReadID(2), .unconfirmed)))
    }

    @Test func `a cluster of one reads at once`() {
        var bench = Bench(voters: [a])
        bench.wait(.milliseconds(1))
        #expect(bench.step(.read(ReadID(1))) == [.readable(ReadID(1))])
    }
}

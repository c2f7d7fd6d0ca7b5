// What the paper claims of the log, a test for each claim.

import Base
import Testing

@testable import Consensus

@Suite struct ReplicationTests {
    private static func accepted(_ index: UInt64) -> RaftMessage.Kind {
        .appendReply(accepted: true, matched: LogIndex(index))
    }

    private static func refused(_ hint: UInt64) -> RaftMessage.Kind {
        .appendReply(accepted: false, matched: LogIndex(hint))
    }

    @Test func `an entry is committed when a majority has it, and followers hear at once (§5.3)`() {
        var bench = Bench()
        bench.elect()
        #expect(bench.receive(Self.accepted(1), from: b).committed == [1])
        let proposed = bench.step(.propose([42], ProposalID(7)))
        #expect(proposed.contains(.proposed(ProposalID(7), LogIndex(2), Term(1))))
        #expect(proposed.committed.isEmpty)
        let agreed = bench.receive(Self.accepted(2), from: b)
        #expect(agreed.committed == [2])
        #expect(agreed.messages(to: b).last?.kind == append(after: 2, of: 1, commit: 2))
    }

    @Test func `only entries of the leader's own term are committed by counting (figure 8)`() {
        var bench = Bench(voters: [a, b, c, d, e], restored: disk([1, 2], term: 3))
        bench.elect()
        #expect(bench.raft.term == Term(4))
        for peer in [b, c] { bench.receive(Self.accepted(2), from: peer) }
        #expect(bench.raft.commitIndex == .zero, "entry 2 of term 2 may still be overwritten")
        bench.receive(Self.accepted(3), from: b)
        #expect(bench.receive(Self.accepted(3), from: c).committed == [1, 2, 3])
    }

    @Test func `a leader counts its own copy only when it is on disk (thesis 10.2.1)`() {
        var bench = Bench()
        bench.elect()
        bench.receive(Self.accepted(1), from: b)
        bench.flushesAtOnce = false
        let proposed = bench.step(.propose([1], ProposalID(1)))
        #expect(proposed.messages(to: b).map(\.appended) == [[2]], "appends run ahead of the disk")
        #expect(bench.receive(Self.accepted(2), from: b).committed.isEmpty)
        #expect(bench.flush().committed == [2])
    }

    @Test func `a follower confirms entries only when they are on disk (figure 2)`() {
        var bench = Bench()
        bench.flushesAtOnce = false
        let received = bench.receive(append(after: 0, of: 0, terms: [1, 1]), from: b, term: 1)
        #expect(received.sends.isEmpty)
        #expect(bench.flush().sends.map(\.kind) == [Self.accepted(2)])
    }

    @Test func `a follower commits no further than the logs are known to agree (§5.3)`() {
        var bench = Bench(restored: disk([1, 1, 1]))
        let heartbeat = bench.receive(append(after: 1, of: 1, commit: 3), from: b, term: 2)
        #expect(heartbeat.committed == [1])
    }

    @Test func `a late append takes nothing back (§5.3)`() {
        var bench = Bench()
        bench.receive(append(after: 0, of: 0, terms: [1, 1, 1]), from: b, term: 1)
        let late = bench.receive(append(after: 0, of: 0, terms: [1]), from: b, term: 1)
        #expect(late.sends.map(\.kind) == [Self.accepted(1)])
        #expect(bench.raft.lastIndex == LogIndex(3))
    }

    @Test func `entries that contradict the leader's are overwritten (§5.3)`() {
        var bench = Bench(restored: disk([1, 1, 2, 2]))
        bench.receive(append(after: 2, of: 1, terms: [3]), from: b, term: 3)
        #expect(bench.disk.entries.map(\.term.value) == [1, 1, 3])
    }

    @Test(arguments: [
        // Too short: try at its end. Contradicting: skip the whole contradicting term.
        ([1, 1], 5, 4, 2), ([1, 1, 2, 2, 2], 5, 4, 2), ([1, 1, 1, 1, 1], 5, 4, 0), ([], 3, 1, 0),
    ])
    func `a refusal says where to try next (§5.3)`(
        own: [UInt64], index: UInt64, term: UInt64, hint: UInt64
    ) {
        var bench = Bench(restored: disk(own))
        let answer = bench.receive(append(after: index, of: term), from: b, term: 9)
        #expect(answer.sends.map(\.kind) == [Self.refused(hint)])
    }

    @Test func `a leader follows the hint, but never below what has matched (§5.3)`() {
        var bench = Bench(restored: disk([1, 1, 1, 1, 1, 1], term: 1))
        bench.elect()
        let first = bench.receive(Self.refused(4), from: b)
        #expect(first.messages(to: b).map(\.appended) == [[5, 6, 7]])
        bench.receive(Self.accepted(5), from: b)
        let late = bench.receive(Self.refused(2), from: b)
        #expect(late.messages(to: b).map(\.appended) == [[6, 7]])
    }

    @Test(arguments: [
        [1, 1, 1, 4, 4, 5, 5, 6, 6], [1, 1, 1, 4], [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
        [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7], [1, 1, 1, 4, 4, 4, 4],
        [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
    ])
    func `every follower of figure 7 ends with the leader's log`(terms: [UInt64]) {
        let leaderTerms: [UInt64] = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6]
        var leader = Bench(restored: disk(leaderTerms, term: 7))
        var follower = Bench(b, restored: disk(terms, term: 7))
        var toFollower = leader.elect().messages(to: b)
        #expect(leader.raft.term == Term(8))
        for _ in 0..<10 where !toFollower.isEmpty {
            var toLeader: [RaftMessage] = []
            for message in toFollower {
                toLeader += follower.step(.received(message, from: a)).messages(to: a)
            }
            toFollower = toLeader.flatMap { answer in
                leader.step(.received(answer, from: b)).messages(to: b)
            }
        }
        #expect(follower.disk.entries == leader.disk.entries)
        #expect(follower.raft.commitIndex == LogIndex(11))
    }

    @Test(arguments: [
        [LogEntry(index: LogIndex(3), term: Term(1), payload: .leadership)],
        [LogEntry(index: LogIndex(1), term: Term(9), payload: .leadership)],
        log([2, 1]),
    ])
    func `an append that no leader could have sent is dropped`(entries: [LogEntry]) {
        var bench = Bench()
        let answer = bench.receive(
            .append(
                previousIndex: .zero, previousTerm: .zero, entries: entries, commit: .zero),
            from: b, term: 2)
        #expect(answer == [.rejected(.inconsistent, from: b)])
        #expect(bench.raft.lastIndex == .zero)
    }

    @Test func `numbers that nobody can have counted to are dropped`() {
        var bench = Bench()
        bench.receive(append(after: .max, of: 0, terms: []), from: b, term: 1)
        bench.receive(append(after: 0, of: 0), from: b, term: .max)
        let snapshot = Snapshot(index: LogIndex(.max), term: Term(1), state: [])
        bench.receive(.installSnapshot(snapshot), from: b, term: 1)
        #expect(bench.raft.term == .zero)
        #expect(bench.raft.lastIndex == .zero)
    }

    @Test func `an append is bounded in bytes, and their number in flight`() {
        let configuration = RaftConfiguration(appendBytesLimit: 100, appendsInFlightLimit: 2)
        var bench = Bench(configuration: configuration)
        bench.elect()
        for number in 0..<9 as Range<UInt64> {
            bench.step(.propose([UInt8](repeating: 0, count: 60), ProposalID(number)))
        }
        let found = bench.receive(Self.accepted(1), from: b).messages(to: b)
        #expect(found.map(\.appended) == [[2], [3]], "one entry each, two in flight")
        let next = bench.receive(Self.accepted(2), from: b).messages(to: b)
        #expect(next.contains { $0.appended == [4] })
        #expect(!next.contains { $0.appended == [5] })
    }

    @Test func `a command that fits into no message is refused`() {
        var bench = Bench(configuration: RaftConfiguration(commandBytesLimit: 10))
        bench.elect()
        let long = bench.step(.propose([UInt8](repeating: 0, count: 11), ProposalID(1)))
        #expect(long == [.refused(ProposalID(1), .tooLong(bytes: 11, limit: 10))])
    }

    @Test func `a lost append is noticed with the next heartbeat`() {
        var bench = Bench()
        bench.elect()
        bench.receive(Self.accepted(1), from: b)
        bench.step(.propose([1], ProposalID(1)))
        let heartbeat = bench.wait(.milliseconds(150)).messages(to: b)
        #expect(heartbeat.map(\.kind) == [append(after: 2, of: 1, commit: 1)])
        #expect(bench.receive(Self.refused(1), from: b).messages(to: b).map(\.appended) == [[2]])
    }

    @Test func `a leader refuses proposals beyond its bound, a follower names the leader`() {
        var bench = Bench(configuration: RaftConfiguration(uncommittedEntriesLimit: 2))
        #expect(
            bench.step(.propose([1], ProposalID(1)))
                == [.refused(ProposalID(1), .notLeader(nil))])
        bench.elect()
        bench.step(.propose([1], ProposalID(2)))
        #expect(bench.step(.propose([1], ProposalID(3))).refusals == [.tooMuchUncommitted])
        bench.receive(append(after: 0, of: 0), from: c, term: 2)
        #expect(bench.step(.propose([1], ProposalID(4))).refusals == [.notLeader(c)])
    }

    @Test func `what is on disk is confirmed though more is being written, and in order`() {
        var bench = Bench()
        bench.flushesAtOnce = false
        bench.receive(append(after: 0, of: 0, terms: [1]), from: b, term: 1)
        bench.receive(append(after: 1, of: 1, terms: [1]), from: b, term: 1)
        bench.receive(append(after: 2, of: 1, terms: [1]), from: b, term: 1)
        let confirmed = bench.unflushed.map { token in
            bench.step(.persisted(token)).messages(to: b).map(\.kind)
        }
        let expected = (1...3).map { index in
            [RaftMessage.Kind.appendReply(accepted: true, matched: LogIndex(index), round: .zero)]
        }
        #expect(confirmed == expected)
    }
}

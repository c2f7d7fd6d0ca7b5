// Compaction and the way of a snapshot to a follower (§7).

import Base
import Testing

@testable import Consensus

@Suite struct SnapshotTests {
    private let snapshot = Snapshot(index: LogIndex(3), term: Term(2), state: [1, 2, 3])

    @Test func `a restored snapshot is handed to the application before anything else`() {
        let restored = DurableState(
            hardState: HardState(term: Term(2), votedFor: nil), snapshot: snapshot,
            entries: log([2], after: 3))
        var bench = Bench(restored: restored)
        #expect(bench.raft.commitIndex == LogIndex(3), "entry 4 is only known to be there")
        #expect(bench.step(.tick) == [.restore(snapshot)])
        #expect(bench.step(.tick).isEmpty)
    }

    @Test func `compaction keeps the entries after it`() {
        var bench = Bench()
        bench.receive(append(after: 0, of: 0, terms: [1, 2, 2, 2], commit: 3), from: b, term: 2)
        bench.step(.compact(upTo: LogIndex(3), state: [1, 2, 3]))
        #expect(bench.disk.snapshot == snapshot)
        #expect(bench.disk.entries == log([2], after: 3))
        #expect(bench.step(.compact(upTo: LogIndex(2), state: [])).isEmpty, "that is done already")
    }

    @Test func `a snapshot replaces a log that does not reach as far`() {
        var bench = Bench(restored: disk([1, 1]))
        let actions = bench.receive(.installSnapshot(snapshot), from: b, term: 2)
        #expect(actions.contains(.restore(snapshot)))
        #expect(actions.messages(to: b).map(\.kind) == [.snapshotReply(matched: LogIndex(3))])
        #expect(bench.disk.entries.isEmpty)
        let next = bench.receive(append(after: 3, of: 2, terms: [2], commit: 4), from: b, term: 2)
        #expect(next.committed == [4])
    }

    @Test func `a snapshot replaces a log that contradicts it, whole`() {
        var bench = Bench(restored: disk([1, 1, 1, 1, 1]))
        bench.receive(.installSnapshot(snapshot), from: b, term: 2)
        #expect(bench.disk.entries.isEmpty)
        #expect(bench.raft.lastIndex == LogIndex(3))
    }

    @Test func `a snapshot of what the log has already commits, and the rest stays`() {
        var bench = Bench(restored: disk([1, 2, 2, 2]))
        let actions = bench.receive(.installSnapshot(snapshot), from: b, term: 2)
        #expect(actions.committed == [1, 2, 3])
        #expect(bench.raft.lastIndex == LogIndex(4))
        #expect(bench.disk.snapshot == nil)
    }

    @Test func `a snapshot is confirmed only when it is on disk`() {
        var bench = Bench()
        bench.flushesAtOnce = false
        #expect(bench.receive(.installSnapshot(snapshot), from: b, term: 2).sends.isEmpty)
        #expect(bench.flush().sends.count == 1)
    }

    @Test func `a follower that needs compacted entries gets the snapshot, then the rest`() {
        var bench = Bench(configuration: RaftConfiguration(tailEntriesLimit: 0))
        bench.elect()
        for number in 1...4 as ClosedRange<UInt64> {
            bench.step(.propose([1], ProposalID(number)))
        }
        bench.receive(.appendReply(accepted: true, matched: LogIndex(5)), from: b)
        bench.step(.compact(upTo: LogIndex(4), state: [9]))
        let sent = bench.receive(.appendReply(accepted: false, matched: .zero), from: c)
        let expected = Snapshot(index: LogIndex(4), term: Term(1), state: [9])
        #expect(sent.messages(to: c).map(\.kind) == [.installSnapshot(expected)])

        let heartbeat = bench.wait(.milliseconds(200)).messages(to: c)
        #expect(heartbeat.map(\.kind) == [append(after: 4, of: 1, commit: 5)], "still one leader")
        let rest = bench.receive(.snapshotReply(matched: LogIndex(4)), from: c).messages(to: c)
        #expect(rest.map(\.appended) == [[5]])
    }

    @Test func `a lost snapshot is sent again`() {
        var bench = Bench(configuration: RaftConfiguration(tailEntriesLimit: 0))
        bench.elect()
        bench.receive(.appendReply(accepted: true, matched: LogIndex(1)), from: b)
        bench.step(.compact(upTo: LogIndex(1), state: [9]))
        bench.receive(.appendReply(accepted: false, matched: .zero), from: c)
        var sent: [RaftMessage] = []
        for _ in 0..<8 {
            sent += bench.wait(.milliseconds(150)).messages(to: c)
            bench.receive(.appendReply(accepted: true, matched: LogIndex(1)), from: b)
        }
        let snapshots = sent.count { message in
            if case .installSnapshot = message.kind { true } else { false }
        }
        #expect(snapshots == 1)
    }

    @Test func `a follower that is a little behind gets entries although a snapshot stands`() {
        var bench = Bench(configuration: RaftConfiguration(tailEntriesLimit: 2))
        bench.elect()
        for number in 1...4 as ClosedRange<UInt64> { bench.step(.propose([1], ProposalID(number))) }
        bench.receive(.appendReply(accepted: true, matched: LogIndex(5)), from: b)
        bench.step(.compact(upTo: LogIndex(5), state: [9]))
        let near = bench.receive(.appendReply(accepted: true, matched: LogIndex(3)), from: c)
        #expect(near.messages(to: c).map(\.appended) == [[4, 5]])
        #expect(bench.disk.entries.isEmpty, "only memory keeps them")
        bench.step(.propose([1], ProposalID(5)))
        #expect(bench.raft.lastIndex == LogIndex(6))
    }

    // MARK: - Pieces

    private static let pieces = RaftConfiguration(snapshotPieceBytesLimit: 4, tailEntriesLimit: 0)

    /// A leader whose follower c needs a snapshot of ten bytes.
    private func leaderInPieces() -> (Bench, first: [RaftMessage]) {
        var bench = Bench(configuration: Self.pieces)
        bench.elect()
        bench.receive(.appendReply(accepted: true, matched: LogIndex(1)), from: b)
        bench.step(.compact(upTo: LogIndex(1), state: Array(0..<10)))
        let first = bench.receive(.appendReply(accepted: false, matched: .zero), from: c)
        return (bench, first.messages(to: c))
    }

    @Test func `a long snapshot goes in pieces, each after the answer to the one before`() {
        var (leader, toFollower) = leaderInPieces()
        var follower = Bench(c, configuration: Self.pieces)
        var pieces: [[UInt8]] = []
        var restored: [RaftAction] = []
        for _ in 0..<10 where !toFollower.isEmpty {
            var answers: [RaftMessage] = []
            for message in toFollower {
                if case .snapshotPiece(let piece) = message.kind { pieces.append(piece.bytes) }
                restored += follower.step(.received(message, from: a))
            }
            answers = restored.messages(to: a).suffix(toFollower.count)
            toFollower = answers.flatMap {
                leader.step(.received($0, from: c)).messages(to: c)
            }
        }
        #expect(pieces == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]])
        let whole = Snapshot(index: LogIndex(1), term: Term(1), state: Array(0..<10))
        #expect(restored.contains(.restore(whole)))
        #expect(follower.disk.snapshot == whole)
        #expect(leader.raft.progress[c]?.match == LogIndex(1))
    }

    @Test func `a lost piece is sent again, and a follower that crashed begins anew`() {
        var (leader, _) = leaderInPieces()
        let second = leader.receive(
            .snapshotPieceReply(index: LogIndex(1), receivedByteCount: 4), from: c)
        #expect(second.messages(to: c).map(Self.offset) == [4])
        var again: [UInt64?] = []
        for _ in 0..<8 {
            again += leader.wait(.milliseconds(150)).messages(to: c).map(Self.offset)
            leader.receive(.appendReply(accepted: true, matched: LogIndex(1)), from: b)
        }
        #expect(again.compactMap { $0 } == [4])
        let anew = leader.receive(
            .snapshotPieceReply(index: LogIndex(1), receivedByteCount: 0), from: c)
        #expect(anew.messages(to: c).map(Self.offset) == [0])
    }

    @Test func `pieces of two leaders are never put together`() {
        var follower = Bench(configuration: Self.pieces)
        func piece(_ offset: UInt64) -> RaftMessage.Kind {
            .snapshotPiece(
                SnapshotPiece(
                    index: LogIndex(3), term: Term(1), participants: nil, stateByteCount: 8,
                    offset: offset, bytes: [1, 2, 3, 4]))
        }
        follower.receive(piece(0), from: b, term: 1)
        let answer = follower.receive(piece(4), from: c, term: 2)
        #expect(
            answer.sends.map(\.kind)
                == [.snapshotPieceReply(index: LogIndex(3), receivedByteCount: 0)])
        #expect(follower.disk.snapshot == nil)
    }

    private static func offset(_ message: RaftMessage) -> UInt64? {
        guard case .snapshotPiece(let piece) = message.kind else { return nil }
        return piece.offset
    }
}

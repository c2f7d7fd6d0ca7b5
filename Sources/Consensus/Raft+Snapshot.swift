// Log compaction (§7). The application hands over its state; it stands for the log up to its index
// from then on. A follower that needs what was compacted away gets the state itself: in one
// message if it fits, else in pieces, each sent when the one before is answered. What a follower
// has of it lies in memory only, so that after a crash it begins anew.

import Base

/// The pieces of a snapshot that have come so far.
struct IncomingSnapshot: Sendable {
    let first: SnapshotPiece
    let sender: NodeID
    private(set) var state: [UInt8] = []

    init(first: SnapshotPiece, from sender: NodeID) {
        self.first = first
        self.sender = sender
    }

    /// True if a piece belongs to the same bytes: another leader may have encoded the same state
    /// in another way.
    func isContinued(by piece: SnapshotPiece, from sender: NodeID) -> Bool {
        (sender, piece.index, piece.term) == (self.sender, first.index, first.term)
            && (piece.stateByteCount, piece.participants)
                == (first.stateByteCount, first.participants)
    }

    mutating func append(_ piece: SnapshotPiece) {
        if piece.offset == UInt64(state.count) { state += piece.bytes }
    }

    /// The snapshot, once all of it is here.
    var whole: Snapshot? {
        guard UInt64(state.count) == first.stateByteCount else { return nil }
        return Snapshot(
            index: first.index, term: first.term, state: state, participants: first.participants)
    }
}

// MARK: - Compaction and the leader

extension Raft {
    /// Lets the application's state stand for the log up to the index. Only what is committed can
    /// be; what is compacted already is ignored.
    mutating func compact(upTo index: LogIndex, state: [UInt8]) {
        invariant(
            index <= commitIndex,
            "the application compacts up to \(index), which it cannot have applied; "
                + stateForFailure)
        guard index > log.snapshotIndex else { return }
        let snapshot = log.compact(
            upTo: index, state: state, keeping: configuration.tailEntriesLimit)
        write { $0.snapshot = snapshot }
    }

    /// Sends the snapshot, or the piece of it that begins there. A newer snapshot than the one that
    /// was begun is sent from its beginning.
    mutating func sendSnapshot(to peer: NodeID, from offset: UInt64 = 0, at now: Instant) {
        guard let snapshot = log.snapshot else {
            fatalError(
                "\(peer) needs entries that neither log nor snapshot has; \(stateForFailure)")
        }
        let limit = configuration.snapshotPieceBytesLimit
        guard snapshot.state.count > limit else {
            send(.installSnapshot(snapshot), to: peer)
            progress[peer]?.sentSnapshot(snapshot.index, from: 0, at: now)
            return
        }
        let piece = SnapshotPiece(
            index: snapshot.index, term: snapshot.term, participants: snapshot.participants,
            stateByteCount: UInt64(snapshot.state.count), offset: offset,
            bytes: Array(snapshot.state.dropFirst(Int(offset)).prefix(limit)))
        send(.snapshotPiece(piece), to: peer)
        progress[peer]?.sentSnapshot(snapshot.index, from: offset, at: now)
    }

    /// The piece, or the snapshot, that is on its way was not answered in time.
    mutating func sendSnapshotAgain(to peer: NodeID, at now: Instant) {
        guard case .snapshot(let index, let offset, _) = progress[peer]?.mode else { return }
        sendSnapshot(to: peer, from: index == log.snapshotIndex ? offset : 0, at: now)
    }

    mutating func snapshotPieceAnswered(
        _ index: LogIndex, _ received: UInt64, by peer: NodeID, at now: Instant
    ) {
        guard role == .leader else { return }
        guard index <= log.snapshotIndex else {
            reject(.answersNothing, from: peer)
            return
        }
        progress[peer]?.heardAt = now
        guard case .snapshot(index, let offset, _) = progress[peer]?.mode else { return }
        guard index == log.snapshotIndex, let total = log.snapshot?.state.count else {
            sendSnapshot(to: peer, at: now)
            return
        }
        guard received < UInt64(total) else {
            reject(.answersNothing, from: peer)
            return
        }
        // A repeated answer asks for what is on its way already.
        if received != offset { sendSnapshot(to: peer, from: received, at: now) }
    }
}

// MARK: - The follower

extension Raft {
    /// Takes a piece, and the snapshot once it is whole.
    mutating func takePiece(_ piece: SnapshotPiece, from leader: NodeID) {
        guard piece.stateByteCount <= UInt64(configuration.snapshotBytesLimit) else {
            reject(.tooLong(bytes: piece.stateByteCount), from: leader)
            return
        }
        if piece.index <= commitIndex {
            incoming = nil
            send(.snapshotReply(matched: commitIndex), to: leader)
            return
        }
        var incoming = IncomingSnapshot(first: piece, from: leader)
        if let begun = self.incoming, begun.isContinued(by: piece, from: leader) {
            incoming = begun
        }
        // Two owners would make every piece copy all that came before it.
        self.incoming = nil
        incoming.append(piece)
        self.incoming = incoming
        if let snapshot = incoming.whole {
            self.incoming = nil
            installFromLeader(snapshot, from: leader)
        } else {
            let received = UInt64(incoming.state.count)
            send(
                .snapshotPieceReply(index: piece.index, receivedByteCount: received), to: leader)
        }
    }

    /// Takes over the leader's snapshot, unless this log reaches as far already.
    mutating func installFromLeader(_ snapshot: Snapshot, from leader: NodeID) {
        let known = log.term(at: snapshot.index)
        let isContradiction =
            snapshot.index <= commitIndex
            ? known ?? snapshot.term != snapshot.term
            : snapshot.term < log.term(at: commitIndex) ?? .zero
        guard !isContradiction else {
            reject(.contradictsCommitted(min(snapshot.index, commitIndex)), from: leader)
            return
        }
        if known == snapshot.term {
            commitIndex = max(commitIndex, snapshot.index)
        } else if snapshot.index > commitIndex {
            log.reset(to: snapshot)
            commitIndex = snapshot.index
            restoreApplication(from: snapshot)
            write {
                $0.snapshot = snapshot
                $0.truncateFrom = snapshot.index.next
            }
        }
        send(.snapshotReply(matched: commitIndex), to: leader)
    }
}

// Log compaction (§7). The application hands over its state; it stands for the log up to its index
// from then on. A follower that needs what was compacted away gets the state itself, in one
// message: the replicated state of this project is small.

import Base

extension Raft {
    /// Lets the application's state stand for the log up to the index. Only what is committed can
    /// be; what is compacted already is ignored.
    mutating func compact(upTo index: LogIndex, state: [UInt8]) {
        invariant(
            index <= commitIndex,
            "the application compacts up to \(index), which it cannot have applied; "
                + stateForFailure)
        guard index > log.snapshotIndex, let term = log.term(at: index) else { return }
        let snapshot = Snapshot(index: index, term: term, state: state)
        log.compact(into: snapshot)
        write { $0.snapshot = snapshot }
    }

    mutating func sendSnapshot(to peer: NodeID, at now: Instant) {
        guard let snapshot = log.snapshot else {
            fatalError(
                "\(peer) needs entries that neither log nor snapshot has; \(stateForFailure)")
        }
        send(.installSnapshot(snapshot), to: peer)
        progress[peer]?.sentSnapshot(snapshot.index, at: now)
    }

    /// Takes over the leader's snapshot, unless this log reaches as far already.
    mutating func installFromLeader(_ snapshot: Snapshot, from leader: NodeID) {
        guard snapshot.term <= term else { return }
        if log.term(at: snapshot.index) == snapshot.term {
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

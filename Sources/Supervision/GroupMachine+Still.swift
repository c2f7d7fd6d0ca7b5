// Rank 0 does not answer, and mostly that is not its own doing: a collective waits for its slowest. A rank
// that hangs says nothing, and neither do the others. But the kernel knows which processes do not move,
// and a node that finds one tells it.

import Base
import Diagnosis

extension GroupMachine {
    /// Why a generation ends in which this rank does not answer. One whose processes cannot move is to
    /// blame, wherever it is.
    func cause(
        ofHang stuck: RankView, in view: GroupView, absent: [RankView], at now: Instant
    ) -> EndCause {
        guard !stuck.hasFallen, let still = view.ranks.still, let text = still.stillText else {
            return cause(of: stuck, absent: absent, at: now)
        }
        return EndCause(
            .failure,
            why: "\(text); rank \(stuck.rank) on \(stuck.node) \(stuck.report?.why ?? "")",
            node: still.node, rank: still.rank, logTail: still.report?.logTail ?? [])
    }
}

extension [RankView] {
    /// The rank of those that are heard whose processes cannot move: one that is stopped before one that hangs
    /// in the kernel, which may be for want of the other.
    var still: RankView? {
        let heard = filter { $0.absentSince == nil && $0.still != nil }
        return heard.first { $0.still?.kind == FailureKind.stopped.id } ?? heard.first
    }
}

extension RankView {
    /// `rank 1 on node-2: the main process (process 4242) is stopped (state T)`.
    var stillText: String? { still.map { "rank \(rank) on \(node): \($0.line)" } }
}

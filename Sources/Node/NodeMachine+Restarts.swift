// What the leader adds to its proposals so that the ledger can tell how long each part of a restart took.

import Base
import ClusterState
import Diagnosis
import Planning
import Supervision
import WireProtocol

extension NodeMachine {
    /// When that happened which ends a generation, by the leader's clock; nil where nobody saw it, or where
    /// nothing happened but an order.
    func failedAt(_ cause: EndCause, _ record: GroupRecord) -> WallTime? {
        switch cause.kind {
        case .nodeLost:
            // Since when its agent does not answer; what silence it took to see that is not known.
            return cause.node.flatMap { absentSince($0) }.flatMap { wall(at: $0) }
        case .failure: return fellAt(cause, record)
        case .planChanged, .byOperator, .dependency: return nil
        }
    }

    /// When nothing was left of the generation before, as far as this leader has seen.
    func stoppedAt(_ record: GroupRecord) -> WallTime? {
        guard record.generation > .none else { return nil }
        return leadership?.machines[record.name]?.goneSince.flatMap { wall(at: $0) }
    }

    private func fellAt(_ cause: EndCause, _ record: GroupRecord) -> WallTime? {
        guard let node = cause.node, let rank = cause.rank else { return nil }
        let shard = ShardID(group: record.name, generation: record.generation, rank: rank)
        guard let report = leadership?.reports[node]?.shards.first(where: { $0.shard == shard })
        else { return nil }
        // Another rank is to blame for a hang than the one that is asked.
        if report.endedAt == nil, report.state == .loading, rank != .master,
            let master = record.launched?.ranks.first?.node
        {
            return fellAt(EndCause(.failure, why: "", node: master, rank: .master), record)
        }
        let behind = Duration.zero - .microseconds(clockAhead(of: node).middle)
        if let ended = report.endedAt {
            return WallTime(millisecondsSinceEpoch: ended.microsecondsSinceEpoch / 1000) + behind
        }
        guard report.state == .unresponsive, record.servesSince != nil else { return nil }
        // It was taken for hung when it had not answered for that long.
        return report.since + (behind - configuration.supervision.unresponsiveAfter)
    }

    /// What the ledger has of a group; nil where it never ended.
    func restartCost(of group: GroupName) -> ClusterStatus.RestartCost? {
        guard let last = state.restartLedger.last(of: group) else { return nil }
        return ClusterStatus.RestartCost(
            tally: state.restartLedger.tally(of: group), last: last)
    }

    /// The wall clock at a moment of this run; nil for one before it.
    func wall(at instant: Instant) -> WallTime? {
        guard instant > .zero, instant <= now else { return nil }
        return wall + (instant - now)
    }
}

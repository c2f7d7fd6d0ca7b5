// Who is told to stop first. SGLang's rank 0 answers what it has begun before it ends, and needs the other
// ranks for that: their collectives, and from 0.5.21 on they end by its word and take no SIGTERM. So of a
// generation that was well, rank 0 is told first, and the others once it is gone, or after a bounded time.
// A generation that failed is ended everywhere at once: its collectives are broken, nothing can be answered
// any more, and a rank 0 that is left to it would only hang until it is killed.

import Base
import ClusterState
import Consensus
import Planning
import Supervision
import WireProtocol

extension NodeMachine {
    /// Beside the grace of rank 0: until its end is told here.
    static let newsTime = Duration.seconds(5)

    /// Whether a shard whose generation is over must be left alone for now.
    mutating func waitsForMaster(_ shard: ShardID) -> Bool {
        guard let master = masterToWaitFor(shard), absentSince(master) == nil,
            !isMasterGone(of: shard, on: master)
        else {
            stopLimits[shard] = nil
            return false
        }
        let limit =
            stopLimits[shard] ?? now + configuration.supervision.stopGrace + Self.newsTime
        stopLimits[shard] = now < limit ? limit : nil
        return now < limit
    }

    /// The node of rank 0, where the order matters to this shard.
    private func masterToWaitFor(_ shard: ShardID) -> NodeID? {
        let record = state.record(of: shard.group)
        guard shard.rank != .master, shards[shard]?.isRunning == true,
            record.generation == shard.generation, case .ended(let cause) = record.phase,
            cause.leavesEngineSound
        else { return nil }
        return record.launched?.ranks.first?.node
    }

    /// Whether rank 0 has ended, by what its node has told the leader.
    private func isMasterGone(of shard: ShardID, on node: NodeID) -> Bool {
        let report =
            leadership?.reports[node] ?? view.reports.first { $0.node == node }
        guard let report else { return false }
        let master = ShardID(group: shard.group, generation: shard.generation, rank: .master)
        switch report.shards.first(where: { $0.shard == master })?.state {
        case .exited, .stopped: return true
        case .waiting, .starting, .loading, .ready, .unresponsive, .stopping: return false
        // It has none, and is not about to start it either.
        case nil: return report.applied >= endings[shard.group] ?? .zero
        }
    }

    /// Something may have changed for a shard that waits for rank 0.
    mutating func noteForStops() {
        if !stopLimits.isEmpty { hasShardNews = true }
    }
}

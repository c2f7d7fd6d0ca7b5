// Schedulers that nobody watches. They are found by their title below the command that is launched; where the
// engine's Python gives no titles, or a daemon starts the processes elsewhere, none is found. The engine may
// serve well all the same, so that is no failure; but then the loss of one is noticed by a request that hangs,
// and no sooner, and operators must know that.

import Base
import ClusterState
import Supervision
import WireProtocol

extension NodeMachine {
    /// The watch looks every few seconds, and an engine may be quicker than that.
    static let watchDelay = Duration.seconds(10)

    /// Notes since when a group serves whose schedulers here were not all found.
    mutating func lookForUnwatched() {
        let unwatched = shards.keys.filter(isUnwatched)
        unwatchedSince = unwatchedSince.filter { unwatched.contains($0.key) }
        for shard in unwatched where unwatchedSince[shard] == nil { unwatchedSince[shard] = now }
    }

    private func isUnwatched(_ shard: ShardID) -> Bool {
        guard let machine = shards[shard], machine.isRunning, let seen = machine.schedulers,
            seen.ended.isEmpty, seen.running < seen.expected
        else { return false }
        return isReady(shard)
    }

    /// As the leader sees its group.
    private func isReady(_ shard: ShardID) -> Bool {
        view.groups.first { $0.group == shard.group }?.condition == .ready
            && hasServed(shard.group)
            && state.record(of: shard.group).generation == shard.generation
    }

    var unwatchedNotes: [String] {
        unwatchedSince.keys.sorted().compactMap { shard in
            guard let since = unwatchedSince[shard], since + Self.watchDelay <= now,
                let seen = shards[shard]?.schedulers
            else { return nil }
            return "\(seen.running) of \(seen.expected) schedulers of \(shard.group) are seen, so "
                + "the loss of one of the others goes unnoticed until requests hang; the engine's "
                + "Python needs setproctitle, and its processes must run below the command that is "
                + "launched"
        }
    }
}

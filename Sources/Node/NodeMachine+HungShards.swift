// An engine that does not answer, or a load that stands still, says little itself: who stands in the way has
// mostly told it in the log of CANN, on another node. So every node of the group reads those logs as soon as
// the leader doubts the group, which is long before it decides; the verdict then rests on what they say.

import Base
import Supervision
import WireProtocol

extension NodeMachine {
    /// Reads the logs of CANN once for each time that a group is doubted.
    mutating func consultLogs() {
        for shard in shards.keys.sorted() where shards[shard]?.isRunning == true {
            guard isDoubted(shard) else {
                consulted.remove(shard)
                continue
            }
            guard consulted.insert(shard).inserted else { continue }
            actions.append(.consultLogs(shard))
        }
        consulted.formIntersection(shards.keys)
    }

    /// By what this node sees of its shard, or the leader of its group.
    private func isDoubted(_ shard: ShardID) -> Bool {
        guard let report = shards[shard]?.report else { return false }
        if report.state == .unresponsive || (report.state == .ready && !report.why.isEmpty) {
            return true
        }
        return view.groups.first { $0.group == shard.group }?.condition == .degraded
    }
}

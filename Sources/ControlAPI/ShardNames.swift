// What an operator means by `prefill-0/1` or `router`: the newest launch of that rank.

import Base
import ClusterState
import Planning

extension ReplicatedState {
    /// The newest launch of the rank of that short name; nil for a whole name, for a rank that was
    /// never launched and for a name that is none.
    func newestShard(_ name: String) -> String? {
        for record in groups {
            guard let launched = record.launched, let rank = launched.rank(of: name) else {
                continue
            }
            return ShardID(group: record.name, generation: record.generation, rank: rank)
                .description
        }
        return nil
    }

    /// Whether the plan has a rank of that short name.
    func plansShard(_ name: String) -> Bool {
        plan?.groups.contains { $0.rank(of: name) != nil } ?? false
    }

    /// The short names of all ranks of the plan.
    var shardNames: [String] {
        (plan?.groups ?? []).flatMap { group in group.ranks.indices.map { "\(group.name)/\($0)" } }
    }

    /// The node that the rank of that short or whole name was launched on last.
    func nodeOfShard(_ name: String) -> PlannedRank? {
        for group in groups.compactMap(\.launched) {
            if let rank = group.rank(of: name) { return group.ranks[rank.value] }
            for index in group.ranks.indices
            where name.hasPrefix("\(group.name).g") && name.hasSuffix(".r\(index)") {
                return group.ranks[index]
            }
        }
        return nil
    }
}

extension PlannedGroup {
    func rank(of name: String) -> NodeRank? {
        if ranks.count == 1, name == self.name.name { return NodeRank(0) }
        return ranks.indices.first { name == "\(self.name)/\($0)" }.map { NodeRank($0) }
    }
}

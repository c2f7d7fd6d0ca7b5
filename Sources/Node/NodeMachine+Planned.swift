// What the plan gives to this node, launched or not: the doctor looks whether it could run.

public import Ascend
public import Base
import ClusterState
public import Planning
import Profiles
import Supervision

/// A shard that the plan gives to this node.
public struct ShardOfPlan: Sendable {
    /// `prefill-0/1`.
    public let name: String
    public let spec: LaunchSpec
    /// What it binds on its own address.
    public let endpoints: [Endpoint]
    /// What it may bind in any of its generations, and where HCCL searches.
    public let reservedPorts: [PortRange]
    /// Whether it runs, or has begun to: then its ports are its own.
    public let isBegun: Bool
}

extension NodeMachine {
    /// By group, in the plan's order; empty before the first plan.
    public mutating func shardsOfPlan() -> [ShardOfPlan] {
        guard let deployment = state.deployment, let profile = try? profile.of(deployment) else {
            return []
        }
        return (state.plan?.groups ?? []).compactMap { planned in
            guard let rank = planned.rank(of: configuration.local) else { return nil }
            let shard = nextShard(of: planned, rank)
            let group = planned.launched(in: shard.generation, of: profile)
            return ShardOfPlan(
                name: group.role.isEngine ? "\(group.name)/\(rank)" : group.name.name,
                spec: LaunchSpec.make(
                    profile: profile, modelPath: deployment.modelPath, group: group, rank: rank,
                    interface: configuration.interface),
                endpoints: ports(of: shard, group),
                reservedPorts: PortMap.everyClaim(of: group, rank, profile).compactMap {
                    PortRange($0.ports)
                },
                isBegun: shards.contains { $0.key.group == group.name && !$0.value.isGone })
        }
    }

    /// The shard that runs, or the one that will run next.
    func nextShard(of group: PlannedGroup, _ rank: NodeRank) -> ShardID {
        let record = state.record(of: group.name)
        return ShardID(
            group: group.name,
            generation: record.phase == .running ? record.generation : record.generation.next,
            rank: rank)
    }
}

extension PortRange {
    /// nil where these are no ports.
    fileprivate init?(_ ports: ClosedRange<Int>) {
        guard let first = UInt16(exactly: ports.lowerBound),
            let last = UInt16(exactly: ports.upperBound)
        else { return nil }
        self.init(first: first, last: last)
    }
}

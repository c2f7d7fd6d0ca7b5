// What the plan gives to this node, launched or not: the doctor looks whether it could run.

public import Ascend
public import Base
import ClusterState
public import Doctor
public import Planning
public import Profiles
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
    /// Where it takes a port that its peers must reach.
    public let searchedPorts: [SearchedPorts]
    public let stage: Stage
    /// Why there are no words for it in the SGLang that was asked for; it is as written then.
    public let refusal: String?

    public enum Stage: Hashable, Sendable {
        /// Not launched.
        case planned
        /// Launched, and nothing of it is started before its ports are free.
        case waitsForPorts
        /// It runs, or is being started: its ports are its own.
        case begun
    }
}

extension NodeMachine {
    /// By group, in the plan's order; empty before the first plan. In the words of that SGLang, else as the
    /// profile is written.
    public mutating func shardsOfPlan(sglang: Version? = nil) -> [ShardOfPlan] {
        guard let deployment = state.deployment, let profile = try? profile.of(deployment) else {
            return []
        }
        return (state.plan?.groups ?? []).compactMap { planned in
            guard let rank = planned.rank(of: configuration.local) else { return nil }
            let shard = nextShard(of: planned, rank)
            let group = planned.launched(in: shard.generation, of: profile)
            var spec = LaunchSpec.make(
                profile: profile, modelPath: deployment.modelPath, group: group, rank: rank,
                interface: configuration.interface)
            var refusal: String?
            do throws(DialectRefusal) {
                spec = try LaunchSpec.make(
                    profile: profile, modelPath: deployment.modelPath, group: group, rank: rank,
                    interface: configuration.interface, sglang: sglang)
            } catch {
                refusal = "\(error)"
            }
            return ShardOfPlan(
                name: group.role.isEngine ? "\(group.name)/\(rank)" : group.name.name, spec: spec,
                endpoints: ports(of: shard, group),
                reservedPorts: PortMap.everyClaim(of: group, rank, profile).compactMap {
                    PortRange($0.ports)
                },
                searchedPorts: PortMap(
                    profile: profile, group: group, rank: rank, generation: shard.generation
                ).searched.compactMap { claim in
                    PortRange(claim.ports).map { SearchedPorts($0, by: claim.purpose) }
                }, stage: stage(of: group.name), refusal: refusal)
        }
    }

    private func stage(of group: GroupName) -> ShardOfPlan.Stage {
        let own = shards.filter { $0.key.group == group && !$0.value.isGone }.map(\.value)
        if own.isEmpty { return .planned }
        return own.allSatisfy { $0.report.state == .waiting } ? .waitsForPorts : .begun
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

// Nodes that an operator takes out of service: what the leader checks before it agrees, what it makes of
// a drain in plans and groups, and how status tells it. Who holds what is decided by the planner.

import Base
import ClusterState
import Consensus
import Planning
import Profiles
import Supervision
import WireProtocol
import YAML

/// What an operator is told instead of an agreement.
struct OrderRefusal: Error {
    let kind: Refusal
    let text: String
}

extension NodeMachine {
    /// The newest kind of command that this program understands; older agents cannot read it in the log.
    public static let understands: UInt64 = 22

    // MARK: - Before an order is proposed

    /// Why an order cannot be proposed by this leader; nil where it can.
    func refusal(of action: Command.Action) -> OrderRefusal? {
        switch action {
        case .cordon(let node, let kind):
            return unknown(node) ?? notUnderstood() ?? (kind == .drain ? noSpare(for: node) : nil)
        case .uncordon(let node): return unknown(node) ?? notUnderstood()
        case .apply(let deployment, _): return unreadable(deployment) ?? notUnderstood()
        default: return nil
        }
    }

    private func unreadable(_ deployment: Deployment) -> OrderRefusal? {
        do {
            _ = try Profile.parse(deployment.profileYAML, file: deployment.profileName)
            return nil
        } catch {
            return OrderRefusal(kind: .unavailable, text: "\(deployment.profileName): \(error)")
        }
    }

    private func unknown(_ node: NodeID) -> OrderRefusal? {
        let known = members.map(\.node.name)
        guard !known.contains(node.name) else { return nil }
        return OrderRefusal(kind: .notFound, text: YAML.unknown("node", node.name, known: known))
    }

    /// A command that some agent cannot read would be the end of that agent. One that is away now has to
    /// be of this version when it comes back.
    private func notUnderstood() -> OrderRefusal? {
        let unable = members.map(\.node).filter {
            absentSince($0) == nil && leadership?.sightings[$0]?.understands ?? 0 < Self.understands
        }
        guard let first = unable.first else { return nil }
        return OrderRefusal(
            kind: .unavailable,
            text: "the agent of \(first) has not told that it understands this: it is of an older "
                + "version, or has just come; upgrade it, or try again in a moment")
    }

    /// Where a rank of the node has nowhere to go, it is told before anything is moved.
    private func noSpare(for node: NodeID) -> OrderRefusal? {
        guard let deployment = state.deployment, let plan = state.plan,
            let profile = try? Profile.parse(
                deployment.profileYAML, file: deployment.profileName)
        else { return nil }
        let candidates = members.map { other in
            other.candidate(
                isUsable: absentSince(other.node) == nil,
                standing: other.node == node ? .draining : state.standing(of: other.node))
        }
        let next = Planner.plan(
            profile: profile, candidates: candidates, previous: plan, epoch: state.epoch.next)
        guard case .success(let next) = next else { return nil }
        let left = next.groups.compactMap { group in
            group.rank(of: node).map { "\(group.name) rank \($0)" }
        }
        guard !left.isEmpty else { return nil }
        let idle = members.map(\.node).filter { other in
            other != node && !next.groups.contains { $0.rank(of: other) != nil }
        }
        let others = idle.map { "\($0) \(reasonAgainst($0))" }.joined(separator: ", ")
        let groups = Set(next.groups.filter { $0.rank(of: node) != nil }.map(\.name)).sorted()
        let names = groups.map(\.name).joined(separator: ", ")
        return OrderRefusal(
            kind: .unavailable,
            text: "no spare can take \(left.joined(separator: ", ")) of \(node)"
                + (others.isEmpty ? ": every other node holds a rank" : ": \(others)")
                + "; nothing is changed. To stop \(names) and drain it all the same: "
                + "glm-agent drain \(node) --force")
    }

    private func reasonAgainst(_ node: NodeID) -> String {
        if absentSince(node) != nil { return "is out of reach" }
        return state.cordon(of: node) != nil
            ? "is cordoned" : "has no room, or is of another super pod"
    }

    // MARK: - What the leader makes of it

    /// Why a generation must end though no spare takes the place of a node that is drained by force.
    func forcedOut(_ record: GroupRecord) -> EndCause? {
        guard record.phase == .running, let (node, rank) = forcedRank(of: record.launched) else {
            return nil
        }
        return EndCause(
            .byOperator,
            why: "\(node), which holds rank \(rank), is drained by force, and no spare can take it",
            node: node, rank: rank)
    }

    /// Why a group is not launched on a node that is drained by force.
    func drainPrerequisite(of group: PlannedGroup?) -> String? {
        forcedRank(of: group).map {
            "for a spare: \($0.node), which holds rank \($0.rank), is drained"
        }
    }

    private func forcedRank(of group: PlannedGroup?) -> (node: NodeID, rank: NodeRank)? {
        for (index, planned) in (group?.ranks ?? []).enumerated()
        where state.cordon(of: planned.node)?.kind == .force {
            return (planned.node, NodeRank(index))
        }
        return nil
    }

    /// What has changed in the plan for a generation that runs, for people; nil where it says nothing more.
    func whyDiffers(_ planned: PlannedGroup?, _ record: GroupRecord) -> String? {
        guard let planned, let launched = record.launched else { return nil }
        for (index, before) in launched.ranks.enumerated()
        where planned.ranks.indices.contains(index) && planned.ranks[index].node != before.node
            && state.cordon(of: before.node)?.isDraining == true
        {
            return "\(before.node) is drained: \(planned.ranks[index].node) takes rank \(index)"
        }
        return nil
    }

    // MARK: - Status

    /// `cordoned`, `draining` or `drained`; nil where nobody keeps the node out. Only a node that tells that
    /// nothing runs there is drained.
    func cordonWord(of node: NodeID) -> String? {
        guard let cordon = state.cordon(of: node) else { return nil }
        guard cordon.isDraining else { return "cordoned" }
        let left = state.ranks(of: node).filter {
            // One that has no other place is not left there to run.
            cordon.kind != .force || state.record(of: $0.group).phase == .running
        }
        let isEmpty = left.isEmpty && !mayRunAnything(node)
        return isEmpty ? "drained" : "draining"
    }

    /// Of a node that tells nothing it is not known.
    private func mayRunAnything(_ node: NodeID) -> Bool {
        let reports =
            node == configuration.local
            ? shards.keys.sorted().compactMap { shards[$0]?.report }
            : view.reports.first { $0.node == node }?.shards
        guard let reports else { return true }
        return reports.contains { $0.state != .exited && $0.state != .stopped }
    }
}

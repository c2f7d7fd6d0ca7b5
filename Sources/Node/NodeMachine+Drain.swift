// Nodes that an operator takes out of service: what the leader makes of a drain in plans and groups, and how
// status tells it. Who holds what is decided by the planner; NodeMachine+Refusals says what is not agreed.

import Base
import ClusterState
import Consensus
import Planning
import Supervision
import WireProtocol

extension NodeMachine {
    // MARK: - What the leader makes of it

    /// Why a generation must end though no spare takes the place of a node that is drained by force.
    func forcedOut(_ record: GroupRecord) -> EndCause? {
        guard record.phase == .running, let (node, rank) = forcedRank(of: record.launched),
            state.plan?.group(record.name)?.rank(of: node) != nil
        else { return nil }
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
        return planned == launched ? "its deployment has changed" : nil
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

// Who takes the rank of a node that is gone. The plan gives it away when the node has been gone for the stable
// view, and an operator who waits for that should read who will have it, and not that the dead is waited for.

import Base
import ClusterState
import Planning
import Supervision

extension NodeMachine {
    /// Who takes the rank of an absent node: at what time where nothing of the group runs, else once its
    /// generation has ended. nil where none is absent, or it keeps its rank.
    mutating func takeover(of planned: PlannedGroup?, _ record: GroupRecord) -> String? {
        guard let planned, let deployment = state.deployment,
            let lost = planned.ranks.firstIndex(where: { absentSince($0.node) != nil }),
            let since = absentSince(planned.ranks[lost].node),
            let profile = try? profile.of(deployment)
        else { return nil }
        let node = planned.ranks[lost].node
        // It keeps what it holds as long as another group of it runs.
        let holdsAnother = state.groups.contains { other in
            other.phase == .running && other.name != record.name
                && other.launched?.rank(of: node) != nil
        }
        guard !holdsAnother else { return nil }
        let candidates = candidates { $0 != node && isUsable($0) }
        let next = Planner.plan(
            profile: profile, candidates: candidates, previous: state.plan, epoch: state.epoch.next)
        // Where no other can have it, it stays where it is.
        guard case .success(let plan) = next, let ranks = plan.group(planned.name)?.ranks,
            ranks.indices.contains(lost), ranks[lost].node != node
        else { return "no other node can take it" }
        let due = since + configuration.supervision.stableView
        let isTimed = record.phase != .running && due > now
        return "\(ranks[lost].node) takes rank \(lost)"
            + (isTimed ? " at \(wall.text(of: due, at: now))" : "")
    }
}

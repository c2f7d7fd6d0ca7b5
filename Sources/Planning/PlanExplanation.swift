// What a new plan changes and what it still waits for, told to people.

import Base

/// The story of a plan, one sentence a line.
public struct PlanExplanation: Hashable, Sendable {
    public let lines: [String]

    /// Why `plan` is as it is, after `previous`, on these candidates.
    public init(plan: Plan, previous: Plan?, candidates: [Candidate]) {
        let usable = Set(candidates.filter(\.isUsable).map(\.node))
        let configured = Set(candidates.map(\.node))
        var lines: [String] = []
        for group in plan.groups {
            let before = previous?.group(group.name)
            for (rank, holder) in group.ranks.enumerated() {
                let was = before.flatMap { rank < $0.ranks.count ? $0.ranks[rank].node : nil }
                let what = group.role == .router ? "\(group.name)" : "\(group.name) rank \(rank)"
                if was == nil {
                    lines.append("\(what) goes to \(holder.node)")
                } else if let was, was != holder.node {
                    let why =
                        !configured.contains(was)
                        ? "which is not configured any more"
                        : usable.contains(was) ? "which no longer has room" : "which is not usable"
                    lines.append("\(what) moves to \(holder.node) from \(was), \(why)")
                }
                if !usable.contains(holder.node) {
                    lines.append(
                        "\(what) waits for \(holder.node), which is not usable, and no spare fits")
                }
            }
        }
        for group in previous?.groups ?? [] where plan.group(group.name) == nil {
            lines.append("\(group.name) ends: the profile has it no longer")
        }
        self.lines = lines
    }
}

// A change never takes two groups down at once by its own will: read off the log, as it is agreed on.

import Base
import ClusterState
import Planning
import Supervision

struct TurnWatch {
    private var launched: [GroupName: (group: PlannedGroup, generation: Generation)] = [:]
    private var serving: Set<GroupName> = []
    /// Ended to be changed, and not back.
    private var changing: Set<GroupName> = []
    /// Ended for a node that was removed, and not back: what shares their store goes with them.
    private var uprooted: Set<GroupName> = []
    private var stopped: Set<GroupName> = []
    private var isAtOnce = false
    private var isStopped = false

    /// What a command breaks; nil where nothing.
    mutating func agreed(
        _ action: Command.Action?, _ plan: Plan?, _ departed: Set<NodeID>
    ) -> String? {
        switch action {
        case .launch(let group, let generation, _, _): launched[group.name] = (group, generation)
        case .serves(let group, let generation, _):
            guard launched[group]?.generation == generation else { return nil }
            serving.insert(group)
            changing.remove(group)
            uprooted.remove(group)
        case .end(let group, let generation, let cause, _, _):
            guard launched[group]?.generation == generation else { return nil }
            let wasServing = serving.remove(group) != nil
            guard cause.kind == .planChanged else { return nil }
            defer { changing.insert(group) }
            let ranks = launched[group]?.group.ranks.map(\.node) ?? []
            guard departed.isDisjoint(with: ranks) else {
                uprooted.insert(group)
                return nil
            }
            return wasServing ? trespass(of: group, plan) : nil
        case .restart(let group): serving.remove(group)
        case .deploy: isAtOnce = false
        case .apply(_, let atOnce): isAtOnce = atOnce
        case .stop(let group?): stopped.insert(group)
        case .start(let group?): stopped.remove(group)
        case .stop(nil): isStopped = true
        case .start(nil):
            isStopped = false
            stopped = []
        default: break
        }
        return nil
    }

    /// Who is not back and does not want a place that this group has.
    private func trespass(of group: GroupName, _ plan: Plan?) -> String? {
        guard !isAtOnce, !isStopped, let plan, let held = launched[group]?.group,
            held.role.isEngine, plan.group(group) != nil
        else { return nil }
        let other = plan.groups.first { other in
            other.name != group && other.role.isEngine && changing.contains(other.name)
                && !stopped.contains(other.name) && !uprooted.contains(other.name)
                && !other.ranks.contains { held.rank(of: $0.node) != nil }
        }
        return other.map { "\(group) is taken down by a change while \($0.name) is not back" }
    }
}

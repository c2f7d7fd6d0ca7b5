// The launch gate. A leftover process or an ill die on one node makes a whole group fail, minutes after its
// launch and on another node. So every node looks at its dies and ports before a group of it is launched,
// and as long as one finds something, none starts. Only the real engine needs dies; the others find out
// about their ports when they begin.

import Base
import ClusterState
import Planning
import Supervision
import WireProtocol

/// What this node found when it last looked.
struct Inspection: Sendable {
    /// nil as long as it has not looked since it was asked to.
    var obstacles: [String]?
    /// When to look next; nil while it looks, or need not.
    var due: Instant?
    var isUnderWay = false
}

extension NodeMachine {
    /// The ports of the shards that wait to be launched here; nil where none with dies does.
    private mutating func awaitedPorts() -> [Endpoint]? {
        guard state.deployment?.engine == .sglang else { return nil }
        let waiting = (state.plan?.groups ?? []).filter { group in
            group.role.isEngine && group.rank(of: configuration.local) != nil
                && state.record(of: group.name).phase != .running
                && !shards.keys.contains { $0.group == group.name }
        }
        guard !waiting.isEmpty else { return nil }
        return waiting.flatMap { group in
            group.rank(of: configuration.local).map { ports(of: nextShard(of: group, $0), group) }
                ?? []
        }
    }

    /// Looks again and again while a group waits; what was found before it ran says nothing after.
    mutating func inspectDies() {
        guard let ports = awaitedPorts() else {
            if !inspection.isUnderWay { inspection = Inspection() }
            inspection.obstacles = nil
            return
        }
        guard !inspection.isUnderWay, inspection.due ?? now <= now else { return }
        inspection.isUnderWay = true
        inspection.due = nil
        actions.append(.inspect(ports))
    }

    mutating func inspected(_ obstacles: [String]) {
        inspection.isUnderWay = false
        // The group may have been launched, or be gone, since.
        guard awaitedPorts() != nil else { return }
        inspection.obstacles = obstacles
        inspection.due = now + configuration.inspectionInterval
        hasShardNews = true
    }

    /// Why a group with dies cannot be launched, by what its nodes report.
    func obstacle(to group: PlannedGroup?) -> String? {
        guard let group, group.role.isEngine, state.deployment?.engine == .sglang else {
            return nil
        }
        for node in group.ranks.map(\.node) {
            guard let obstacles = leadership?.reports[node]?.obstacles else {
                return "for \(node) to look at its dies and ports"
            }
            guard let first = obstacles.first else { continue }
            let more = obstacles.count > 1 ? ", and \(obstacles.count - 1) more" : ""
            return "for \(node): \(first)\(more); `glm-agent doctor` tells what to do"
        }
        return nil
    }
}

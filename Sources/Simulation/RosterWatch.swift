// Who the nodes of the cluster are, as the log says it: what is launched or ended is judged by that.

import Base
import ClusterState
import Consensus
import Planning

/// The watch over the nodes of a cluster.
struct RosterWatch {
    /// Every node that was ever removed.
    private(set) var departed: Set<NodeID> = []
    private(set) var changedAt = Instant.zero
    private var serial: UInt64 = 0
    /// Where the removal of those that are none of the cluster's stands in the log.
    private var dismissedAt: [NodeID: LogIndex] = [:]

    mutating func note(_ roster: Roster, at now: Instant) {
        guard roster.serial > serial else { return }
        (serial, changedAt) = (roster.serial, now)
        departed.formUnion(roster.departures.map(\.node.node))
    }

    /// Commands, in the order of the log.
    mutating func agreed(_ action: Command.Action?, at index: LogIndex) {
        switch action {
        case .dismiss(let node): dismissedAt[node] = index
        case .admit(let new): dismissedAt[new.node] = nil
        default: break
        }
    }

    /// A holder that was none of the cluster's when the generation was launched.
    func stranger(in group: PlannedGroup?, launchedAt place: LogIndex?) -> NodeID? {
        guard let place else { return nil }
        return group?.ranks.map(\.node).first { node in
            dismissedAt[node].map { $0 < place } ?? false
        }
    }
}

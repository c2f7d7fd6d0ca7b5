// A node that lives, as others say who hear it, and of which this leader has no word: the path between the two
// is broken, and membership takes nobody for dead whom a relay reaches. What such a node told last may be long
// untrue, so to its leader it is as absent as a dead one, from its last report on; what runs there is ended
// no sooner for it. But first the leader hands over, as another node may well hear all of them.

import Base
import ClusterState
import Consensus
import Membership

extension NodeMachine {
    /// Nodes report every ``NodeConfiguration/reportInterval``; so many must have been missed.
    static let missedReports = 5

    /// A leader that comes to hear all nodes no better than the one before hands over no more for so long.
    static let handoverInterval = Duration.seconds(600)

    /// Since when this leader has no word of a node that others hear; nil where it has, or leads not.
    func unheardSince(_ node: NodeID) -> Instant? {
        guard let leadership else { return nil }
        let since = max(leadership.inTimeSince, leadership.heardAt[node] ?? leadership.since)
        return now - since >= configuration.reportInterval * Self.missedReports ? since : nil
    }

    /// The nodes of the cluster of which it has no word, in order of name.
    private var unheard: [NodeID] {
        guard leadership != nil else { return [] }
        return members.map(\.node).filter { node in
            guard node != configuration.local, membership.state(of: node)?.isGone == false else {
                return false
            }
            return unheardSince(node) != nil
        }.sorted()
    }

    /// Forgets what such nodes told, and has another node lead.
    mutating func reconcileUnheard() {
        let unheard = unheard
        guard !unheard.isEmpty else { return }
        for node in unheard { forgetReports(of: node) }
        let mayHandOver = handedOverAt.map { now - $0 >= Self.handoverInterval } ?? true
        let isDue = leadership?.handoverDue.map { $0 <= now } ?? true
        guard mayHandOver, isDue, let successor else { return }
        let limit = configuration.reportInterval * Self.missedReports
        actions.append(
            .log(
                .warning,
                "no word of \(unheard.map(\.name).joined(separator: ", ")) for "
                    + "\(limit.wholeSeconds), while others hear it: \(successor) is to lead instead"
            ))
        let proposal = requests.newProposal(for: .leader(.succession))
        leadership?.handsOverTo = successor
        leadership?.handoverDue = now + limit
        driveConsensus(.transferLeadership(to: successor, proposal))
    }

    /// The voter to lead next: the first after the one that was tried last, in the order of the names, as the
    /// one before may be deaf to the same node.
    private var successor: NodeID? {
        let voters = consensus.quorum.voters
        let last = leadership?.handsOverTo ?? configuration.local
        let turn = voters.filter { $0 > last } + voters.filter { $0 <= last }
        return turn.first { $0 != configuration.local && absentSince($0) == nil }
    }

    mutating func forgetReports(of node: NodeID) {
        leadership?.reports[node] = nil
        leadership?.sightings[node] = nil
    }

    /// For people, in this node's report.
    var unheardNotes: [String] {
        unheard.map {
            "\($0) does not reach \(configuration.local), which leads, though other nodes hear it: look at "
                + "the network between the two"
        }
    }
}

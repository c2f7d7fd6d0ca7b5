// Changes of the roster. Each is judged by the leader before it is proposed, with what it observes; here
// stands only what must hold whatever was observed.

import Base

extension ReplicatedState {
    /// The nodes of the leader's file become those of the cluster.
    mutating func enrol(_ nodes: [ConfiguredNode]) -> String? {
        guard !roster.isAgreed else { return "the nodes of the cluster are agreed on already" }
        guard !nodes.isEmpty, Set(nodes.map(\.node)).count == nodes.count else {
            return "a cluster begins with nodes of different names"
        }
        roster = Roster(serial: 1, entries: nodes.map { Roster.Entry($0) }, departures: [])
        return nil
    }

    mutating func admit(_ command: Command, _ new: ConfiguredNode) -> String? {
        if let refusal = reasonNotToAdmit(new) { return refusal }
        roster.serial += 1
        roster.entries.append(Roster.Entry(new))
        roster.departures.removeAll { $0.node.node == new.node }
        note(
            command, .added, node: new.node,
            text: "the operator added \(new.node) (\(new.address))")
        return nil
    }

    /// Why a node cannot be taken in; nil where it can.
    public func reasonNotToAdmit(_ new: ConfiguredNode) -> String? {
        guard roster.isAgreed else { return Self.noRoster }
        if let known = roster.entry(of: new.node)?.node {
            return "\(new.node) is a node of the cluster already, at \(known.address)"
        }
        if let other = roster.nodes.first(where: { $0.address == new.address }) {
            return "\(new.address) is the address of \(other.node), a node of the cluster; "
                + "where \(new.node) takes its place: glm-agent members remove \(other.node)"
        }
        return nil
    }

    mutating func dismiss(_ command: Command, _ node: NodeID) -> String? {
        guard let entry = roster.entry(of: node) else { return notInRoster(node) }
        guard roster.entries.count > 1 else { return "\(node) is the last node of the cluster" }
        roster.serial += 1
        depart(entry.node)
        note(command, .removed, node: node, text: "the operator removed \(node)")
        return nil
    }

    mutating func seat(_ command: Command, _ node: NodeID, mayVote: Bool) -> String? {
        guard let index = roster.entries.firstIndex(where: { $0.node.node == node }) else {
            return notInRoster(node)
        }
        guard roster.entries[index].mayVote != mayVote else {
            return mayVote ? "\(node) may vote already" : "\(node) only learns already"
        }
        guard mayVote || roster.entries.contains(where: { $0.mayVote && $0.node.node != node })
        else { return "\(node) is the last node that may vote" }
        roster.serial += 1
        roster.entries[index].mayVote = mayVote
        note(
            command, mayVote ? .promoted : .demoted, node: node,
            text: mayVote
                ? "the operator lets \(node) vote" : "the operator lets \(node) learn only")
        return nil
    }

    /// So many changes may have been agreed on among the lost nodes that this one was not told of.
    private static let skippedChanges: UInt64 = 1 << 20

    /// The node goes on alone, and all others are removed: what they hold may contradict it.
    mutating func recoverAlone(_ command: Command, _ own: ConfiguredNode) -> String? {
        roster.serial += Self.skippedChanges
        for other in roster.nodes where other.node != own.node { depart(other) }
        roster.entries = [Roster.Entry(own)]
        roster.departures.removeAll { $0.node.node == own.node }
        note(
            command, .recovered, node: own.node,
            text: "the operator made \(own.node) the only voter; what it lacked is lost, and every "
                + "other node is removed")
        return nil
    }

    private mutating func depart(_ node: ConfiguredNode) {
        roster.entries.removeAll { $0.node.node == node.node }
        roster.departures.removeAll { $0.node.node == node.node }
        roster.departures.append(Roster.Departure(node, serial: roster.serial))
        let surplus = roster.departures.count - Roster.departureLimit
        if surplus > 0 { roster.departures.removeFirst(surplus) }
        present.removeAll { $0 == node.node }
        cordons.removeAll { $0.node == node.node }
    }

    private func notInRoster(_ node: NodeID) -> String {
        roster.isAgreed ? "\(node) is no node of the cluster" : Self.noRoster
    }

    private static let noRoster = "the nodes of the cluster are not agreed on yet"
}

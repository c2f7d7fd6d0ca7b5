// Which nodes should vote. More voters make commits slower and not safer, so in a large cluster most
// nodes learn; a voter that is gone for good gives its place to a learner that is there. The answer
// is the next single step, for the leader to propose; when it is committed, it asks again.

public import Base

/// Says what change of the participants would bring a cluster closer to what it should be.
public struct VoterPolicy: Hashable, Sendable {
    /// At most this many nodes vote.
    public var voterLimit: Int

    public init(voterLimit: Int = 5) {
        invariant(voterLimit > 0, "somebody must vote")
        self.voterLimit = voterLimit
    }

    /// The next change, or nil where nothing is to be done.
    ///
    /// `configured` are the operator's nodes that may vote, those that should rather vote first;
    /// `learning` are those that may not. `leaving` are to go, but not yet: they lose their votes and
    /// still learn. `healthy` are
    /// those that have been there for some time: a place changes hands only for a node that is
    /// gone, so what flaps must not come and go in here. A leader gives up its own vote last.
    public func nextChange(
        of participants: Participants, configured: [NodeID], learning: [NodeID] = [],
        leaving: Set<NodeID> = [], healthy: Set<NodeID>, leader: NodeID
    ) -> ParticipantsChange? {
        let kept = leaving.union(configured).union(learning)
        if let newcomer = (configured + learning).first(where: { !participants.contains($0) }) {
            return .addLearner(newcomer)
        }
        let wanted = wantedVoters(
            among: configured, healthy: healthy, voting: participants.quorum)
        let promoted = wanted.first { participants.learners.contains($0) }
        let dropped = participants.voters.filter { !wanted.contains($0) }
            .min { dropOrder($0, healthy, leader) < dropOrder($1, healthy, leader) }
        if let dropped, participants.voters.count > 1,
            promoted == nil || participants.voters.count >= voterLimit
        {
            return kept.contains(dropped) ? .demote(dropped) : .remove(dropped)
        }
        if let promoted { return .promote(promoted) }
        return participants.learners.first { !kept.contains($0) }.map { .remove($0) }
    }

    /// Voters that are there stay, then learners that are there take free places, then voters that
    /// are gone keep theirs; each in the operator's order.
    private func wantedVoters(
        among configured: [NodeID], healthy: Set<NodeID>, voting quorum: Quorum
    ) -> [NodeID] {
        let present = configured.filter(healthy.contains)
        let absent = configured.filter { !healthy.contains($0) && quorum.contains($0) }
        let ranked =
            present.filter(quorum.contains) + present.filter { !quorum.contains($0) } + absent
        return Array(ranked.prefix(voterLimit))
    }

    /// Who is gone first, the leader last, others by name.
    private func dropOrder(
        _ node: NodeID, _ healthy: Set<NodeID>, _ leader: NodeID
    ) -> (Int, NodeID) {
        if node == leader { return (2, node) }
        return (healthy.contains(node) ? 1 : 0, node)
    }
}

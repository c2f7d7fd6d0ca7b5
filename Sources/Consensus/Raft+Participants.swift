// Changes of who takes part (thesis 4): one server at a time, the next once the one before is
// committed. The leader adopts a change as it appends it, so that its own commit already needs a
// majority of the new voters; a leader that removes itself does not count itself any more, leads
// until that is agreed, and leaves. Where disks are recorded, a voter that goes is doubted first.

public import Base

/// A voter that was doubted because it is to vote no more: for a while it is not trusted anew.
struct LeavingVoter: Sendable {
    /// As long as whoever asked may need to ask for the second step.
    static let patience = Duration.seconds(10)

    let node: NodeID
    let until: Instant
}

extension Raft {
    /// Appends the participants after the change, if this node leads and the change is safe.
    mutating func change(
        _ change: ParticipantsChange, _ proposal: ProposalID, at now: Instant
    ) -> RaftAction {
        switch participantsAfter(change, at: now) {
        case .success(let new):
            if let node = voterToDoubt(before: change) {
                leaving = LeavingVoter(node: node, until: now + LeavingVoter.patience)
            }
            return append(.participants(new), proposal, at: now)
        case .failure(let refusal): return .refused(proposal, refusal)
        }
    }

    /// The voter that a change takes away, as long as its promises count. Such a change takes two steps, and
    /// is to be asked for once more after the first: a majority of the voters before, with the one that goes
    /// among those that remember, need not meet those that remember after it.
    private func voterToDoubt(before change: ParticipantsChange) -> NodeID? {
        switch change {
        case .demote(let node), .remove(let node):
            participants.disks?[node] == nil ? nil : node
        default: nil
        }
    }

    /// Why a change would be refused now; nil where it would be taken. Nothing is changed.
    public func refusal(
        of change: ParticipantsChange, at now: Instant
    ) -> RaftRefusal? {
        if case .failure(let refusal) = participantsAfter(change, at: now) { return refusal }
        return nil
    }

    private func participantsAfter(
        _ change: ParticipantsChange, at now: Instant
    ) -> Result<Participants, RaftRefusal> {
        if let refusal = reasonNotToAppend ?? reasonNotToChange { return .failure(refusal) }
        if case .record = change, hasRecordedParticipants { return .failure(.recordedAlready) }
        return participants.after(change).flatMap { new in
            if case .promote(let node) = change, let entries = lag(of: node, at: now) {
                return .failure(.lagging(node, entries: entries))
            }
            let answering = new.voters.count { $0 == local || isAnswering($0, at: now) }
            guard new.voters == participants.voters || answering >= new.quorum.size else {
                return .failure(.noMajorityAfterwards(answering: answering, need: new.quorum.size))
            }
            let first = voterToDoubt(before: change).map { participants.after(.doubt([$0])) }
            return (first ?? .success(new)).flatMap { countsOn($0, after: change, at: now) }
        }
    }

    /// The participants, if enough voters are there that remember by them. After a promotion it is one more
    /// than the bare need, where there is one: the disk of the new voter counts only once that is agreed, and
    /// a cluster that loses another one until then could never agree on it.
    private func countsOn(
        _ new: Participants, after change: ParticipantsChange, at now: Instant
    ) -> Result<Participants, RaftRefusal> {
        guard let disks = new.disks else { return .success(new) }
        let remembering = new.voters.filter { disks[$0] != nil && mayRemember($0) }
        let answering = remembering.count {
            $0 == local || isAnswering($0, at: now) && remembers($0)
        }
        var need = new.quorum.rememberingSize
        if case .promote = change, remembering.count > need { need += 1 }
        return answering >= need
            ? .success(new) : .failure(.noMajorityAfterwards(answering: answering, need: need))
    }

    /// There is one change at a time, and the first of a term waits until an entry of that term is
    /// committed: until then, a change of an earlier leader may come back, and majorities of the
    /// two need not meet.
    var reasonNotToChange: RaftRefusal? {
        if let newest = log.participants, newest.index > commitIndex {
            return .changeUnderWay(newest.index)
        }
        return hasCommittedInTerm ? nil : .newLeader
    }

    /// True if this leader has committed an entry of its own term (§5.4.2, §8).
    var hasCommittedInTerm: Bool { log.term(at: commitIndex) == term }

    func isAnswering(_ node: NodeID, at now: Instant) -> Bool {
        progress[node].map { now - $0.heardAt < configuration.electionTimeout.lowerBound } ?? false
    }

    /// How many entries a node lacks that is too far behind to vote; nil for one that is not.
    private func lag(of node: NodeID, at now: Instant) -> UInt64? {
        let entries = log.lastIndex.value - (progress[node]?.match ?? .zero).value
        let follows = isAnswering(node, at: now) && entries <= configuration.promotionLagLimit
        return follows ? nil : entries
    }

    // MARK: - The leader's view

    /// Begins to follow the progress of a node, which may lack what follows from there on.
    mutating func meet(_ node: NodeID, from index: LogIndex, at now: Instant) {
        progress[node] = Progress(next: index, heardAt: now)
    }

    /// Who is new is sent the log; who is gone is sent it up to here, so that it learns that it is
    /// and asks for no more votes.
    mutating func participantsChanged(from before: Participants, at now: Instant) {
        let index = log.lastIndex
        for node in before.all where node != local && !participants.contains(node) {
            departing[node] = index
        }
        for node in participants.all where node != local && !before.contains(node) {
            departing[node] = nil
            meet(node, from: index, at: now)
        }
    }

    /// Speaks no more to nodes that do not take part, once they know or have not been heard for
    /// long.
    mutating func dismiss(at now: Instant) {
        for (node, index) in departing where index <= commitIndex {
            guard let known = progress[node] else { continue }
            let isSilent = now - known.heardAt >= configuration.electionTimeout.upperBound
            if known.match >= index || isSilent {
                departing[node] = nil
                progress[node] = nil
            }
        }
    }

    /// Leaves office, and has the voter that is furthest succeed at once.
    mutating func resign(at now: Instant) {
        if let successor = furthestVoter { send(.timeoutNow, to: successor) }
        becomeFollower(in: term, of: nil, at: now)
    }
}

// Elections (§5.2, §5.4.1), with the two additions that keep a flapping node from deposing a good
// leader: pre-vote (thesis 9.6), where a node first asks whether it could win and raises its term
// only then, and check-quorum (thesis 6.2), where a leader that hears no majority steps down by
// itself and a node that hears a leader votes for nobody.

import Base

extension Raft {
    /// True while deposing the leader would be wrong: this node is it, or heard it just now.
    func hearsLeader(at now: Instant) -> Bool {
        if role == .leader { return true }
        return heardLeaderAt.map { now - $0 < configuration.electionTimeout.lowerBound } ?? false
    }

    /// True for a voter, and for one that is none any more but does not know yet whether that is
    /// agreed: it may be the only one that can bring the change to the others (thesis 4.2.2). Its
    /// own vote does not count.
    private var mayCampaign: Bool {
        if isVoter { return true }
        guard let newest = log.participants, newest.index > commitIndex else { return false }
        let agreed = log.participants(upTo: commitIndex)?.participants ?? bootstrap
        return agreed.quorum.contains(local)
    }

    mutating func armElection(at now: Instant) {
        electionDeadline = now + generator.duration(in: configuration.electionTimeout)
    }

    /// Membership believes that the node is gone. If it leads, ask for votes soon, and do not
    /// refuse them to others for its sake.
    mutating func suspect(_ node: NodeID, at now: Instant) {
        guard role == .follower, node == leader else { return }
        heardLeaderAt = nil
        let wait = generator.duration(in: configuration.suspectedLeaderWait)
        electionDeadline = min(electionDeadline, now + wait)
    }

    mutating func becomeFollower(in newTerm: Term, of newLeader: NodeID?, at now: Instant) {
        invariant(newTerm >= term, "term \(newTerm) is in the past; \(stateForFailure)")
        let oldTerm = term
        if newTerm > term {
            setHardState(HardState(term: newTerm, votedFor: nil))
            heardLeaderAt = nil
        }
        if role != .follower { armElection(at: now) }
        if role == .leader { leaveOffice(isOlder: newTerm > oldTerm) }
        role = .follower
        if leader != newLeader { incoming = nil }
        leader = newLeader
        votes = [:]
    }

    /// The sender leads this term, and it is alive.
    /// - Returns: false if another leads it already; then nothing of the sender is to be taken.
    mutating func follow(_ sender: NodeID, at now: Instant) -> Bool {
        if let leader, leader != sender {
            reject(.secondLeader(term, first: leader), from: sender)
            return false
        }
        if leader != sender || role != .follower {
            becomeFollower(in: term, of: sender, at: now)
        }
        heardLeaderAt = now
        armElection(at: now)
        return true
    }

    /// No leader for a whole timeout, or no majority for a campaign: ask whether a campaign would
    /// be welcome. Who does not vote only notes that the leader is lost.
    mutating func electionTimeout(at now: Instant) {
        leader = nil
        heardLeaderAt = nil
        armElection(at: now)
        guard mayCampaign else { return }
        role = .preCandidate
        votes = [:]
        ask(.preVoteRequest(lastIndex: log.lastIndex, lastTerm: log.lastTerm), in: term.next)
        send(.preVoteReply(granted: true), to: local, in: term.next)
    }

    /// The leader wants this node to succeed it (thesis 3.10): no majority need be asked first.
    mutating func succeed(_ sender: NodeID, at now: Instant) {
        if let leader, leader != sender {
            reject(.notFromLeader, from: sender)
        } else if isVoter, role != .candidate {
            campaign(isTransfer: true, at: now)
        }
    }

    /// A majority would vote for this node, or the leader wants it to: raise the term and ask for
    /// real.
    private mutating func campaign(isTransfer: Bool, at now: Instant) {
        setHardState(HardState(term: term.next, votedFor: local))
        role = .candidate
        leader = nil
        heardLeaderAt = nil
        votes = [:]
        armElection(at: now)
        ask(
            .voteRequest(
                lastIndex: log.lastIndex, lastTerm: log.lastTerm, isTransfer: isTransfer),
            in: term)
        send(.voteReply(granted: true), to: local)
    }

    private mutating func ask(_ request: RaftMessage.Kind, in term: Term) {
        for voter in quorum.voters where voter != local {
            send(request, to: voter, in: term)
        }
    }

    private mutating func setHardState(_ new: HardState) {
        hardState = new
        write { $0.hardState = new }
    }

    /// The election restriction (§5.4.1): who lacks a committed entry must not win. A node that
    /// knows of no vote of its own gives one only to a candidate that may know better, as its log
    /// goes on: there, this node's promotion may stand (thesis 4.2.2). A candidate that knows it as
    /// a learner does not ask it, and would not count its vote.
    private func mayElect(lastIndex: LogIndex, lastTerm: Term) -> Bool {
        let (theirs, own) = ((lastTerm, lastIndex), (log.lastTerm, log.lastIndex))
        return isVoter ? theirs >= own : theirs > own
    }

    mutating func answerPreVote(
        in newTerm: Term, lastIndex: LogIndex, lastTerm: Term, from sender: NodeID, at now: Instant
    ) {
        let grants =
            newTerm > term && !hearsLeader(at: now)
            && mayElect(lastIndex: lastIndex, lastTerm: lastTerm)
        // A grant speaks of the sender's term to come, a refusal teaches it this node's.
        send(.preVoteReply(granted: grants), to: sender, in: grants ? newTerm : term)
    }

    mutating func countPreVote(
        _ ballot: Ballot, in newTerm: Term, from sender: NodeID, at now: Instant
    ) {
        guard role == .preCandidate, newTerm == (ballot.isGranted ? term.next : term) else {
            return
        }
        votes[sender] = ballot
        if isElected { campaign(isTransfer: false, at: now) }
    }

    mutating func answerVote(
        lastIndex: LogIndex, lastTerm: Term, from sender: NodeID, at now: Instant
    ) {
        let isFree = hardState.votedFor == nil && leader == nil
        let grants =
            (isFree || hardState.votedFor == sender)
            && mayElect(lastIndex: lastIndex, lastTerm: lastTerm)
        if grants && isFree {
            becomeFollower(in: term, of: nil, at: now)
            setHardState(HardState(term: term, votedFor: sender))
            armElection(at: now)
        }
        send(.voteReply(granted: grants), to: sender)
    }

    mutating func countVote(_ ballot: Ballot, from sender: NodeID, at now: Instant) {
        guard role == .candidate else { return }
        votes[sender] = ballot
        if isElected { becomeLeader(at: now) }
    }

    /// Takes office with an entry of its own term, as only that commits what earlier leaders left
    /// (§5.4.2, §8).
    private mutating func becomeLeader(at now: Instant) {
        invariant(
            hardState.votedFor == local,
            "elected without its own vote; \(stateForFailure)")
        role = .leader
        leader = local
        votes = [:]
        for node in peers + [local] { meet(node, from: log.lastIndex.next, at: now) }
        appendAsLeader(.leadership, at: now)
        heartbeatDue = now
        leaderTick(at: now)
    }

    /// Forgets what only a leader knows, and answers who still waits for it.
    private mutating func leaveOffice(isOlder: Bool) {
        if let transfer {
            notify(
                isOlder
                    ? .transferred(transfer.proposal)
                    : .refused(transfer.proposal, .notLeader(nil)))
        }
        for read in reads.all { notify(.unreadable(read, .notLeader(nil))) }
        transfer = nil
        reads = ReadQueue()
        progress = [:]
        departing = [:]
        rolledBack = []
    }
}

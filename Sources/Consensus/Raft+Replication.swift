// Log replication (§5.3) and commitment (§5.4.2). A heartbeat is an append without entries at the
// place where the next entry would go: a follower that missed something refuses it, so that a lost
// append is noticed within one heartbeat and needs no timer of its own.

import Base

// MARK: - The leader

extension Raft {
    /// When a leader that hears nothing more from anyone must step down; nil if it needs no one.
    var quorumDeadline: Instant? {
        guard quorum.voters != [local] else { return nil }
        let heardAt = quorum.reached(
            { voter in
                voter == local ? Instant(nanoseconds: .max) : progress[voter]?.heardAt ?? .zero
            }, remembering: mayRemember, otherwise: .zero)
        return heardAt + configuration.electionTimeout.lowerBound
    }

    /// Steps down without a majority (thesis 6.2); otherwise speaks to everyone when it is time.
    mutating func leaderTick(at now: Instant) {
        if let quorumDeadline, now >= quorumDeadline {
            becomeFollower(in: term, of: nil, at: now)
            return
        }
        giveUpTransfer(at: now)
        giveUpReads(at: now)
        guard now >= heartbeatDue else { return }
        heartbeatDue = now + configuration.heartbeatInterval
        dismiss(at: now)
        settleDisks(at: now)
        for peer in peers {
            progress[peer]?.heartbeat()
            sendHeartbeat(to: peer, at: now)
        }
    }

    mutating func propose(
        _ command: [UInt8], _ proposal: ProposalID, at now: Instant
    ) -> RaftAction {
        let limit = configuration.commandBytesLimit
        if let refusal = reasonNotToAppend { return .refused(proposal, refusal) }
        guard command.count <= limit else {
            return .refused(proposal, .tooLong(bytes: command.count, limit: limit))
        }
        return append(.command(command), proposal, at: now)
    }

    /// Why nothing more may be appended now; nil on a leader that may.
    var reasonNotToAppend: RaftRefusal? {
        guard role == .leader else { return .notLeader(leader) }
        if let transfer { return .transferring(to: transfer.target) }
        let uncommitted = log.lastIndex.value - commitIndex.value
        return uncommitted < configuration.uncommittedEntriesLimit ? nil : .tooMuchUncommitted
    }

    mutating func append(
        _ payload: LogEntry.Payload, _ proposal: ProposalID, at now: Instant
    ) -> RaftAction {
        appendAsLeader(payload, at: now)
        for peer in peers { sendEntries(to: peer, at: now) }
        return .proposed(proposal, log.lastIndex, term)
    }

    /// Appends to the leader's own log, and has its disk confirm it like any follower's.
    mutating func appendAsLeader(_ payload: LogEntry.Payload, at now: Instant) {
        let entry = LogEntry(index: log.lastIndex.next, term: term, payload: payload)
        let before = participants
        log.append([entry])
        if case .participants = payload { participantsChanged(from: before, at: now) }
        write { $0.entries.append(entry) }
        send(.appendReply(accepted: true, matched: entry.index), to: local)
    }

    mutating func appendAnswered(
        accepted: Bool, matched: LogIndex, round: ReadRound, by sender: NodeID, at now: Instant
    ) {
        guard role == .leader else { return }
        guard matched <= log.lastIndex, round <= reads.round else {
            reject(.answersNothing, from: sender)
            return
        }
        progress[sender]?.heard(round, at: now)
        if accepted {
            progress[sender]?.accepted(matched)
            advanceCommitIndex(at: now)
        } else {
            compare(refusedAt: matched, of: sender, at: now)
            progress[sender]?.refused(hint: matched)
        }
        // Committing a removal may have ended the office.
        guard role == .leader else { return }
        if sender != local { sendEntries(to: sender, at: now) }
        settleReads(at: now)
        nudgeSuccessor()
    }

    /// Commits what a majority has on disk, if it is of this term; older entries commit with it.
    /// A leader that does not vote any more leaves as soon as that is agreed (thesis 4.2.2).
    private mutating func advanceCommitIndex(at now: Instant) {
        let index = reached(otherwise: .zero) { progress[$0]?.match ?? .zero }
        guard index > commitIndex, log.term(at: index) == term else { return }
        commitIndex = index
        // Followers act on what is committed: tell them now, not with the next heartbeat.
        for peer in peers {
            if case .replicate = progress[peer]?.mode { sendHeartbeat(to: peer, at: now) }
        }
        if let newest = log.participants, newest.index <= commitIndex,
            !newest.participants.quorum.contains(local)
        {
            resign(at: now)
        }
    }

    /// Sends what the node lacks, as much as may be on its way.
    mutating func sendEntries(to peer: NodeID, at now: Instant) {
        while let node = progress[peer],
            node.next <= log.lastIndex,
            node.mayAppend(inFlightLimit: configuration.appendsInFlightLimit)
        {
            sendAppend(
                to: peer, after: node.next.previous, bytesLimit: configuration.appendBytesLimit,
                at: now)
        }
    }

    /// Sends something in any case: what the node lacks, or else an empty append.
    mutating func sendHeartbeat(to peer: NodeID, at now: Instant) {
        guard let before = progress[peer] else { return }
        if case .snapshot(_, _, let sentAt) = before.mode {
            if now - sentAt >= configuration.electionTimeout.lowerBound {
                sendSnapshotAgain(to: peer, at: now)
            } else {
                sendAppend(to: peer, after: log.snapshotIndex, bytesLimit: nil, at: now)
            }
            return
        }
        sendEntries(to: peer, at: now)
        if progress[peer] == before {
            sendAppend(to: peer, after: before.next.previous, bytesLimit: nil, at: now)
        }
    }

    /// Sends the entries after that place, up to the bound, or none; or a snapshot, if the log no
    /// longer reaches back to there.
    private mutating func sendAppend(
        to peer: NodeID, after previous: LogIndex, bytesLimit: Int?, at now: Instant
    ) {
        guard let previousTerm = log.term(at: previous) else {
            sendSnapshot(to: peer, at: now)
            return
        }
        let entries =
            bytesLimit.map { log.entries(from: previous.next, bytesLimit: $0) } ?? []
        send(
            .append(
                previousIndex: previous, previousTerm: previousTerm, entries: entries,
                commit: commitIndex, round: reads.round),
            to: peer)
        progress[peer]?.sent(upTo: entries.last?.index)
    }
}

// MARK: - The follower

extension Raft {
    /// Makes the log agree with the leader's from `previous` on, or says where to try next.
    mutating func appendFromLeader(
        after previous: LogIndex, of previousTerm: Term, _ entries: [LogEntry], commit: LogIndex,
        round: ReadRound, from leader: NodeID
    ) {
        guard previous >= log.snapshotIndex else {
            // What is committed here agrees with every later leader's log (§5.4.3).
            answer(true, commitIndex, round, leader)
            return
        }
        guard log.term(at: previous) == previousTerm else {
            if previous <= commitIndex {
                reject(.contradictsCommitted(previous), from: leader)
            } else {
                answer(false, conflictHint(below: previous), round, leader)
            }
            return
        }
        let known = entries.prefix { log.term(at: $0.index) == $0.term }
        let new = entries.dropFirst(known.count)
        if let first = new.first, first.index <= commitIndex {
            reject(.contradictsCommitted(first.index), from: leader)
            return
        }
        store(new)
        let matched = entries.last?.index ?? previous
        commitIndex = max(commitIndex, min(commit, matched))
        answer(true, matched, round, leader)
    }

    private mutating func answer(
        _ accepted: Bool, _ matched: LogIndex, _ round: ReadRound, _ leader: NodeID
    ) {
        send(.appendReply(accepted: accepted, matched: matched, round: round), to: leader)
    }

    /// Appends entries that this log lacks, over whatever contradicts them.
    private mutating func store(_ entries: ArraySlice<LogEntry>) {
        guard let first = entries.first else { return }
        if first.index <= log.lastIndex {
            invariant(
                first.index > commitIndex,
                "committed entry \(first.index) is overwritten; \(stateForFailure)")
            log.truncate(from: first.index)
            write { $0.truncateFrom = first.index }
        }
        log.append(entries)
        write { $0.entries += entries }
    }

    /// Where the logs may agree, below a place where they do not: before this log's entries of the
    /// whole contradicting term (§5.3), or at its end. What is committed agrees in any case.
    private func conflictHint(below previous: LogIndex) -> LogIndex {
        guard let conflicting = log.term(at: previous) else { return log.lastIndex }
        var index = previous
        while index > commitIndex, log.term(at: index) == conflicting {
            index = index.previous
        }
        return index
    }
}

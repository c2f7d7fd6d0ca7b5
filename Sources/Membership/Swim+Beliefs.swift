// From evidence to belief. What a node saw itself outweighs what it is told: a stream that was reset
// is a fact, an answered probe too; hearsay of a death is checked by a question before it is
// believed. Only the member itself can raise its incarnation, and by that refute (SWIM §4.2).

import Base

/// How an update came here, which decides what it is worth.
enum UpdateChannel: Hashable, Sendable {
    case gossip
    /// From a full list. `hasMajority`: the sender hears most of the cluster.
    case pushPull(hasMajority: Bool)
}

extension Swim {
    // MARK: Evidence of streams

    mutating func streamOpened(_ node: NodeID, _ turn: inout Turn) {
        guard !hasLeft, let position = positions[node] else { return }
        peers[position].goneAt = nil
        // A question that was asked while there was no stream is asked again.
        if peers[position].probe != nil { startProbe(position, isUrgent: true, &turn) }
        refreshAttention(position)
        sendPushPull(to: position, &turn)
    }

    /// The agent is gone and its host said so. It gets a moment to be met again, since a restarted
    /// agent looks the same; a second, later sign ends the wait.
    mutating func agentGone(_ node: NodeID, _ turn: inout Turn) {
        guard !hasLeft, let position = positions[node], !peers[position].isGone else { return }
        if let goneAt = peers[position].goneAt {
            guard turn.now - goneAt >= configuration.goneSameEvent else { return }
            return die(position, by: local.node, isSeen: true, &turn)
        }
        peers[position].goneAt = turn.now
        startProbe(position, isUrgent: true, &turn)
    }

    /// No more than a hint, worth a question.
    mutating func streamLost(_ node: NodeID, _ turn: inout Turn) {
        guard !hasLeft, let position = positions[node], !peers[position].isGone,
            peers[position].probe == nil
        else { return }
        startProbe(position, isUrgent: true, &turn)
    }

    // MARK: Hearsay

    mutating func apply(
        _ update: MemberUpdate, by channel: UpdateChannel, _ turn: inout Turn
    ) {
        if update.node == local.node { return answerRumour(update, &turn) }
        guard let position = positions[update.node] else { return }
        let peer = peers[position]
        let isNewer = update.incarnation > peer.member.incarnation
        guard isNewer || update.incarnation == peer.member.incarnation else { return }
        // Only the member raises its incarnation, so what comes with a newer one is its newer word, even
        // where this node does not believe the rest yet.
        if isNewer { peers[position].member.metadata = update.metadata }
        switch update.state {
        case .alive:
            let settlesDoubt = peer.isDoubted && channel == .pushPull(hasMajority: true)
            if isNewer || settlesDoubt {
                revive(position, incarnation: update.incarnation, &turn)
            }
        case .suspect:
            // The echo of a suspicion of this node's own says nothing new, and may be withdrawn.
            guard isNewer || !peer.isGone, update.source != local.node else { return }
            suspect(position, incarnation: update.incarnation, by: update.source, &turn)
        case .dead: hearDeath(update, of: position, by: channel, &turn)
        case .left:
            guard peer.member.state != .left else { return }
            bury(position, as: .left, update.incarnation, by: update.node, &turn)
            tell(position)
        }
    }

    /// Someone says that a member is dead. Where this node agrees from what it saw itself, it is.
    /// Otherwise the member is asked first: the speaker may be the one that was cut off.
    private mutating func hearDeath(
        _ update: MemberUpdate, of position: Int, by channel: UpdateChannel, _ turn: inout Turn
    ) {
        let peer = peers[position]
        if peer.isGone {
            peers[position].member.incarnation = update.incarnation
            peers[position].isDoubted = false
        } else if peer.hasFailed || peer.goneAt != nil {
            die(position, by: update.source, incarnation: update.incarnation, &turn)
        } else if checksHearsay(about: peer, &turn) {
            guard peer.claim == nil else { return }
            peers[position].claim = update
            startProbe(position, isUrgent: true, &turn)
        } else if channel == .gossip {
            die(position, by: update.source, incarnation: update.incarnation, &turn)
        } else {
            // Full lists hold old news: the member gets the time to refute.
            suspect(position, incarnation: update.incarnation, by: update.source, &turn)
        }
    }

    private func checksHearsay(about peer: Peer, _ turn: inout Turn) -> Bool {
        if memberCount <= configuration.everyoneChecksLimit { return true }
        return peer.lastHeard.map { turn.now - $0 <= configuration.freshness } ?? false
    }

    /// This node hears about itself. It says that it lives, above the rumour's incarnation; a rumour
    /// that it lives at a higher one stems from an earlier life with a faster clock.
    private mutating func answerRumour(_ update: MemberUpdate, _ turn: inout Turn) {
        let isOutdated =
            update.state == .alive
            ? update.incarnation <= local.incarnation : update.incarnation < local.incarnation
        // At the highest incarnation there is, nothing can be refuted any more.
        guard !isOutdated, update.incarnation.value < .max else { return }
        local.incarnation = Incarnation(update.incarnation.value + 1)
        if update.state == .suspect { health.worsen(at: turn.now) }
        queue.enqueue(localUpdate)
        hasUrgentNews = true
    }

    // MARK: Transitions

    mutating func suspect(
        _ position: Int, incarnation: Incarnation, by accuser: NodeID, _ turn: inout Turn
    ) {
        let isOwn = accuser == local.node
        var isNews = true
        if peers[position].member.state == .suspect {
            peers[position].member.incarnation = incarnation
            isNews = peers[position].suspicion?.accuse(by: accuser) ?? false
        } else {
            peers[position].isDoubted = false
            peers[position].suspicion = Suspicion(startedAt: turn.now, accuser: accuser)
            change(position, to: .suspect, incarnation, by: accuser, &turn)
        }
        if peers[position].recheckAt == nil, isOwn || checksHearsay(about: peers[position], &turn) {
            let pause = isOwn ? configuration.suspectRecheckInterval : .zero
            peers[position].recheckAt = turn.now + pause
        }
        refreshAttention(position)
        guard isNews else { return }
        peers[position].source = accuser
        tell(position)
        if isOwn { hasUrgentNews = true }
    }

    /// The member lives, at this incarnation. News for others only if that is a higher one.
    mutating func revive(_ position: Int, incarnation: Incarnation, _ turn: inout Turn) {
        let isNews = incarnation > peers[position].member.incarnation
        let node = peers[position].node
        settle(position)
        change(position, to: .alive, incarnation, by: node, &turn)
        if isNews { tell(position) } else { queue.forget(node) }
    }

    /// The member is dead. Either a stream showed it (`isSeen`), or it follows from silence, which
    /// in isolation proves nothing.
    mutating func die(
        _ position: Int, by source: NodeID, incarnation: Incarnation? = nil, isSeen: Bool = false,
        _ turn: inout Turn
    ) {
        peers[position].isDeathSeen = isSeen
        let incarnation = incarnation ?? peers[position].member.incarnation
        bury(position, as: .dead, incarnation, by: source, &turn)
        if isIsolated, !isSeen {
            peers[position].isDoubted = true
            queue.forget(peers[position].node)
        } else {
            tell(position)
            hasUrgentNews = true
        }
    }

    private mutating func bury(
        _ position: Int, as state: MemberState, _ incarnation: Incarnation, by source: NodeID,
        _ turn: inout Turn
    ) {
        settle(position)
        change(position, to: state, incarnation, by: source, &turn)
    }

    /// Ends everything that was under way for the peer.
    private mutating func settle(_ position: Int) {
        peers[position].probe = nil
        peers[position].claim = nil
        peers[position].suspicion = nil
        peers[position].recheckAt = nil
        peers[position].goneAt = nil
        peers[position].hasFailed = false
        peers[position].isDoubted = false
        refreshAttention(position)
    }

    private mutating func change(
        _ position: Int, to state: MemberState, _ incarnation: Incarnation, by source: NodeID,
        _ turn: inout Turn
    ) {
        let old = peers[position].member.state
        let wasGone = peers[position].isGone
        peers[position].member.incarnation = incarnation
        peers[position].source = source
        guard state != old else { return }
        peers[position].member.state = state
        peers[position].member.since = turn.now
        turn.actions.append(.changed(peers[position].member, from: old))
        if state == .alive, wasGone { hasUrgentNews = true }
        guard wasGone != peers[position].isGone else { return }
        liveCount += wasGone ? 1 : -1
        updateIsolation(&turn)
    }

    /// On losing the majority: whoever seemed to fall silent may well be fine, and this node the one
    /// that is cut off.
    mutating func doubtDeaths() {
        for position in peers.indices where peers[position].member.state == .dead {
            guard !peers[position].isDeathSeen else { continue }
            peers[position].isDoubted = true
            queue.forget(peers[position].node)
        }
    }

    /// This node says something new of itself, as a refutation does: above what was said before. Gossip
    /// carries it; it is not urgent.
    mutating func describe(_ metadata: MemberMetadata) {
        guard !hasLeft, metadata != local.metadata, local.incarnation.value < .max else { return }
        local.metadata = metadata
        local.incarnation = Incarnation(local.incarnation.value + 1)
        queue.enqueue(localUpdate)
    }

    mutating func leave(_ turn: inout Turn) {
        guard !hasLeft else { return }
        local.state = .left
        local.since = turn.now
        turn.actions.append(.changed(local, from: .alive))
        for position in peers.indices {
            settle(position)
        }
        relays.removeAll()
        queue.removeAll()
        queue.enqueue(localUpdate)
        hasUrgentNews = true
    }
}

// Asking whether members live: SWIM §3.1 and §4.3 (each round takes the next members of a fixed
// order, so that the wait for any one is bounded), relays with Lifeguard's nack, and two additions
// for small clusters. An urgent probe asks directly and through relays at once. A failed probe
// raises the alarm: everyone who has not answered since it began is asked too.

import Base

extension Swim {
    // MARK: Rounds

    /// Probes the next members in the order. The gone are passed over at once.
    mutating func probeRound(_ turn: inout Turn) {
        var started = 0
        for _ in probeOrder where started < configuration.probesPerInterval {
            let position = probeOrder[probePosition]
            probePosition = (probePosition + 1) % probeOrder.count
            guard !peers[position].isGone, !peers[position].needsAttention else { continue }
            startProbe(position, isUrgent: false, &turn)
            started += 1
        }
    }

    /// Addresses some of the gone, for as long as they are configured. The ping carries what is
    /// believed of them, and its answer the refutation; nobody waits for it.
    mutating func recontactRound(_ turn: inout Turn) {
        guard liveCount < peers.count else { return }
        var contacted = 0
        for _ in peers.indices where contacted < configuration.recontactFanOut {
            recontactPosition = (recontactPosition + 1) % peers.count
            guard peers[recontactPosition].isGone else { continue }
            send(.ping(nextSequence()), to: recontactPosition, &turn)
            contacted += 1
        }
    }

    /// A failure may be one of many: asks everyone who has not answered since the failed probe
    /// began, until `alarmFanOut` probes are under way. Having heard someone is not enough: a node
    /// whose words are lost hears all the others.
    private mutating func raiseAlarm(since start: Instant, _ turn: inout Turn) {
        let underWay = attention.count { peers[$0].probe != nil }
        let silent = sample(max(0, configuration.alarmFanOut - underWay)) { peer in
            !peer.isGone && !peer.needsAttention && peer.lastAnswer.map { $0 < start } ?? true
        }
        for position in silent {
            startProbe(position, isUrgent: false, &turn)
        }
    }

    // MARK: One probe

    /// Asks a member, in place of any probe of it under way.
    mutating func startProbe(_ position: Int, isUrgent: Bool, _ turn: inout Turn) {
        let whole = isUrgent ? configuration.urgentTimeout : configuration.probeTimeout
        let direct = isUrgent ? .zero : configuration.directTimeout
        let probe = Probe(
            sequence: nextSequence(), startedAt: turn.now,
            relaysAt: turn.now + health.stretched(direct),
            deadline: turn.now + health.stretched(whole))
        peers[position].probe = probe
        refreshAttention(position)
        send(.ping(probe.sequence), to: position, &turn)
        if isUrgent { askRelays(position, &turn) }
    }

    mutating func askRelays(_ position: Int, _ turn: inout Turn) {
        guard let sequence = peers[position].probe?.sequence else { return }
        let target = peers[position].node
        let helpers = sample(configuration.relayCount) {
            $0.member.state == .alive && $0.node != target
        }
        peers[position].probe?.relaysAt = nil
        peers[position].probe?.relaysAsked = helpers.count
        for helper in helpers {
            send(
                .pingRequest(sequence, target: target), to: helper, about: position, &turn)
        }
    }

    /// Nobody answered in time. A death by hearsay is now believed; otherwise it is a suspicion.
    mutating func probeFailed(_ position: Int, _ probe: Probe, _ turn: inout Turn) {
        peers[position].probe = nil
        peers[position].hasFailed = true
        if let claim = peers[position].claim {
            return die(
                position, by: claim.source, incarnation: claim.incarnation, &turn)
        }
        let incarnation = peers[position].member.incarnation
        suspect(position, incarnation: incarnation, by: local.node, &turn)
        raiseAlarm(since: probe.startedAt, &turn)
        // Relays that say nothing while others answer: answers are late, or this node is.
        let othersAnswer = answeredAt.map { $0 >= probe.startedAt } ?? false
        if probe.relaysAsked > 0, probe.refusals == 0, othersAnswer {
            health.worsen(at: turn.now)
        }
    }

    /// A member answered a probe of this node's own: there is a way there and back. That is better
    /// evidence than anything others say.
    private mutating func probeAnswered(_ position: Int, _ turn: inout Turn) {
        peers[position].lastAnswer = turn.now
        peers[position].probe = nil
        peers[position].hasFailed = false
        peers[position].claim = nil
        peers[position].goneAt = nil
        health.improve()
        if peers[position].member.state == .suspect {
            let incarnation = peers[position].member.incarnation
            revive(position, incarnation: incarnation, &turn)
        }
        refreshAttention(position)
    }

    // MARK: Answers

    /// Of a probe of this node, or of one for another. An answer to a probe that is over is nothing.
    mutating func acknowledged(
        _ sequence: ProbeSequence, subject: NodeID, _ turn: inout Turn
    ) {
        if let index = relays.firstIndex(where: { $0.sequence == sequence }),
            peers[relays[index].target].node == subject
        {
            let relay = relays.remove(at: index)
            let answer = SwimMessage.Kind.acknowledge(relay.requesterSequence, subject: subject)
            return send(answer, to: relay.requester, about: relay.target, &turn)
        }
        answeredAt = turn.now
        guard let position = positions[subject], peers[position].probe?.sequence == sequence
        else { return }
        probeAnswered(position, &turn)
    }

    mutating func refused(_ sequence: ProbeSequence, _ turn: inout Turn) {
        answeredAt = turn.now
        for position in attention.sorted() where peers[position].probe?.sequence == sequence {
            peers[position].probe?.refusals += 1
        }
    }

    // MARK: Relaying

    mutating func relay(
        _ sequence: ProbeSequence, target: NodeID, for requester: Int, _ turn: inout Turn
    ) {
        if target == local.node {
            return send(.acknowledge(sequence, subject: target), to: requester, &turn)
        }
        guard let position = positions[target], relays.count < configuration.relayLimit else {
            return send(.negativeAcknowledge(sequence), to: requester, &turn)
        }
        let relay = Relay(
            sequence: nextSequence(), target: position, requester: requester,
            requesterSequence: sequence, deadline: turn.now + configuration.relayTimeout)
        relays.append(relay)
        send(.ping(relay.sequence), to: position, &turn)
    }

    mutating func expireRelays(_ turn: inout Turn) {
        let expired = relays.filter { turn.now >= $0.deadline }
        guard !expired.isEmpty else { return }
        relays.removeAll { turn.now >= $0.deadline }
        for relay in expired {
            send(.negativeAcknowledge(relay.requesterSequence), to: relay.requester, &turn)
        }
    }
}

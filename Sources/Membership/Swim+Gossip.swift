// Telling others. News rides on every message (SWIM §4.1); while there is some, gossip rounds carry
// it faster than probes would; a suspicion, a death or a refutation is told to many in the same
// step; and now and then two members exchange everything, to repair what was lost. What a member is
// accused of stands first in every message to it (Lifeguard's buddy system), so that it can refute.

import Base

extension Swim {
    var localUpdate: MemberUpdate {
        MemberUpdate(
            node: local.node, state: local.state, incarnation: local.incarnation,
            source: local.node, metadata: local.metadata)
    }

    /// Queues the present belief about a peer for gossip.
    mutating func tell(_ position: Int) {
        guard let belief = peers[position].belief else { return }
        queue.enqueue(belief)
    }

    // MARK: Receiving

    /// Whatever the kind, its updates come first: they may change the answer.
    mutating func receive(_ message: SwimMessage, from node: NodeID, _ turn: inout Turn) {
        guard let sender = positions[node] else { return }
        guard !hasLeft else { return answerAfterLeaving(message.kind, from: sender, &turn) }
        peers[sender].lastHeard = turn.now
        let channel = channel(of: message)
        for update in message.updates.prefix(updateLimit(of: message.kind)) {
            apply(update, by: channel, &turn)
        }
        switch message.kind {
        case .ping(let sequence):
            send(.acknowledge(sequence, subject: local.node), to: sender, &turn)
        case .pingRequest(let sequence, let target):
            relay(sequence, target: target, for: sender, &turn)
        case .acknowledge(let sequence, let subject):
            acknowledged(sequence, subject: subject, &turn)
        case .negativeAcknowledge(let sequence): refused(sequence, &turn)
        case .pushPull: send(.pullReply, to: sender, &turn)
        case .pullReply, .gossip: break
        }
        greet(sender, &turn)
    }

    /// A member that left still answers, so that nobody takes its leave for a death; that is all.
    private mutating func answerAfterLeaving(
        _ kind: SwimMessage.Kind, from sender: Int, _ turn: inout Turn
    ) {
        guard case .ping(let sequence) = kind else { return }
        send(.acknowledge(sequence, subject: local.node), to: sender, &turn)
    }

    /// A sign of life from someone believed gone: both sides have things to learn.
    private mutating func greet(_ position: Int, _ turn: inout Turn) {
        let peer = peers[position]
        guard peer.isGone, peer.member.state != .left else { return }
        if let last = peer.lastPushPull, turn.now - last < configuration.probeInterval { return }
        sendPushPull(to: position, &turn)
    }

    private func channel(of message: SwimMessage) -> UpdateChannel {
        guard message.kind == .pushPull || message.kind == .pullReply else { return .gossip }
        let heard = message.updates.count { $0.state == .alive || $0.state == .suspect }
        return .pushPull(hasMajority: heard >= memberCount / 2 + 1)
    }

    private func updateLimit(of kind: SwimMessage.Kind) -> Int {
        switch kind {
        case .pushPull, .pullReply: memberCount + 1
        default: configuration.updatesPerMessage
        }
    }

    // MARK: Sending

    /// Sends a message with its gossip: first what the recipient must refute, then who this node
    /// is, where the recipient may not know, then what is believed of a third member the message is
    /// about, then news.
    mutating func send(
        _ kind: SwimMessage.Kind, to recipient: Int, about subject: Int? = nil,
        _ turn: inout Turn
    ) {
        var updates: [MemberUpdate] = []
        if let accusation = peers[recipient].accusation { updates.append(accusation) }
        switch kind {
        case .pushPull, .pullReply:
            updates.append(localUpdate)
            updates += everything(exceptAbout: updates.count > 1 ? recipient : nil)
        default:
            if case .acknowledge = kind {
                updates.append(localUpdate)
            } else if peers[recipient].isGone {
                updates.append(localUpdate)
            }
            if let subject, let belief = peers[subject].accusation ?? peers[subject].belief {
                updates.append(belief)
            }
            updates += queue.take(
                configuration.updatesPerMessage - updates.count,
                retransmitLimit: configuration.retransmitLimit(memberCount: memberCount))
        }
        turn.actions.append(
            .send(SwimMessage(kind, updates: updates), to: peers[recipient].node))
    }

    private func everything(exceptAbout excluded: Int?) -> [MemberUpdate] {
        peers.indices.filter { $0 != excluded }.compactMap { peers[$0].belief }
    }

    mutating func sendPushPull(to position: Int, _ turn: inout Turn) {
        peers[position].lastPushPull = turn.now
        send(.pushPull, to: position, &turn)
    }

    // MARK: Rounds

    /// Tells some live members the news; with nobody to tell there is no news.
    mutating func gossipRound(fanOut: Int, _ turn: inout Turn) {
        nextGossip = turn.now + configuration.gossipInterval
        let listeners = sample(fanOut) { !$0.isGone }
        if listeners.isEmpty { queue.removeAll() }
        for position in listeners where !queue.isEmpty {
            send(.gossip, to: position, &turn)
        }
    }

    /// At the end of a step: what cannot wait for the next round.
    mutating func tellUrgentNews(_ turn: inout Turn) {
        guard hasUrgentNews else { return }
        hasUrgentNews = false
        gossipRound(fanOut: configuration.urgentFanOut, &turn)
    }

    mutating func pushPullRound(_ turn: inout Turn) {
        let interval =
            configuration.pushPullInterval * SwimConfiguration.stretch(for: memberCount)
        nextPushPull = turn.now + interval
        for position in sample(1, where: { !$0.isGone }) {
            sendPushPull(to: position, &turn)
        }
    }
}

// Everything this node holds about one other member: the belief that is told to others, and what
// only this node knows, because it saw it itself.

import Base

/// A probe under way.
struct Probe: Hashable, Sendable {
    let sequence: ProbeSequence
    let startedAt: Instant
    /// When relays are asked; nil once they have been.
    var relaysAt: Instant?
    let deadline: Instant
    var relaysAsked = 0
    var refusals = 0
}

/// A ping sent for another member.
struct Relay: Hashable, Sendable {
    let sequence: ProbeSequence
    let target: Int
    let requester: Int
    let requesterSequence: ProbeSequence
    let deadline: Instant
}

/// One configured member other than this node.
struct Peer: Hashable, Sendable {
    var member: Member
    /// Who says so: the accuser, whoever declared the death, or the member itself.
    var source: NodeID
    /// The death was seen on a stream, not inferred from silence.
    var isDeathSeen = false
    /// A death believed in isolation: perhaps this node was the one that was gone. It is not spread,
    /// and gives way to anyone who has a majority.
    var isDoubted = false
    var lastHeard: Instant?
    /// When a probe of it was answered last, directly or through a relay.
    var lastAnswer: Instant?
    var lastPushPull: Instant?
    var probe: Probe?
    /// This node's own latest probe failed, and nothing was answered since.
    var hasFailed = false
    /// A death by hearsay; believed if the probe under way fails.
    var claim: MemberUpdate?
    var suspicion: Suspicion?
    /// When a suspect is probed again.
    var recheckAt: Instant?
    /// When its agent was first seen to be gone.
    var goneAt: Instant?

    /// A member that was not met yet.
    init(unmet node: NodeID, by local: NodeID, at now: Instant) {
        member = Member(node: node, state: .dead, incarnation: Incarnation(0), since: now)
        source = local
    }

    var node: NodeID { member.node }
    /// Dead, left, or not met yet.
    var isGone: Bool { member.state.isGone }
    /// Nothing is known before the first word, and incarnations start above 0.
    var isKnown: Bool { member.incarnation > Incarnation(0) }
    var needsAttention: Bool {
        probe != nil || suspicion != nil || recheckAt != nil || goneAt != nil
    }
    /// The belief as gossip; nil where there is nothing to say.
    var belief: MemberUpdate? {
        guard isKnown, !isDoubted else { return nil }
        return update
    }
    /// What the member itself has to hear in order to refute it.
    var accusation: MemberUpdate? {
        if let claim { return claim }
        return isKnown && member.state != .alive ? update : nil
    }

    private var update: MemberUpdate {
        MemberUpdate(
            node: node, state: member.state, incarnation: member.incarnation,
            source: member.state == .alive ? node : source, metadata: member.metadata)
    }
}

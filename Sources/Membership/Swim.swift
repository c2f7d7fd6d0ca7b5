// Who is there? Every member asks a few others, in turn, whether they live; who does not answer,
// directly or through others, is suspected aloud; who does not refute in time is dead; and all of it
// travels on the messages that are sent anyway. So the cost of a member does not grow with the
// cluster, and no server keeps the list. SWIM is the skeleton, Lifeguard the caution (both cited in
// SwimMessage.swift); Protocols/membership.md states the rules beyond the papers and the bounds.
//
// This file: the state, the entry point, the timers. Swim+Probing asks, Swim+Beliefs concludes,
// Swim+Gossip tells.

public import Base

/// The membership machine of one node: a value, with time and messages as arguments.
public struct Swim: Sendable {
    let configuration: SwimConfiguration
    var local: Member
    /// In order of their names; positions serve as handles.
    var peers: [Peer]
    var positions: [NodeID: Int]
    var random: SeededGenerator

    /// Positions of peers with a timer running. Visited in sorted order.
    var attention: Set<Int> = []
    /// Peers that are not gone.
    var liveCount = 0
    /// This node hears fewer than a majority of the configured members, itself included. It starts
    /// so, without an `isolated` action, unless it is alone.
    public private(set) var isIsolated: Bool

    var health: LocalHealth
    /// When a step came late last; nil once this node has been in time for a while.
    var lateAt: Instant?
    var lastSequence: UInt64 = 0
    var relays: [Relay] = []
    /// All peers in an order of this node's own, drawn once: where each cycle is shuffled anew, who
    /// was first in one and is last in the next waits for two.
    var probeOrder: [Int]
    var probePosition = 0
    var recontactPosition = 0
    /// When a probe of this node's was answered last, by whomever and even if late or with a nack.
    var answeredAt: Instant?

    var queue = GossipQueue()
    var hasUrgentNews = false

    var nextProbe: Instant
    var nextGossip: Instant
    var nextPushPull: Instant
    /// When `tick` is due; nil if nothing will happen by itself.
    public private(set) var nextDeadline: Instant?

    /// Effects of one step, and its time.
    struct Turn {
        let now: Instant
        var actions: [SwimAction] = []
    }

    /// A node that has met nobody yet: every peer counts as dead at incarnation 0, which is not told
    /// to anyone, until it is heard or heard of.
    ///
    /// `incarnation` must lie above 0 and above those of earlier lives of this node: wall
    /// milliseconds do. `peers` are all configured members; this node among them does no harm.
    public init(
        configuration: SwimConfiguration = .standard, local: NodeID, incarnation: Incarnation,
        peers: [NodeID], seed: UInt64, at now: Instant
    ) {
        invariant(incarnation > Incarnation(0), "\(local): incarnation 0 means not met")
        self.configuration = configuration
        self.local = Member(node: local, state: .alive, incarnation: incarnation, since: now)
        let others = Set(peers).subtracting([local]).sorted()
        self.peers = others.map { Peer(unmet: $0, by: local, at: now) }
        positions = Dictionary(uniqueKeysWithValues: others.enumerated().map { ($1, $0) })
        isIsolated = !others.isEmpty
        health = LocalHealth(
            limit: configuration.healthLimit, spacing: configuration.probeInterval)
        random = SeededGenerator(seed: seed)
        probeOrder = self.peers.indices.shuffled(using: &random)
        // Nodes started by one command must not probe in step.
        nextProbe = now + random.duration(in: .zero...configuration.probeInterval)
        nextPushPull = now + random.duration(in: .zero...configuration.pushPullInterval)
        nextGossip = now
        nextDeadline = others.isEmpty ? nil : min(nextProbe, nextPushPull)
    }

    // MARK: Questions

    /// All configured members, this node included, in order of their names.
    public var members: [Member] {
        (peers.map(\.member) + [local]).sorted { $0.node < $1.node }
    }

    /// What this node believes of a member; nil if it is not configured.
    public func state(of node: NodeID) -> MemberState? {
        if node == local.node { return local.state }
        return positions[node].map { peers[$0].member.state }
    }

    var memberCount: Int { peers.count + 1 }
    var hasLeft: Bool { local.state == .left }

    // MARK: The step

    /// Takes one input and appends what follows from it.
    public mutating func step(
        _ input: SwimInput, at now: Instant, into actions: inout [SwimAction]
    ) {
        var turn = Turn(now: now)
        swap(&turn.actions, &actions)
        if let nextDeadline, now - nextDeadline > configuration.lateTolerance {
            restartVerdicts(late: now - nextDeadline, &turn)
        }
        switch input {
        case .tick: tick(&turn)
        case .received(let message, let sender): receive(message, from: sender, &turn)
        case .streamOpened(let node): streamOpened(node, &turn)
        case .agentGone(let node): agentGone(node, &turn)
        case .streamLost(let node): streamLost(node, &turn)
        case .describe(let metadata): describe(metadata)
        case .configure(let nodes): configure(nodes, &turn)
        case .leave: leave(&turn)
        }
        tellUrgentNews(&turn)
        // What has been due for long, like a gossip round without news, is due now and not late.
        nextDeadline = earliestDeadline().map { max($0, now) }
        swap(&turn.actions, &actions)
    }

    private mutating func tick(_ turn: inout Turn) {
        expireRelays(&turn)
        for position in attention.sorted() {
            expire(position, &turn)
        }
        if !hasLeft, turn.now >= nextProbe {
            nextProbe = turn.now + configuration.probeInterval
            forgiveLateness(&turn)
            probeRound(&turn)
            recontactRound(&turn)
        }
        if !queue.isEmpty, turn.now >= nextGossip {
            gossipRound(fanOut: configuration.gossipFanOut, &turn)
        }
        if !hasLeft, turn.now >= nextPushPull {
            pushPullRound(&turn)
        }
    }

    /// Whatever is due for one peer.
    private mutating func expire(_ position: Int, _ turn: inout Turn) {
        let peer = peers[position]
        if let goneAt = peer.goneAt, turn.now >= goneAt + configuration.goneConfirmation {
            return die(position, by: local.node, isSeen: true, &turn)
        }
        if let probe = peer.probe {
            if turn.now >= probe.deadline {
                probeFailed(position, probe, &turn)
            } else if let relaysAt = probe.relaysAt, turn.now >= relaysAt {
                askRelays(position, &turn)
            }
        }
        if let suspicion = peers[position].suspicion, turn.now >= deadline(of: suspicion) {
            return die(position, by: local.node, &turn)
        }
        if let recheckAt = peers[position].recheckAt, turn.now >= recheckAt {
            peers[position].recheckAt = turn.now + configuration.suspectRecheckInterval
            if peers[position].probe == nil { startProbe(position, isUrgent: true, &turn) }
        }
    }

    /// This node was not running when it should have been. The answers it waited for may lie unread
    /// behind this very step, so everyone under judgement is asked again and gets the full time.
    /// A node that is late all the time thus judges nobody; the others judge it.
    private mutating func restartVerdicts(late: Duration, _ turn: inout Turn) {
        health.worsen(at: turn.now)
        if lateAt == nil { turn.actions.append(.late(by: late)) }
        lateAt = turn.now
        relays.removeAll()
        for position in attention.sorted() {
            peers[position].suspicion?.restart(at: turn.now)
            if peers[position].goneAt != nil { peers[position].goneAt = turn.now }
            let isRoutine = peers[position].suspicion == nil && peers[position].goneAt == nil
            startProbe(position, isUrgent: !isRoutine || peers[position].claim != nil, &turn)
        }
    }

    private mutating func forgiveLateness(_ turn: inout Turn) {
        guard let last = lateAt, turn.now - last >= configuration.lateMemory else { return }
        lateAt = nil
        turn.actions.append(.inTime)
    }

    private func earliestDeadline() -> Instant? {
        guard !peers.isEmpty else { return nil }
        var deadlines: [Instant] = hasLeft ? [] : [nextProbe, nextPushPull]
        if !queue.isEmpty { deadlines.append(nextGossip) }
        deadlines += relays.map(\.deadline)
        for position in attention {
            let peer = peers[position]
            if let probe = peer.probe { deadlines.append(probe.relaysAt ?? probe.deadline) }
            if let suspicion = peer.suspicion { deadlines.append(deadline(of: suspicion)) }
            if let recheckAt = peer.recheckAt { deadlines.append(recheckAt) }
            if let goneAt = peer.goneAt {
                deadlines.append(goneAt + configuration.goneConfirmation)
            }
        }
        return deadlines.min()
    }

    /// Counts the witnesses anew: a death elsewhere changes it.
    private func deadline(of suspicion: Suspicion) -> Instant {
        suspicion.deadline(
            witnesses: liveCount - 1, memberCount: memberCount, configuration: configuration)
    }

    /// Members come and go. Positions are those of the new list, so whatever goes by one begins anew.
    private mutating func configure(_ nodes: [NodeID], _ turn: inout Turn) {
        let others = Set(nodes).subtracting([local.node]).sorted()
        guard others != peers.map(\.node) else { return }
        let known = Dictionary(uniqueKeysWithValues: peers.map { ($0.node, $0) })
        for node in peers.map(\.node) where !others.contains(node) { queue.forget(node) }
        peers = others.map { known[$0] ?? Peer(unmet: $0, by: local.node, at: turn.now) }
        positions = Dictionary(uniqueKeysWithValues: others.enumerated().map { ($1, $0) })
        attention = Set(peers.indices.filter { peers[$0].needsAttention })
        liveCount = peers.count { !$0.isGone }
        relays.removeAll()
        probeOrder = peers.indices.shuffled(using: &random)
        probePosition = 0
        recontactPosition = 0
        updateIsolation(&turn)
    }

    // MARK: Small services

    /// Files the peer among those with a running timer, or not.
    mutating func refreshAttention(_ position: Int) {
        if peers[position].needsAttention {
            attention.insert(position)
        } else {
            attention.remove(position)
        }
    }

    mutating func nextSequence() -> ProbeSequence {
        lastSequence += 1
        return ProbeSequence(lastSequence)
    }

    /// Up to `count` peers that qualify, chosen evenly.
    mutating func sample(_ count: Int, where qualifies: (Peer) -> Bool) -> [Int] {
        var candidates = peers.indices.filter { qualifies(peers[$0]) }
        guard candidates.count > count else { return candidates }
        candidates.shuffle(using: &random)
        return Array(candidates.prefix(count))
    }

    /// Counts the live peers after one came or went, and says so if a majority was lost or found.
    mutating func updateIsolation(_ turn: inout Turn) {
        let isNowIsolated = liveCount + 1 < memberCount / 2 + 1
        guard isNowIsolated != isIsolated else { return }
        isIsolated = isNowIsolated
        turn.actions.append(.isolated(isIsolated))
        if isIsolated { doubtDeaths() }
    }
}

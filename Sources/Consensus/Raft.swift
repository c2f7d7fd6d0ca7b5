// One node's consensus: a replicated log of opaque entries that every node applies in the same
// order, whatever is lost, delayed, repeated or restarted, as long as a majority of the voters
// comes back with its disk. Section signs (§) refer to Ongaro, Ousterhout: "In Search of an
// Understandable Consensus Algorithm", extended version, 2014; "thesis" to Ongaro's of the same
// year.
//
// The machine is a value. A step changes its state, collects what must be written and said, and at
// its end lets both out in the one right order: a message that promises something (a vote, a
// position in the log) stays inside until the write it depends on is on disk. A node's promises to
// itself take the same road: its own vote and its own copy of an entry count when they are durable.
// Only a leader's appends may run ahead of its disk (thesis 10.2.1), as they promise nothing.

public import Base

/// The consensus machine of one node.
public struct Raft: Sendable {
    public let configuration: RaftConfiguration
    public let local: NodeID
    /// The disk that keeps what this node promises, and this life of it; nil where disks do not matter.
    let stamp: DiskStamp?
    /// Who takes part as long as no log entry and no snapshot says so.
    let bootstrap: Participants

    public internal(set) var role = RaftRole.follower
    /// The node that leads the current term, where known.
    public internal(set) var leader: NodeID?
    /// Entries up to here are agreed on for ever.
    public internal(set) var commitIndex: LogIndex
    var hardState: HardState
    var log: RaftLog
    var generator: SeededGenerator

    // Followers and candidates.
    var electionDeadline: Instant
    /// When the leader of this term last spoke; nil if it never did or is suspected.
    var heardLeaderAt: Instant?
    /// What a leader said to be agreed when it first spoke to this life of the node, and its term.
    private(set) var firstTold: (term: Term, commit: LogIndex)?
    /// Answers to this node's campaign.
    var votes: [NodeID: Ballot] = [:]
    var incoming: IncomingSnapshot?

    // The leader.
    var progress: [NodeID: Progress] = [:]
    /// Nodes that do not take part any more and are still sent the entry that says so, at its place.
    var departing: [NodeID: LogIndex] = [:]
    /// Voters that lack what they had confirmed.
    var rolledBack: Set<NodeID> = []
    var heartbeatDue: Instant
    var transfer: Transfer?
    var leaving: LeavingVoter?
    var reads = ReadQueue()

    // What leaves at the end of a step.
    private(set) var unwritten = Unwritten()
    private var outbox: [Envelope] = []
    private var held: [HeldEnvelope] = []
    private var lastToken = PersistToken(0)
    private var persistedToken = PersistToken(0)
    private var unrestored: Snapshot?
    private var notices: [RaftAction] = []
    private var appliedIndex: LogIndex
    private var announced = Standing(role: .follower, term: .zero, leader: nil)

    /// A machine that continues from what the node's disk holds.
    ///
    /// `bootstrap` is who takes part until the log says it, the same on every node that begins a
    /// cluster; nil on a node that joins one, which is silent until a leader speaks to it.
    /// `restored` is what is on disk, ``DurableState/empty`` on the very first start. `seed` is of
    /// the randomized timeouts and differs from node to node and from start to start. `disk` is the one that
    /// holds `restored`; without it this node records no disks and counts for none.
    public init(
        configuration: RaftConfiguration, local: NodeID, bootstrap: Participants?,
        restored: DurableState, disk: DiskID? = nil, seed: UInt64, at now: Instant
    ) {
        self.configuration = configuration
        self.local = local
        stamp = disk.map { DiskStamp(disk: $0, life: seed) }
        self.bootstrap = bootstrap ?? .none
        hardState = restored.hardState
        log = RaftLog(snapshot: restored.snapshot, entries: restored.entries)
        invariant(
            hardState.term >= log.lastTerm,
            "the log on disk ends in term \(log.lastTerm), but the term on disk is "
                + "\(hardState.term): they do not belong together")
        commitIndex = log.snapshotIndex
        appliedIndex = log.snapshotIndex
        unrestored = restored.snapshot
        announced = Standing(role: .follower, term: hardState.term, leader: nil)
        generator = SeededGenerator(seed: seed)
        electionDeadline = now
        heartbeatDue = now
        // Nobody else could lead a cluster of one: there is nothing to wait for.
        if quorum.voters != [local] { armElection(at: now) }
    }

    /// Emits the restored snapshot, if the disk had one. The first step does it as well.
    public mutating func start(into actions: inout [RaftAction]) {
        if let snapshot = unrestored {
            unrestored = nil
            actions.append(.restore(snapshot))
        }
    }

    /// Takes one input and adds what is to be done, in the order in which it should be.
    public mutating func step(
        _ input: RaftInput, at now: Instant, into actions: inout [RaftAction]
    ) {
        start(into: &actions)
        switch input {
        case .tick: tick(at: now)
        case .received(let message, let sender):
            if sender == local {
                reject(.ownName, from: sender)
            } else if let flaw = message.flaw(seenIn: term) {
                reject(flaw, from: sender)
            } else {
                receive(message, from: sender, at: now)
            }
        case .persisted(let token): persisted(token)
        case .propose(let command, let proposal):
            actions.append(propose(command, proposal, at: now))
        case .change(let change, let proposal):
            actions.append(self.change(change, proposal, at: now))
        case .transferLeadership(let node, let proposal): transfer(to: node, proposal, at: now)
        case .read(let read): self.read(read, at: now)
        case .compact(let index, let state): compact(upTo: index, state: state)
        case .leaderSuspected(let node): suspect(node, at: now)
        }
        finishStep(at: now, into: &actions)
    }
}

// MARK: - What others may ask

extension Raft {
    public var term: Term { hardState.term }
    /// Whom this node has voted for in this term.
    public var vote: NodeID? { hardState.votedFor }
    public var lastIndex: LogIndex { log.lastIndex }
    /// The position up to which a snapshot stands for the log; 0 without one.
    public var snapshotIndex: LogIndex { log.snapshotIndex }
    /// Who takes part: the newest participants in the log, committed or not (thesis 4.1).
    public var participants: Participants { log.participants?.participants ?? bootstrap }
    /// Who took part as far as is agreed: a change beyond that may still be cut off.
    public var agreedParticipants: Participants {
        log.participants(upTo: commitIndex)?.participants ?? bootstrap
    }
    /// True once the log says who takes part, and what the node started with means nothing more.
    public var hasRecordedParticipants: Bool { log.participants != nil }
    /// The nodes whose votes and copies count.
    public var quorum: Quorum { participants.quorum }
    var isVoter: Bool { quorum.contains(local) }
    /// Everyone but this node who is sent the log, in order of name.
    var peers: [NodeID] {
        let others = participants.all.filter { $0 != local }
        return departing.isEmpty ? others : (others + departing.keys).sorted()
    }

    /// The position up to which a node must have applied the log to know again all that an earlier life of it
    /// may have known, whatever its disk has kept; nil until the leader of this term has spoken. An entry of
    /// this term must be among it, as a new leader does not know yet all that is agreed.
    public var knownBefore: LogIndex? {
        if role == .leader { return .zero }
        return firstTold.flatMap { $0.term == term ? $0.commit : nil }
    }

    /// The earliest time at which a ``RaftInput/tick`` has something to do.
    public var nextDeadline: Instant? {
        guard role == .leader else { return electionDeadline }
        return quorumDeadline.map { min($0, heartbeatDue) } ?? heartbeatDue
    }

    /// True while a majority is known to stand behind a leader: on the leader, that it heard a
    /// majority within the election timeout; on a follower, that it hears a leader.
    public var hasQuorum: Bool {
        switch role {
        case .leader: true
        case .follower: leader != nil
        case .preCandidate, .candidate: false
        }
    }

    /// The voters, this node included, that this node knows to be in contact, in order of name:
    /// on the leader those that answered within the election timeout, on a follower its leader, on
    /// a candidate those that answered it. To be compared with ``Quorum/size``.
    public func contactedVoters(at now: Instant) -> [NodeID] {
        let timeout = configuration.electionTimeout.lowerBound
        return quorum.voters.filter { voter in
            guard voter != local else { return true }
            return switch role {
            case .leader: progress[voter].map { now - $0.heardAt < timeout } ?? false
            case .follower: voter == leader
            case .preCandidate, .candidate: votes[voter] != nil
            }
        }
    }

    /// What a broken invariant says before it stops the process.
    var stateForFailure: String {
        "node \(local), \(role.rawValue) of term \(term), leader \(leader?.name ?? "unknown"), log "
            + "\(log.snapshotIndex.next)...\(log.lastIndex) ending in term \(log.lastTerm), "
            + "committed \(commitIndex)"
    }
}

// MARK: - Time and messages

extension Raft {
    private mutating func tick(at now: Instant) {
        if role == .leader {
            leaderTick(at: now)
        } else if now >= electionDeadline {
            electionTimeout(at: now)
        }
    }

    /// Sorts a message by its term first (§5.1), then by its kind.
    mutating func receive(_ message: RaftMessage, from sender: NodeID, at now: Instant) {
        if message.term < term {
            answerStale(message, from: sender)
            return
        }
        if message.term > term {
            switch message.kind {
            // A pre-vote speaks of a term that does not exist yet.
            case .preVoteRequest, .preVoteReply(granted: true): break
            // Who hears a leader does not let a candidate depose it (thesis 4.2.3).
            case .voteRequest(_, _, isTransfer: false) where hearsLeader(at: now):
                send(.voteReply(granted: false), to: sender)
                return
            default: becomeFollower(in: message.term, of: nil, at: now)
            }
        }
        switch message.kind {
        case .preVoteRequest(let lastIndex, let lastTerm):
            answerPreVote(
                in: message.term, lastIndex: lastIndex, lastTerm: lastTerm, from: sender, at: now)
        case .preVoteReply(let granted):
            countPreVote(
                Ballot(isGranted: granted, disk: message.stamp?.disk), in: message.term,
                from: sender, at: now)
        case .voteRequest(let lastIndex, let lastTerm, _):
            answerVote(lastIndex: lastIndex, lastTerm: lastTerm, from: sender, at: now)
        case .voteReply(let granted):
            countVote(
                Ballot(isGranted: granted, disk: message.stamp?.disk), from: sender, at: now)
        case .append(let index, let term, let entries, let commit, let round):
            guard follow(sender, at: now) else { return }
            if firstTold?.term != self.term { firstTold = (self.term, commit) }
            appendFromLeader(
                after: index, of: term, entries, commit: commit, round: round, from: sender)
        case .appendReply(let accepted, let matched, let round):
            recognise(message, from: sender, at: now)
            appendAnswered(
                accepted: accepted, matched: matched, round: round, by: sender, at: now)
        case .installSnapshot(let snapshot):
            guard follow(sender, at: now) else { return }
            installFromLeader(snapshot, from: sender)
        case .snapshotReply(let matched):
            recognise(message, from: sender, at: now)
            appendAnswered(accepted: true, matched: matched, round: .zero, by: sender, at: now)
        case .snapshotPiece(let piece):
            guard follow(sender, at: now) else { return }
            takePiece(piece, from: sender)
        case .snapshotPieceReply(let index, let received):
            snapshotPieceAnswered(index, received, by: sender, at: now)
        case .timeoutNow: succeed(sender, at: now)
        }
    }

    /// Tells a sender that lives in the past which term it is (§5.1). Stale answers are dropped.
    private mutating func answerStale(_ message: RaftMessage, from sender: NodeID) {
        switch message.kind {
        case .preVoteRequest: send(.preVoteReply(granted: false), to: sender)
        case .voteRequest: send(.voteReply(granted: false), to: sender)
        case .append, .installSnapshot, .snapshotPiece:
            send(.appendReply(accepted: false, matched: .zero), to: sender)
        case .preVoteReply, .voteReply, .appendReply, .snapshotReply, .snapshotPieceReply,
            .timeoutNow:
            break
        }
    }

    mutating func reject(_ reason: RaftRejection, from sender: NodeID) {
        notify(.rejected(reason, from: sender))
    }
}

// MARK: - The end of a step

/// What must be written before the messages of this step may leave.
struct Unwritten: Sendable {
    var snapshot: Snapshot?
    var truncateFrom: LogIndex?
    var entries: [LogEntry] = []
    var hardState: HardState?

    var isEmpty: Bool {
        snapshot == nil && truncateFrom == nil && entries.isEmpty && hardState == nil
    }
}

private struct Envelope: Sendable {
    let message: RaftMessage
    let receiver: NodeID
    let waitsForDisk: Bool

    /// The same, when what it promises is on disk.
    var released: Envelope {
        Envelope(message: message, receiver: receiver, waitsForDisk: false)
    }
}

private struct HeldEnvelope: Sendable {
    let token: PersistToken
    let envelope: Envelope
}

private struct Standing: Equatable, Sendable {
    let role: RaftRole
    let term: Term
    let leader: NodeID?
}

extension Raft {
    /// Says something in the current term, or in that of a campaign to come. It leaves when
    /// everything that this node has decided so far is durable, unless it is a leader's append.
    mutating func send(_ kind: RaftMessage.Kind, to receiver: NodeID, in term: Term? = nil) {
        let waits =
            switch kind {
            case .append, .installSnapshot, .snapshotPiece: false
            default: true
            }
        let message = RaftMessage(
            term: term ?? self.term, kind, stamp: kind.isPromise ? stamp : nil)
        outbox.append(Envelope(message: message, receiver: receiver, waitsForDisk: waits))
    }

    mutating func write(_ change: (inout Unwritten) -> Void) {
        change(&unwritten)
    }

    /// Tells something at the end of the step, when all that is committed has been told.
    mutating func notify(_ action: RaftAction) {
        notices.append(action)
    }

    /// Everything up to the token is on disk: what waited for it may be said, though more is being written.
    /// A slow disk would else silence this node for as long as it is given work.
    private mutating func persisted(_ token: PersistToken) {
        invariant(
            token <= lastToken,
            "write \(token.value) is done, but only \(lastToken.value) were asked for; "
                + stateForFailure)
        persistedToken = max(persistedToken, token)
        outbox += held.prefix { $0.token <= persistedToken }.map(\.envelope.released)
        held.removeFirst(held.count(where: { $0.token <= persistedToken }))
    }

    private mutating func finishStep(at now: Instant, into actions: inout [RaftAction]) {
        repeat {
            emitWrite(into: &actions)
        } while deliver(at: now, into: &actions)
        let standing = Standing(role: role, term: term, leader: leader)
        if standing != announced {
            announced = standing
            actions.append(.roleChanged(role, term, leader: leader))
        }
        start(into: &actions)
        emitCommitted(into: &actions)
        actions += notices
        notices.removeAll(keepingCapacity: true)
    }

    private mutating func emitWrite(into actions: inout [RaftAction]) {
        guard !unwritten.isEmpty else { return }
        lastToken = PersistToken(lastToken.value + 1)
        let request = PersistRequest(
            token: lastToken, snapshot: unwritten.snapshot, truncateFrom: unwritten.truncateFrom,
            entries: unwritten.entries, hardState: unwritten.hardState)
        unwritten = Unwritten()
        actions.append(.persist(request))
    }

    /// Lets out what need not wait. True if this node had something to say to itself, so that
    /// there may be more to write and to say.
    private mutating func deliver(at now: Instant, into actions: inout [RaftAction]) -> Bool {
        let leaving = outbox
        outbox = []
        var spokeToItself = false
        for envelope in leaving {
            if envelope.waitsForDisk && persistedToken < lastToken {
                held.append(HeldEnvelope(token: lastToken, envelope: envelope))
            } else if envelope.receiver == local {
                spokeToItself = true
                receive(envelope.message, from: local, at: now)
            } else {
                actions.append(.send(envelope.message, to: envelope.receiver))
            }
        }
        return spokeToItself
    }

    private mutating func emitCommitted(into actions: inout [RaftAction]) {
        guard appliedIndex < commitIndex else { return }
        for entry in log.entries(in: appliedIndex.next...commitIndex) {
            actions.append(.commit(entry))
        }
        appliedIndex = commitIndex
    }

    /// The application is to start over from this snapshot.
    mutating func restoreApplication(from snapshot: Snapshot) {
        unrestored = snapshot
        appliedIndex = snapshot.index
    }
}

// The whole node as one machine: membership says who seems alive, consensus says who does what, and
// supervision carries it out. A node acts on committed state only; what it observes goes to the
// leader as reports. The simulator runs this very machine.

public import Base
public import ClusterState
public import Consensus
public import Membership
import CBOR
import Diagnosis
import Planning
import Profiles
import Supervision
import WireProtocol

/// One node.
public struct NodeMachine: Sendable {
    public let configuration: NodeConfiguration
    public internal(set) var membership: Swim
    public internal(set) var consensus: Raft
    /// What is agreed, as far as this node has applied it.
    public internal(set) var state = ReplicatedState()
    /// The plan before the one in force; nil where this node has not seen it being replaced.
    var previousPlan: Plan?
    var applied = LogIndex.zero
    var appliedTerm = Term.zero
    /// True once this node knows again all that it ever knew: it has applied everything that its
    /// disk held at the start, what was agreed when a leader first spoke to it in this run, as its disk
    /// may be a new one, and an entry of that leader's term. Before that it starts nothing, and ends
    /// only what something newer has replaced.
    var isCaughtUp = false
    /// How far the log on disk reached at the start.
    private let restoredIndex: LogIndex
    /// Where the end of a group's newest generation was agreed.
    var endings: [GroupName: LogIndex] = [:]
    private var lastWrite = PersistToken(0)
    private var lastPersisted = PersistToken(0)
    /// The write that holds what was applied last.
    private var knowledge = PersistToken(0)
    var shards: [ShardID: ShardMachine] = [:]
    /// Until when each shard that is over waits for rank 0 to end.
    var stopLimits: [ShardID: Instant] = [:]
    var router: RunningRouter?
    var routerSearch: RouterSearch?
    /// The last router here that was launched as the built-in one.
    var builtInRouter: ShardID?
    /// What the logs of its shards have said, for as long as nothing newer is launched.
    var sightings: [ShardID: ShardWords] = [:]
    /// The shards whose group is doubted, and whose logs have been read for it.
    var consulted: Set<ShardID> = []
    /// The leader has not been told of all of them.
    var hasSightingNews = true
    /// When they are told again though nothing is new: a leader forgets what it heard of a node that it
    /// took for dead, and a node that was only slow does not know of it.
    var sightingsDue = Instant.zero
    var clocks = ClockComparison()
    /// Whom this node talks to.
    var company: Company
    var roster: RosterKnowledge
    /// When the host of each node last said that its agent is gone, or that agent was met again.
    var hostWords: [NodeID: Instant] = [:]
    /// Something has happened that may change what runs here; most frames are no such thing.
    var hasShardNews = true
    var leadership: Leadership?
    /// When this node last gave up leading since it could not hear everybody.
    var handedOverAt: Instant?
    /// Something has happened that a leader must judge; most frames are no such thing.
    var hasNews = true
    /// Of the deployment that is agreed on.
    var wantedDigest: UInt64?
    /// Of what runs of older deployments.
    var sameLaunches: [GroupName: SameLaunch] = [:]
    /// The last view that a leader sent, and when.
    var view = LeaderView(groups: [], reports: [], voters: 0)
    var viewReceivedAt: Instant?
    /// Examinations of groups that this node has asked for.
    var gateRounds: UInt64 = 0
    var inventory = InventoryNews()
    /// nil while there is contact with a majority, and where nobody wants to know.
    var loneliness: Loneliness?
    /// What the agent wants operators to know of this node.
    var notes: [String] = []
    var requests: Requests
    var generator: SeededGenerator
    var reportDue: Instant
    var lastReport: NodeReport?
    /// Frames of each peer that were no messages.
    public private(set) var badFrames: [NodeID: Int] = [:]
    /// Consensus messages of each peer that no honest node sends.
    public private(set) var rejectedMessages: [NodeID: Int] = [:]
    var profile: ParsedProfile
    let localDigest: UInt64
    /// The installed SGLang, as it was found last.
    var sglang: Version?
    /// Since when shards serve whose schedulers were not all found.
    var unwatchedSince: [ShardID: Instant] = [:]
    /// Shards that are not launched before it is found anew.
    var sglangSearches: Set<ShardID> = []

    // The moment of the step under way.
    var now: Instant
    var wall: WallTime
    var actions: [NodeAction] = []

    /// A node that continues from what its disk holds.
    public init(
        configuration: NodeConfiguration, incarnation: Incarnation, restored: DurableState,
        disk: DiskID?, seed: UInt64, at now: Instant, wall: WallTime
    ) {
        var generator = SeededGenerator(seed: seed)
        self.configuration = configuration
        let membershipSeed = generator.next()
        let consensus = Raft(
            configuration: configuration.consensus, local: configuration.local,
            bootstrap: configuration.bootstrap, restored: restored, disk: disk,
            seed: generator.next(), at: now)
        self.consensus = consensus
        let roster = Roster(on: restored)
        self.roster = RosterKnowledge(onDisk: roster)
        company = Company(
            file: configuration.nodes, roster: roster, news: nil,
            participants: [consensus.participants])
        membership = Swim(
            configuration: configuration.membership, local: configuration.local,
            incarnation: incarnation, peers: company.everyone.map(\.node), seed: membershipSeed,
            at: now)
        restoredIndex = consensus.lastIndex
        localDigest = configuration.deployment.digest
        profile = ParsedProfile()
        requests = Requests(lastForwarded: generator.next() / 2)
        self.generator = generator
        self.now = now
        self.wall = wall
        reportDue = now
    }

    /// Takes one input and adds what is to be done, in the order in which it should be done.
    public mutating func step(
        _ input: NodeInput, at now: Instant, wall: WallTime, into actions: inout [NodeAction]
    ) {
        // As long as this node was stopped, others may have spoken unheard.
        if now - self.now >= configuration.reportInterval { leadership?.inTimeSince = now }
        self.now = now
        self.wall = wall
        handle(input)
        settleAwaited()
        refreshCompany()
        noteSameLaunches()
        watchContact()
        let isNews = hasShardNews
        if isNews { reconcileShards() }
        // Before the report, so that whoever hears of an end has heard why.
        tellSightings()
        tellInventory()
        report(isNews: isNews)
        reconcileCluster()
        reconcileRouter()
        consultLogs()
        actions += self.actions
        self.actions.removeAll(keepingCapacity: true)
    }

    private mutating func handle(_ input: NodeInput) {
        switch input {
        case .tick: tick()
        case .frame(let bytes, let sender): receive(bytes, from: sender)
        case .streamOpened(let node):
            driveMembership(.streamOpened(node))
            tellRoster(to: node)
            // Its agent is there, though membership may not have taken back its death yet.
            hostWords[node] = now
            lastReport = nil
            hasSightingNews = true
            hasShardNews = true
            if node == consensus.leader { retellInventory() }
        case .agentGone(let node):
            hostWords[node] = now
            driveMembership(.agentGone(node))
        case .streamLost(let node): driveMembership(.streamLost(node))
        case .persisted(let token):
            lastPersisted = max(lastPersisted, token)
            hasShardNews = true
            driveConsensus(.persisted(token))
        case .shard(let shard, let input): driveShard(shard, input)
        case .sighted(let shard, let found): sighted(shard, found)
        case .masterProbed(let group, let result):
            hasNews = true
            leadership?.machines[group]?.masterProbed(result, at: now)
        case .routerAnswered(let shard, let answer): routerAnswered(shard, answer)
        case .groupExamined(let group, let round, let findings):
            groupExamined(group, round: round, findings)
        case .inventoried(let digest, let document): inventoried(digest, document)
        case .noted(let notes):
            self.notes = Array(notes.prefix(Self.notesLimit))
            hasShardNews = true
        case .operate(let id, let request): operate(id, request)
        case .found(let reader, let answer): deliver(answer, to: reader)
        case .sglangFound(let shard, let finding): sglangFound(shard, finding)
        case .routerFound(let shard, let finding): routerFound(shard, finding)
        case .builtInRouter(let shard): runsBuiltIn(shard)
        case .leave: driveMembership(.leave)
        }
    }

    /// Notes are for people, and stand in every report.
    private static let notesLimit = 20

    private mutating func tick() {
        driveMembership(.tick)
        if !isSilent { driveConsensus(.tick) }
        for shard in shards.keys.sorted() { driveShard(shard, .tick) }
        if stopLimits.values.contains(where: { $0 <= now }) { hasShardNews = true }
        expireRequests()
    }

    /// How far this node has applied the log.
    public var appliedIndex: LogIndex { applied }

    /// When to tick next.
    public var nextDeadline: Instant? {
        var deadlines = [
            isDismissed ? nil : membership.nextDeadline,
            isSilent ? nil : consensus.nextDeadline, reportDue, requests.nextDeadline,
            isolationDeadline, inventoryDeadline,
            knowsWhatIsAgreed ? leadership?.nextDeadline : nil, router?.machine.nextDeadline,
        ]
        deadlines += shards.values.map(\.nextDeadline)
        deadlines += stopLimits.values.filter { $0 > now }
        return deadlines.compactMap { $0 }.min()
    }

    /// True where this node takes no part any more, as others have told: it asks for no votes. A leader
    /// goes on until it has noticed that nobody follows. So does a voter by its own log: that log may be the
    /// longest there is, without which nobody can be elected, and whoever asks in vain deposes nobody.
    private var isSilent: Bool {
        isDismissed && consensus.role != .leader
            && !consensus.quorum.contains(configuration.local)
    }

    func member(_ node: NodeID) -> Member? {
        membership.members.first { $0.node == node }
    }

    mutating func send(_ message: WireMessage, to node: NodeID) {
        actions.append(.send(message.frame, to: node))
    }

    // MARK: - Frames

    private mutating func receive(_ bytes: [UInt8], from sender: NodeID) {
        let message: WireMessage
        do {
            message = try WireMessage(frame: bytes)
        } catch {
            // Told once a peer, or a peer of another version would fill the log.
            if badFrames[sender, default: 0] == 0 {
                actions.append(
                    .log(.warning, "dropped a frame of \(sender), and will drop others: \(error)"))
            }
            badFrames[sender, default: 0] += 1
            return
        }
        switch message {
        case .swim(let message):
            remind(sender)
            compareClocks(message, from: sender)
            driveMembership(.received(message, from: sender))
        case .raft(let message): driveConsensus(.received(message, from: sender))
        case .report(let report):
            guard report.node == sender, leadership != nil, company.contains(sender) else { return }
            hasNews = hasNews || leadership?.reports[sender] != report
            leadership?.reports[sender] = report
            leadership?.heardAt[sender] = now
            noteForStops()
        case .sightings(let words):
            if words.node == sender { heard(words) }
        case .inventory(let told):
            if told.node == sender { leadership?.inventories[sender] = told }
        case .view(let view):
            guard sender == consensus.leader else { return }
            self.view = view
            viewReceivedAt = now
            noteForStops()
        case .request(let id, let request): serve(request, id, for: sender)
        case .answer(let id, let answer): answered(id, answer, by: sender)
        case .roster(let news): heardRoster(news, from: sender)
        }
    }

    // MARK: - Membership and consensus

    mutating func driveMembership(_ input: SwimInput) {
        switch input {
        case .configure, .describe, .leave: break
        case .tick, .received, .streamOpened, .agentGone, .streamLost:
            if isDismissed { return }
        }
        var effects: [SwimAction] = []
        membership.step(input, at: now, into: &effects)
        for effect in effects {
            switch effect {
            case .send(let message, let node): send(.swim(stamped(message, to: node)), to: node)
            case .changed(let member, let before):
                memberChanged(member, from: before)
            case .isolated(let isIsolated):
                actions.append(
                    .log(
                        isIsolated ? .warning : .info,
                        isIsolated
                            ? "this node hears less than a majority of the cluster; its shards go on"
                                + (configuration.isolation.map { " for \($0.wholeSeconds)" } ?? "")
                            : "this node hears a majority of the cluster again"))
            case .late(let delay):
                actions.append(
                    .log(
                        .warning,
                        "this node was stopped or is overloaded, it comes \(delay.millisecondsRoundedUp) ms "
                            + "late; while it does, it takes nobody for dead"))
            case .inTime: actions.append(.log(.info, "this node is in time again"))
            }
        }
    }

    /// Questions are remembered and answers carry the clock, so that clocks can be compared.
    private mutating func stamped(_ message: SwimMessage, to node: NodeID) -> SwimMessage {
        var message = message
        switch message.kind {
        case .ping(let sequence): clocks.asked(node, sequence.value, at: now, wall: wall)
        case .acknowledge: message.clock = wall
        case .pingRequest, .negativeAcknowledge, .pushPull, .pullReply, .gossip: break
        }
        return message
    }

    private mutating func compareClocks(_ message: SwimMessage, from sender: NodeID) {
        guard case .acknowledge(let sequence, let subject) = message.kind, subject == sender,
            let clock = message.clock
        else { return }
        clocks.answered(sender, sequence.value, clock: clock, at: now)
    }

    private mutating func memberChanged(_ member: Member, from before: MemberState) {
        hasNews = true
        noteForStops()
        let isGone = member.state.isGone
        if isGone || before.isGone {
            // A suspicion is no news; one of a member that was gone says that it is back.
            let told: MemberState = isGone ? member.state : .alive
            let word = told == .left ? "has left" : "is \(told.rawValue)"
            actions.append(.log(.info, "\(member.node) \(word)"))
        }
        if isGone, member.node == consensus.leader {
            driveConsensus(.leaderSuspected(member.node))
        }
        if isGone {
            giveUpExaminations(of: member.node)
            forgetReports(of: member.node)
        } else if before.isGone {
            leadership?.heardAt[member.node] = now
        }
    }

    mutating func driveConsensus(_ input: RaftInput) {
        var effects: [RaftAction] = []
        consensus.step(input, at: now, into: &effects)
        for effect in effects {
            switch effect {
            case .send(let message, let node): send(.raft(message), to: node)
            case .persist(let request):
                lastWrite = request.token
                actions.append(.persist(request))
            case .commit(let entry): apply(entry)
            case .restore(let snapshot): restore(snapshot)
            case .proposed(let proposal, let index, let term):
                requests.proposed(proposal, at: index, in: term)
            case .refused(let proposal, let refusal): refused(proposal, refusal)
            case .transferred(let proposal): transferred(proposal)
            case .readable(let read): readable(read)
            case .unreadable(let read, let refusal): unreadable(read, refusal)
            case .rejected(let reason, let sender): rejected(reason, from: sender)
            case .disk(let node, let news):
                let level: LogLevel = news == .trusted ? .info : .warning
                actions.append(.log(level, "\(node) \(news)"))
            case .roleChanged(let role, let term, let leader):
                roleChanged(role, term, leader: leader)
            }
        }
        if !isCaughtUp { catchUp() }
    }

    private mutating func catchUp() {
        // A log that a leader has cut back ends before what it held at the start; nothing of what
        // was cut had been agreed on.
        guard appliedTerm == consensus.term, consensus.leader != nil,
            applied >= min(restoredIndex, consensus.lastIndex),
            let known = consensus.knownBefore, applied >= known
        else { return }
        isCaughtUp = true
        roster.onDisk = nil
        hasNews = true
        hasShardNews = true
    }

    /// Told once a peer, like bad frames.
    private mutating func rejected(_ reason: RaftRejection, from sender: NodeID) {
        if rejectedMessages[sender, default: 0] == 0 {
            actions.append(
                .log(
                    .error,
                    "dropped a consensus message of \(sender), and will drop others: \(reason)"))
        }
        rejectedMessages[sender, default: 0] += 1
    }

    private mutating func roleChanged(_ role: RaftRole, _ term: Term, leader: NodeID?) {
        hasNews = true
        if role == .leader {
            guard leadership == nil else { return }
            actions.append(.log(.info, "this node leads in term \(term)"))
            leadership = Leadership(since: now)
        } else {
            if leadership != nil {
                actions.append(.log(.info, "this node no longer leads (term \(term))"))
            }
            leadership = nil
            view.settings = []
            if leader != nil { forgetOldView() }
            if let leader { actions.append(.log(.info, "\(leader) leads in term \(term)")) }
        }
        lastReport = nil
        hasSightingNews = true
        hasShardNews = true
        retellInventory()
    }

    /// What an earlier leader saw is no word of the new one, unless it has just seen it.
    private mutating func forgetOldView() {
        guard let viewReceivedAt, now - viewReceivedAt > configuration.reportInterval * 2 else {
            return
        }
        view = LeaderView(groups: [], reports: view.reports, voters: view.voters)
    }

    private mutating func apply(_ entry: LogEntry) {
        advance(to: entry.index, of: entry.term)
        var refusal: String?
        var consequence: String?
        if case .command(let bytes) = entry.payload {
            let before = state.nextSequence
            let serial = state.deploymentSerial
            let rosterSerial = state.roster.serial
            let plan = state.plan
            do {
                let command = try Command(cbor: try CBORValue(decoding: bytes))
                consequence = state.consequence(of: command.action).map {
                    $0 + caution(with: command.action)
                }
                refusal = state.apply(command)
                if let group = command.endedGroup { endings[group] = entry.index }
            } catch {
                // Every node reads the same bytes the same way; going on would let them differ.
                fatalError(
                    "log entry \(entry.index) of term \(entry.term) is no command: \(error)")
            }
            if state.plan != plan { previousPlan = plan }
            if state.roster.serial != rosterSerial { rosterChanged(at: entry.index) }
            if state.deploymentSerial != serial { wantedDigest = state.deployment?.digest }
            for event in state.ledger where event.sequence >= before {
                actions.append(.ledger(event, isNews: entry.index > restoredIndex))
            }
        }
        settled(entry.index, entry.term, refusal: refusal, consequence: consequence)
        compactIfLong()
    }

    private mutating func restore(_ snapshot: Snapshot) {
        let epoch = state.epoch
        do {
            state = try ReplicatedState(cbor: try CBORValue(decoding: snapshot.state))
        } catch {
            fatalError(
                "the snapshot of index \(snapshot.index) is no cluster state: \(error)")
        }
        if state.epoch != epoch { previousPlan = nil }
        rosterChanged(at: snapshot.index)
        wantedDigest = state.deployment?.digest
        endings = Dictionary(
            state.groups.map { ($0.name, snapshot.index) }, uniquingKeysWith: { first, _ in first })
        advance(to: snapshot.index, of: snapshot.term)
        overtaken(upTo: snapshot.index)
    }

    private mutating func advance(to index: LogIndex, of term: Term) {
        applied = index
        appliedTerm = term
        knowledge = lastWrite
        hasNews = true
        hasShardNews = true
    }

    /// Whether a crash now would leave on the disk all that this node has applied. It acts on
    /// nothing else, or its next life might not know why something runs.
    var isKnowledgeDurable: Bool { knowledge <= lastPersisted }

    private mutating func compactIfLong() {
        let length = applied.value - consensus.snapshotIndex.value
        guard length >= configuration.logLimit else { return }
        driveConsensus(.compact(upTo: applied, state: state.cbor.encoded))
    }
}

extension Command {
    /// The group whose generation is over where this command takes effect.
    fileprivate var endedGroup: GroupName? {
        switch action {
        case .end(let group, _, _, _, _), .restart(let group): group
        case .deploy, .plan, .launch, .settle, .stop, .start, .elected, .joined, .lost, .serves,
            .amend, .cordon, .uncordon, .apply, .enrol, .admit, .dismiss, .seat, .recoverAlone:
            nil
        }
    }
}

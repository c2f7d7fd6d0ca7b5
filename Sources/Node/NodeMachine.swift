// The whole node as one machine: membership says who seems alive, consensus says who does what, and
// supervision carries it out. A node acts on committed state only; what it observes goes to the
// leader as reports. The simulator runs this very machine.

public import Base
public import ClusterState
public import Consensus
public import Membership
import CBOR
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
    var applied = LogIndex.zero
    /// True once this node has applied an entry of a term that a leader held in this run: before
    /// that, what it restored from disk may be older than what it once knew, and starts nothing.
    var isCaughtUp = false
    var shards: [ShardID: ShardMachine] = [:]
    var leadership: Leadership?
    /// Something has happened that a leader must judge; most frames are no such thing.
    var hasNews = true
    /// Of the deployment that is agreed on.
    var wantedDigest: UInt64?
    /// The last view that a leader sent, and when.
    var view = LeaderView(groups: [], reports: [], voters: 0)
    var viewReceivedAt: Instant?
    var requests = Requests()
    var generator: SeededGenerator
    var reportDue: Instant
    var lastReport: NodeReport?
    /// Frames of each peer that were no messages.
    public private(set) var badFrames: [NodeID: Int] = [:]
    var profile: ParsedProfile
    let localDigest: UInt64

    // The moment of the step under way.
    var now: Instant
    var wall: WallTime
    var actions: [NodeAction] = []

    /// A node that continues from what its disk holds.
    public init(
        configuration: NodeConfiguration, incarnation: Incarnation, restored: DurableState,
        seed: UInt64, at now: Instant, wall: WallTime
    ) {
        var generator = SeededGenerator(seed: seed)
        let others = configuration.nodes.map(\.node).filter { $0 != configuration.local }
        self.configuration = configuration
        membership = Swim(
            configuration: configuration.membership, local: configuration.local,
            incarnation: incarnation, peers: others, seed: generator.next(), at: now)
        consensus = Raft(
            configuration: configuration.consensus, local: configuration.local,
            voters: configuration.voters, learners: configuration.learners, restored: restored,
            seed: generator.next(), at: now)
        localDigest = configuration.deployment.digest
        profile = ParsedProfile()
        self.generator = generator
        self.now = now
        self.wall = wall
        reportDue = now
    }

    /// Takes one input and adds what is to be done, in the order in which it should be done.
    public mutating func step(
        _ input: NodeInput, at now: Instant, wall: WallTime, into actions: inout [NodeAction]
    ) {
        self.now = now
        self.wall = wall
        handle(input)
        reconcileShards()
        report()
        reconcileCluster()
        actions += self.actions
        self.actions.removeAll(keepingCapacity: true)
    }

    private mutating func handle(_ input: NodeInput) {
        switch input {
        case .tick: tick()
        case .frame(let bytes, let sender): receive(bytes, from: sender)
        case .streamOpened(let node):
            driveMembership(.streamOpened(node))
            lastReport = nil
        case .agentGone(let node): driveMembership(.agentGone(node))
        case .streamLost(let node): driveMembership(.streamLost(node))
        case .persisted(let token): driveConsensus(.persisted(token))
        case .shard(let shard, let input): driveShard(shard, input)
        case .masterProbed(let group, let result):
            hasNews = true
            leadership?.machines[group]?.masterProbed(result, at: now)
        case .operate(let id, let request): operate(id, request)
        case .logRead(let reader, let answer): deliverLog(answer, to: reader)
        case .leave: driveMembership(.leave)
        }
    }

    private mutating func tick() {
        driveMembership(.tick)
        driveConsensus(.tick)
        for shard in shards.keys.sorted() { driveShard(shard, .tick) }
        expireRequests()
    }

    /// How far this node has applied the log.
    public var appliedIndex: LogIndex { applied }

    /// When to tick next.
    public var nextDeadline: Instant? {
        var deadlines = [
            membership.nextDeadline, consensus.nextDeadline, reportDue, requests.nextDeadline,
            knowsWhatIsAgreed ? leadership?.nextDeadline : nil,
        ]
        deadlines += shards.values.map(\.nextDeadline)
        return deadlines.compactMap { $0 }.min()
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
        case .swim(let message): driveMembership(.received(message, from: sender))
        case .raft(let message): driveConsensus(.received(message, from: sender))
        case .report(let report):
            guard report.node == sender, leadership != nil else { return }
            hasNews = hasNews || leadership?.reports[sender] != report
            leadership?.reports[sender] = report
        case .view(let view):
            guard sender == consensus.leader else { return }
            self.view = view
            viewReceivedAt = now
        case .request(let id, let request): serve(request, id, for: sender)
        case .answer(let id, let answer): answered(id, answer, by: sender)
        }
    }

    // MARK: - Membership and consensus

    private mutating func driveMembership(_ input: SwimInput) {
        var effects: [SwimAction] = []
        membership.step(input, at: now, into: &effects)
        for effect in effects {
            switch effect {
            case .send(let message, let node): send(.swim(message), to: node)
            case .changed(let member, let before):
                memberChanged(member, from: before)
            case .isolated(let isIsolated):
                actions.append(
                    .log(
                        isIsolated ? .warning : .info,
                        isIsolated
                            ? "this node hears less than a majority of the cluster; its shards go on"
                            : "this node hears a majority of the cluster again"))
            }
        }
    }

    private mutating func memberChanged(_ member: Member, from before: MemberState) {
        hasNews = true
        if member.state != .suspect && before != .suspect || member.state == .dead {
            actions.append(.log(.info, "\(member.node) is \(member.state.rawValue)"))
        }
        let isGone = member.state == .dead || member.state == .left
        if isGone, member.node == consensus.leader {
            driveConsensus(.leaderSuspected(member.node))
        }
        if isGone { leadership?.reports[member.node] = nil }
    }

    mutating func driveConsensus(_ input: RaftInput) {
        var effects: [RaftAction] = []
        consensus.step(input, at: now, into: &effects)
        for effect in effects {
            switch effect {
            case .send(let message, let node): send(.raft(message), to: node)
            case .persist(let request): actions.append(.persist(request))
            case .commit(let entry): apply(entry)
            case .restore(let snapshot): restore(snapshot)
            case .proposed(let proposal, let index, let term):
                requests.proposed(proposal, at: index, in: term)
            case .refused(let proposal, let leader): refused(proposal, leader: leader)
            case .roleChanged(let role, let term, let leader):
                roleChanged(role, term, leader: leader)
            }
        }
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
            if let leader { actions.append(.log(.info, "\(leader) leads in term \(term)")) }
        }
        lastReport = nil
    }

    private mutating func apply(_ entry: LogEntry) {
        applied = entry.index
        hasNews = true
        if entry.term == consensus.term { isCaughtUp = true }
        var refusal: String?
        if case .command(let bytes) = entry.payload {
            let before = state.nextSequence
            let serial = state.deploymentSerial
            do {
                refusal = state.apply(try Command(cbor: try CBORValue(decoding: bytes)))
            } catch {
                // Every node reads the same bytes the same way; going on would let them differ.
                preconditionFailure(
                    "log entry \(entry.index) of term \(entry.term) is no command: \(error)")
            }
            if state.deploymentSerial != serial { wantedDigest = state.deployment?.digest }
            for event in state.ledger where event.sequence >= before {
                actions.append(.ledger(event))
            }
        }
        settled(entry.index, entry.term, refusal: refusal)
        compactIfLong()
    }

    private mutating func restore(_ snapshot: Snapshot) {
        do {
            state = try ReplicatedState(cbor: try CBORValue(decoding: snapshot.state))
        } catch {
            preconditionFailure(
                "the snapshot of index \(snapshot.index) is no cluster state: \(error)")
        }
        applied = snapshot.index
        wantedDigest = state.deployment?.digest
        if snapshot.term == consensus.term, consensus.leader != nil { isCaughtUp = true }
    }

    /// Entries kept behind the applied index before the log is compacted.
    static let logLimit: UInt64 = 1000

    private mutating func compactIfLong() {
        guard applied.value - consensus.snapshotIndex.value >= Self.logLimit else { return }
        driveConsensus(.compact(upTo: applied, state: state.cbor.encoded))
    }
}

// A cluster in one value: machines, a network that loses, delays, reorders and repeats, and disks
// that forget on a crash what they had not flushed. One seed decides everything, so that a failure
// replays: `SimulatedCluster(voters: 4, seed: 17).run(faults)`.

import Base

@testable import Consensus

/// How unkind the world is, in probabilities and times.
struct Faults {
    var loss = 0.0
    var duplication = 0.0
    var delay: ClosedRange<Duration> = .milliseconds(1)...(.milliseconds(3))
    var flush: ClosedRange<Duration> = .milliseconds(1)...(.milliseconds(4))
    /// Mean time between two events of that kind; nil for never.
    var crashEvery: Duration?
    var partitionEvery: Duration?
    var falseSuspicionEvery: Duration?
    /// Changes of the participants and of the leader, whether they make sense or not.
    var changeEvery: Duration?
    var transferEvery: Duration?
    /// A node loses its disk, as long as enough others remember.
    var diskLossEvery: Duration?

    static let none = Faults()

    static func random(using generator: inout SeededGenerator) -> Faults {
        var faults = Faults()
        if generator.chance(0.7) { faults.loss = Double.random(in: 0...0.25, using: &generator) }
        if generator.chance(0.5) { faults.duplication = 0.1 }
        if generator.chance(0.5) { faults.delay = .milliseconds(1)...(.milliseconds(200)) }
        if generator.chance(0.5) { faults.flush = .milliseconds(1)...(.milliseconds(150)) }
        if generator.chance(0.7) { faults.crashEvery = .milliseconds(900) }
        if generator.chance(0.7) { faults.partitionEvery = .milliseconds(1200) }
        if generator.chance(0.5) { faults.falseSuspicionEvery = .milliseconds(1000) }
        return faults
    }
}

struct SimulatedCluster {
    /// One server: the machine is lost in a crash, the disk is not.
    struct Host {
        var raft: Raft?
        var disk = DurableState.empty
        /// What the disk held at its last loss but one, as an older copy has it.
        var copy = DurableState.empty
        var unflushed: [PersistRequest] = []
        var life = 0
        /// Nil where disks do not matter.
        var diskID: DiskID?
        /// The application: how much it has applied, and a digest of it.
        var applied = Digest()
    }

    enum Event {
        case deliver(RaftMessage, from: NodeID, to: NodeID)
        case flushed(NodeID, life: Int)
        case crash, restart(NodeID), partition, heal, suspect(NodeID), falseSuspicion
        case propose, change, transfer, read, loseDisk
    }

    let seed: UInt64
    let voters: [NodeID]
    let learners: [NodeID]
    /// Nodes that wait to be taken in.
    let outsiders: [NodeID]
    let configuration: RaftConfiguration
    var faults = Faults.none
    var generator: SeededGenerator
    private(set) var now = Instant.zero
    private(set) var hosts: [NodeID: Host] = [:]
    private(set) var invariants: Invariants
    private var events: [(at: Instant, number: Int, event: Event)] = []
    private var eventCount = 0
    /// The nodes of the smaller side while there is a partition.
    var isolated: Set<NodeID> = []
    private var proposals: UInt64 = 0
    /// What was agreed when a read was asked.
    private var readsAsked: [ReadID: Int] = [:]
    private(set) var readsAnswered = 0
    private(set) var changes = 0
    private(set) var transfers = 0
    private(set) var delivered = 0
    private(set) var losses = 0

    init(
        voters count: Int, learners learnerCount: Int = 0, outsiders outsiderCount: Int = 0,
        seed: UInt64, recordsDisks: Bool = false,
        configuration: RaftConfiguration = RaftConfiguration()
    ) {
        self.seed = seed
        self.configuration = configuration
        voters = (1...count).map { NodeID("n\($0)") }
        learners = (0..<learnerCount).map { NodeID("l\($0)") }
        outsiders = (0..<outsiderCount).map { NodeID("o\($0)") }
        generator = SeededGenerator(seed: seed)
        invariants = Invariants()
        for node in voters + learners + outsiders {
            hosts[node] = Host()
            let disk = DiskID(UInt64(hosts.count))
            if recordsDisks { hosts[node]?.diskID = disk }
            boot(node)
        }
    }

    var nodes: [NodeID] { learners + voters + outsiders }
    /// Those that take part as the leader knows it.
    var participants: [NodeID] { leader.flatMap { raft($0)?.participants.all } ?? nodes }
    var running: [NodeID] { nodes.filter { hosts[$0]?.raft != nil } }

    func raft(_ node: NodeID) -> Raft? { hosts[node]?.raft }

    /// The leader of the newest term, if one is running.
    var leader: NodeID? {
        running.filter { raft($0)?.role == .leader }
            .max { (raft($0)?.term ?? .zero) < (raft($1)?.term ?? .zero) }
    }

    // MARK: Time

    /// Runs for a span of simulated time, or until the condition holds.
    /// - Returns: how long it took; nil if the span passed and the condition did not come true.
    @discardableResult
    mutating func run(
        for span: Duration, until condition: (SimulatedCluster) -> Bool = { _ in false }
    ) throws -> Duration? {
        let start = now
        let end = now + span
        while true {
            if condition(self) { return now - start }
            let due = hosts.compactMap { node, host in
                host.raft?.nextDeadline.map { (max($0, now), node) }
            }.min { $0 < $1 }
            let event = events.last?.at
            let next = min(due?.0 ?? end, event ?? end)
            guard next < end else {
                now = end
                return nil
            }
            now = next
            if let event, event <= next {
                try handle(events.removeLast().event)
            } else if let node = due?.1 {
                try step(node, .tick)
            }
        }
    }

    mutating func schedule(_ event: Event, after delay: Duration) {
        let at = now + delay
        eventCount += 1
        // Latest first, so that the next event is at the end.
        var low = 0
        var high = events.count
        while low < high {
            let middle = (low + high) / 2
            if events[middle].at > at { low = middle + 1 } else { high = middle }
        }
        events.insert((at, eventCount, event), at: low)
    }

    private mutating func again(_ event: Event, every mean: Duration?) {
        guard let mean else { return }
        schedule(event, after: generator.duration(in: .zero...(mean * 2)))
    }

    // MARK: Events

    /// Lets the faults loose.
    mutating func begin(_ faults: Faults) {
        self.faults = faults
        again(.crash, every: faults.crashEvery)
        again(.partition, every: faults.partitionEvery)
        again(.falseSuspicion, every: faults.falseSuspicionEvery)
        again(.change, every: faults.changeEvery)
        again(.transfer, every: faults.transferEvery)
        again(.loseDisk, every: faults.diskLossEvery)
    }

    /// Ends all faults; everybody runs again.
    mutating func calm() {
        faults = .none
        isolated = []
        events.removeAll {
            switch $0.event {
            case .crash, .partition, .heal, .falseSuspicion, .change, .transfer, .loseDisk: true
            default: false
            }
        }
        for node in nodes where hosts[node]?.raft == nil { boot(node) }
    }

    private mutating func handle(_ event: Event) throws {
        switch event {
        case .deliver(let message, let sender, let receiver):
            guard isolated.contains(sender) == isolated.contains(receiver) else { return }
            delivered += 1
            try step(receiver, .received(message, from: sender))
        case .flushed(let node, let life): try flush(node, life: life)
        case .propose:
            proposals += 1
            let command = withUnsafeBytes(of: proposals.littleEndian) { Array($0) }
            if let node = running.randomElement(using: &generator) {
                try step(leader ?? node, .propose(command, ProposalID(proposals)))
            }
        case .read:
            let read = ReadID(UInt64(readsAsked.count))
            readsAsked[read] = invariants.committed.count
            let leaders = running.filter { raft($0)?.role == .leader }
            if let node = leaders.randomElement(using: &generator) { try step(node, .read(read)) }
        case .change:
            let nodes = nodes
            if let leader, let node = nodes.randomElement(using: &generator) {
                proposals += 1
                let kinds: [ParticipantsChange] = [
                    .record, .addLearner(node), .promote(node), .promote(node), .demote(node),
                    .remove(node),
                ]
                let kind = kinds[Int.random(in: 0..<kinds.count, using: &generator)]
                try step(leader, .change(kind, ProposalID(proposals)))
            }
            again(.change, every: faults.changeEvery)
        case .transfer:
            if let leader {
                proposals += 1
                let target = nodes.randomElement(using: &generator)
                try step(leader, .transferLeadership(to: target, ProposalID(proposals)))
            }
            again(.transfer, every: faults.transferEvery)
        case .crash:
            let victim = generator.chance(0.5) ? leader : nil
            if let node = victim ?? running.randomElement(using: &generator) {
                crash(node)
                schedule(
                    .restart(node), after: generator.duration(in: .zero...(.milliseconds(2500))))
            }
            again(.crash, every: faults.crashEvery)
        case .loseDisk:
            if let node = voters.randomElement(using: &generator), mayForget(node) {
                loseDisk(of: node)
                schedule(
                    .restart(node), after: generator.duration(in: .zero...(.milliseconds(700))))
            }
            again(.loseDisk, every: faults.diskLossEvery)
        case .restart(let node): boot(node)
        case .partition:
            isolated = Set(nodes.filter { _ in generator.chance(0.4) })
            schedule(.heal, after: generator.duration(in: .zero...(.milliseconds(2500))))
            again(.partition, every: faults.partitionEvery)
        case .heal: isolated = []
        case .suspect(let node):
            for other in running where other != node { try step(other, .leaderSuspected(node)) }
        case .falseSuspicion:
            if let node = running.randomElement(using: &generator), let leader {
                try step(node, .leaderSuspected(leader))
            }
            again(.falseSuspicion, every: faults.falseSuspicionEvery)
        }
    }

    /// Stops a node. A part of what it had not flushed may have reached the disk, in order.
    mutating func crash(_ node: NodeID) {
        guard var host = hosts[node], host.raft != nil else { return }
        let survivors = Int.random(in: 0...host.unflushed.count, using: &generator)
        for request in host.unflushed.prefix(survivors) { host.disk.apply(request) }
        host.unflushed = []
        host.raft = nil
        host.life += 1
        host.applied = Digest()
        hosts[node] = host
    }

    /// The node comes back on another disk: with nothing, with an older copy, or with all it had.
    mutating func loseDisk(of node: NodeID) {
        crash(node)
        losses += 1
        guard var host = hosts[node] else { return }
        let (old, copy) = (host.disk, host.copy)
        host.disk = [.empty, copy, old][losses % 3]
        host.copy = old
        host.diskID = host.diskID.map { DiskID($0.value + 100) }
        hosts[node] = host
    }

    /// Whether enough other voters remember, and their disks say so.
    private func mayForget(_ node: NodeID) -> Bool {
        let needed = (voters.count + 1) / 2
        let others = voters.filter { $0 != node }
        let remembering = others.filter { voter in
            let disk = hosts[voter]?.diskID
            return others.count { hosts[$0]?.disk.participants?.disks?[voter] == disk } >= needed
        }
        return remembering.count >= needed
    }

    mutating func boot(_ node: NodeID) {
        guard let host = hosts[node], host.raft == nil else { return }
        hosts[node]?.raft = Raft(
            configuration: configuration, local: node,
            bootstrap: outsiders.contains(node)
                ? nil : Participants(voters: voters, learners: learners),
            restored: host.disk, disk: host.diskID, seed: generator.next(), at: now)
    }

    private mutating func flush(_ node: NodeID, life: Int) throws {
        guard let host = hosts[node], host.life == life, let request = host.unflushed.first
        else { return }
        hosts[node]?.unflushed.removeFirst()
        hosts[node]?.disk.apply(request)
        try step(node, .persisted(request.token))
    }

    // MARK: One step

    mutating func step(_ node: NodeID, _ input: RaftInput) throws {
        guard hosts[node]?.raft != nil else { return }
        var actions: [RaftAction] = []
        hosts[node]?.raft?.step(input, at: now, into: &actions)
        for action in actions { try perform(action, of: node) }
        if let host = hosts[node] { try invariants.check(host, node, disks: hosts) }
    }

    private mutating func perform(_ action: RaftAction, of node: NodeID) throws {
        guard var host = hosts[node], let raft = host.raft else { return }
        switch action {
        case .send(let message, let receiver):
            try invariants.sent(message, by: node, to: receiver, host)
            transmit(message, from: node, to: receiver)
        case .persist(let request):
            try invariants.appended(request.entries, by: node, raft)
            if request.entries.contains(where: { $0.isParticipants }) { changes += 1 }
            host.unflushed.append(request)
            hosts[node] = host
            schedule(.flushed(node, life: host.life), after: flushDelay())
        case .commit(let entry):
            host.applied.apply(entry)
            hosts[node] = host
            try invariants.committed(entry, by: node, raft, disks: hosts)
            if generator.chance(0.1) {
                try step(node, .compact(upTo: entry.index, state: host.applied.bytes))
            }
        case .restore(let snapshot):
            host.applied = Digest(snapshot)
            hosts[node] = host
            try invariants.restored(snapshot, by: node)
        case .transferred: transfers += 1
        case .readable(let read):
            readsAnswered += 1
            guard host.applied.index.value >= UInt64(readsAsked[read] ?? 0) else {
                throw InvariantViolation(
                    description: "\(node) answers a read from entry \(host.applied.index), but "
                        + "\(readsAsked[read] ?? 0) were agreed on when it was asked")
            }
        case .rejected(let reason, let sender):
            throw InvariantViolation(
                description: "\(node) rejects what \(sender) honestly said: \(reason)")
        case .proposed, .refused, .roleChanged, .unreadable, .disk: break
        }
    }

    private mutating func flushDelay() -> Duration { generator.duration(in: faults.flush) }

    private mutating func transmit(
        _ message: RaftMessage, from sender: NodeID, to receiver: NodeID
    ) {
        guard !generator.chance(faults.loss) else { return }
        let copies = generator.chance(faults.duplication) ? 2 : 1
        for _ in 0..<copies {
            schedule(
                .deliver(message, from: sender, to: receiver),
                after: generator.duration(in: faults.delay))
        }
    }
}

extension LogEntry {
    var isParticipants: Bool {
        if case .participants = payload { true } else { false }
    }
}

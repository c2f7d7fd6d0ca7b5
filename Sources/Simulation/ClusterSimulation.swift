// A whole cluster in one value: production node machines on a simulated network, simulated disks and
// scripted engines, driven by one seed. The same seed gives the same history on every machine;
// the invariants are checked after every step. Protocols/simulation.md tells what is modelled.

import Base
import ClusterState
import Consensus
import Doctor
import Membership
import Node
public import Planning
import Supervision
import WireProtocol

/// What is simulated.
public struct SimulationConfiguration: Sendable {
    public var seed: UInt64
    /// Of the nodes with which the cluster begins.
    public var nodeCount: Int
    /// Of the nodes beside them that may join.
    public var newcomerCount = 0
    public var deployment: Deployment
    /// How long faults are thrown in. Before it the cluster has ``quietStart``; after it everything
    /// is repaired and must converge within ``convergenceLimit``, and then stay as it is.
    public var faultPeriod: Duration = .seconds(20)
    public var quietStart: Duration = .seconds(6)
    public var convergenceLimit: Duration = .seconds(120)
    public var calmEnd: Duration = .seconds(2)
    /// What goes wrong, and when.
    public var faults: [Fault] = []
    /// Payload bytes in one append: small ones make a log travel entry by entry.
    public var appendBytesLimit = 256 * 1024
    /// Entries kept before the log is compacted: few make snapshots travel.
    public var logLimit = NodeConfiguration.standardLogLimit
    /// Entries kept though a snapshot stands for them: with few, whoever was away a moment needs the snapshot.
    var tailEntriesLimit = RaftConfiguration().tailEntriesLimit
    /// How long a node may take to dial again.
    public var dialPatience = Duration.seconds(1)
    /// How long a node without contact to a majority keeps its engines; nil: for ever.
    public var isolation: Duration?
    /// Whether an operator's own command is launched through the gate.
    var gatesCommands = false
    /// How likely an engine hangs for ever when another rank of its generation has fallen.
    public var hangChance = 0.15
    /// Whether nodes have the published router; nil where a test answers by itself.
    var routerFinding: RouterFinding? = .installed
    /// What SGLang nodes have; nil where a test answers by itself.
    var sglang: SGLangFinding? = .unknown("nobody looks")
    /// How likely an examination finds something that the next one does not.
    public var obstacleChance = 0.0
    /// How likely it is that such a look takes seconds.
    var slowExaminationChance = 0.1
    var restartBudget = 1_000_000
    /// The nodes whose agents never end, by index, so that they grow old.
    var survivors: Set<Int> = []
    var plantedBug: PlantedBug?
    /// Which shards end right after their start.
    var failsAtStart: (@Sendable (ShardID) -> Bool)?

    var hostCount: Int { nodeCount + newcomerCount }

    public init(seed: UInt64, nodeCount: Int, deployment: Deployment) {
        self.seed = seed
        self.nodeCount = nodeCount
        self.deployment = deployment
    }
}

/// What a run showed.
public struct SimulationResult: Sendable {
    /// The first broken invariant; nil where all held.
    public let violation: String?
    public let simulated: Duration
    public let steps: Int
    /// What happened, for reading; only kept where asked for.
    public let transcript: [String]
    public let counters: [String: Int]
    /// Which states were reached; empty where it was not asked for.
    public let coverage: Coverage
}

/// A cluster under simulation.
public struct ClusterSimulation {
    enum Event {
        case frame([UInt8], from: Int, to: Int, stream: UInt64)
        case wake(Int, life: UInt64)
        case flushed(Int, life: UInt64, PersistToken)
        case input(Int, life: UInt64, NodeInput)
        case examined(Int, life: UInt64, GroupName, round: UInt64, [GateFinding])
        case dial(SimulatedNetwork.Pair)
        case drop(SimulatedNetwork.Pair, stream: UInt64)
        case engineStarted(Int, ShardID)
        case engineEnds(Int, ShardID, ExitStatus)
        case engineStopped(Int, ShardID)
        case fault(Fault)
        case crash(Int, life: UInt64, restartsAfter: Duration)
        case hastyQuestion(Int)
        case repair(Repair)
        case endOfFaults
        case sample
    }

    var configuration: SimulationConfiguration
    let nodes: [ConfiguredNode]
    let indexOfNode: [NodeID: Int]
    var generator: SeededGenerator
    var queue = EventQueue<Event>()
    var now = Instant.zero
    var network: SimulatedNetwork
    var hosts: [SimulatedHost]
    var machines: [NodeMachine?]
    var invariants: Invariants
    /// Whom each node took for voters last.
    var voters: [[NodeID]]
    /// When each node's timer is set to.
    var armed: [Instant?]
    var faultsOn = true
    /// When the faults of the period under way began, or begin.
    var faultsBegin: Instant
    /// Until then, whoever comes to lead falls at once.
    var officeStormEnd = Instant.zero
    /// Until then, whoever has given a vote falls at once.
    var voteStormEnd = Instant.zero
    var nextProcessID: Int32 = 1000
    var nextRequest: UInt64 = 0
    var answers: [RequestID: PeerAnswer] = [:]
    var steps = 0
    var counters: [String: Int] = [:]
    var coverage = Coverage()
    let keepsTranscript: Bool
    let keepsCoverage: Bool
    var transcript: [String] = []

    public init(
        _ configuration: SimulationConfiguration, keepsTranscript: Bool = false,
        keepsCoverage: Bool = false
    ) {
        self.configuration = configuration
        self.keepsTranscript = keepsTranscript
        self.keepsCoverage = keepsCoverage
        let count = configuration.hostCount
        generator = SeededGenerator(seed: configuration.seed)
        faultsBegin = .zero + configuration.quietStart
        nodes = (1...count).map {
            ConfiguredNode(node: NodeID("node-\($0)"), address: "10.0.0.\($0)")
        }
        indexOfNode = Dictionary(
            uniqueKeysWithValues: nodes.enumerated().map { ($0.element.node, $0.offset) })
        let founders = Array(nodes.prefix(configuration.nodeCount))
        hosts = nodes.indices.map { index in
            var host = SimulatedHost(file: configuration.deployment, listed: founders)
            host.isInService = index < founders.count
            host.diskID = DiskID(UInt64(index + 1))
            return host
        }
        voters = Array(repeating: [], count: count)
        machines = Array(repeating: nil, count: count)
        armed = Array(repeating: nil, count: count)
        network = SimulatedNetwork(nodeCount: count)
        invariants = Invariants(nodes: nodes.map(\.node))
    }

    /// Runs to the end, or to the first broken invariant.
    public mutating func run() -> SimulationResult {
        start()
        if keepsCoverage { sample() }
        for fault in configuration.faults { queue.schedule(.fault(fault), at: now + fault.at) }
        let faultsEnd = now + configuration.quietStart + configuration.faultPeriod
        queue.schedule(.endOfFaults, at: faultsEnd)
        advance(to: faultsEnd)
        findTogether()
        return result
    }

    var result: SimulationResult {
        SimulationResult(
            violation: invariants.violation, simulated: now - .zero, steps: steps,
            transcript: transcript, counters: counters, coverage: coverage)
    }

    /// Starts every agent, without faults to come.
    mutating func start() {
        for index in nodes.indices { startAgent(index) }
    }

    /// Lets everything happen that is due until then, or until an invariant breaks.
    mutating func advance(to end: Instant) {
        while invariants.violation == nil, let due = queue.nextDue, due <= end {
            guard let next = queue.next() else { return }
            now = next.due
            handle(next.event)
        }
        now = max(now, end)
    }

    /// Goes on until something is so, and looks every tenth of a second.
    /// - Returns: false if the limit passed, or an invariant broke, before it was.
    @discardableResult
    mutating func advance(upTo limit: Duration, until isSo: (ClusterSimulation) -> Bool) -> Bool {
        let end = now + limit
        while invariants.violation == nil {
            if isSo(self) { return true }
            guard now < end else { return false }
            advance(to: now + .milliseconds(100))
        }
        return false
    }

    // MARK: - Events

    private mutating func handle(_ event: Event) {
        switch event {
        case .frame(let bytes, let sender, let receiver, let stream):
            guard network.delivers(from: sender, to: receiver, stream: stream) else { return }
            give(.frame(bytes, from: nodes[sender].node), to: receiver)
        case .wake(let index, let life):
            guard hosts[index].life == life, armed[index] == now else { return }
            armed[index] = nil
            give(.tick, to: index)
        case .flushed(let index, let life, let token):
            guard hosts[index].life == life, hosts[index].isAgentUp else { return }
            hosts[index].flush(upTo: token)
            guard configuration.plantedBug != .confirmsBeforeFlush else { return }
            give(.persisted(token), to: index)
        case .input(let index, let life, let input):
            guard hosts[index].life == life else { return }
            give(input, to: index)
        case .dial(let pair): dial(pair)
        case .drop(let pair, let stream): drop(pair, stream: stream)
        case .examined(let index, let life, let group, let round, let findings):
            examined(index, life: life, group, round: round, findings)
        case .engineStarted(let index, let shard): engineStarted(index, shard)
        case .engineEnds(let index, let shard, let status): engineEnds(index, shard, status)
        case .engineStopped(let index, let shard): engineStopped(index, shard)
        case .fault(let fault): strike(fault)
        case .crash(let index, let life, let pause):
            guard hosts[index].life == life, hosts[index].isAgentUp, faultsOn else { return }
            crashAgent(index)
            queue.schedule(.repair(.startAgent(index)), at: now + pause)
        case .hastyQuestion(let index):
            ask(index, .propose(.restart(GroupName("nobody"))))
        case .repair(let repair): self.repair(repair)
        case .endOfFaults: endFaults()
        case .sample: sample()
        }
    }

    /// Gives an input to a node, later if its agent does not run just now.
    mutating func give(_ input: NodeInput, to index: Int) {
        guard hosts[index].isAgentUp, machines[index] != nil else { return }
        guard hosts[index].pausedUntil <= now else {
            hosts[index].unread.append(input)
            return
        }
        var actions: [NodeAction] = []
        let wall = wall(of: index)
        machines[index]?.step(input, at: now, wall: wall, into: &actions)
        steps += 1
        if machines[index]?.consensus.hasQuorum == true { invariants.hasContact(index, at: now) }
        var writes = 0
        for action in actions {
            guard case .persist(let request) = action else { continue }
            hosts[index].write(request)
            writes += 1
        }
        watch(index)
        if endsUnread(index) { return }
        for action in actions { perform(action, of: index) }
        arm(index, machines[index]?.nextDeadline)
        if writes > 0, hosts[index].isDiskFull { return failAtWrite(index, writes: writes) }
        if writes > 0, hosts[index].fallsAtWrite { fallAtWrite(index) }
        if voteStormEnd > now { fallAfterVote(index, actions) }
    }

    private mutating func watch(_ index: Int) {
        if let current = machines[index]?.consensus.quorum.voters, current != voters[index] {
            voters[index] = current
            disturbanceChanged()
        }
        // Most steps change nothing that is watched, and a machine is much to copy.
        let leads = machines[index]?.consensus.role == .leader
        guard let applied = machines[index]?.appliedIndex,
            leads || invariants.checked[index] != applied, let machine = machines[index]
        else { return }
        let term = invariants.newestTerm
        invariants.check(machine, index, hosts: hosts, at: now)
        if invariants.newestTerm > term, officeStormEnd > now { fallInOffice(index) }
    }

    private mutating func arm(_ index: Int, _ deadline: Instant?) {
        guard let deadline else { return }
        // A timer may be late, never early.
        let due = max(deadline, now) + .microseconds(Int64(steps % 500))
        if let current = armed[index], current <= due, current > now { return }
        armed[index] = due
        queue.schedule(.wake(index, life: hosts[index].life), at: due)
    }

    /// Clocks of nodes differ by some milliseconds, as time synchronisation leaves them, or by what
    /// they have jumped.
    func wall(of index: Int) -> WallTime {
        WallTime(
            millisecondsSinceEpoch: 1_700_000_000_000 + Int64(index) * 3
                + (now - .zero + hosts[index].clockOffset).wholeMilliseconds)
    }

    // MARK: - Actions

    private mutating func perform(_ action: NodeAction, of index: Int) {
        switch action {
        case .send(let bytes, let node):
            invariants.says(bytes, to: node, nodes[index].node, hosts[index])
            send(bytes, from: index, to: node)
        case .connect(let contacts, let departed):
            connect(index, to: contacts, accepting: departed)
        case .persist(let request):
            let isTooEarly = configuration.plantedBug == .confirmsBeforeFlush
            let delay = generator.duration(
                in: isTooEarly ? SimulatedHost.forgottenFlush : hosts[index].flushTime)
            let life = hosts[index].life
            queue.schedule(.flushed(index, life: life, request.token), at: now + delay)
            if isTooEarly {
                later(.persisted(request.token), index)
            }
        case .checkPorts(let shard, _):
            let older = hosts[index].engines.keys.sorted().first { $0.group == shard.group }
            // An engine that is going has closed its ports before it lets go of its devices.
            let isGoing = older.flatMap { hosts[index].engines[$0]?.isGoing } ?? false
            let isSeen = configuration.plantedBug != .stopIsNoStop && !isGoing
            let conflict = isSeen ? older.map { "held by \($0)" } : nil
            later(.shard(shard, .portsChecked(conflict: conflict)), index)
        case .findRouter(let shard, _):
            note("\(nodes[index].node) looks for the router of \(shard)")
            if let finding = configuration.routerFinding {
                later(.routerFound(shard, finding), index)
            }
        case .launch(let shard, let spec, let engine):
            if spec.role == .router { note("\(shard) is launched as \(engine)") }
            if engine == .sglang, spec.role.isEngine { invariants.launchedThroughGate(shard) }
            launch(shard, spec, on: index)
        case .stop(let shard, let grace): stop(shard, grace: grace, on: index)
        case .probe(let shard, _):
            afterAnswer(.shard(shard, .probed(answer(of: shard))), index)
        case .callRouter(let router, _, let call): callRouter(router, call, on: index)
        case .forget(let shard): hosts[index].ended.removeAll { $0 == shard }
        case .probeMaster(let group, _): probeMaster(group, from: index)
        case .consultLogs(let shard):
            count("logs consulted")
            note("\(nodes[index].node) consults the logs of \(shard)")
        case .readLog(let reader, let shard, _, _):
            later(.found(reader, .log(text: "log of \(shard)\n", next: 1)), index)
        case .examineGroup(let group, let nodes, let served, let round):
            examine(group, nodes, reaching: served, round: round, for: index)
        case .findSGLang(let shard, _): findSGLang(shard, on: index)
        case .examine(let asker, _): later(.found(asker, .document("{}")), index)
        case .answer(let id, let answer):
            note("\(nodes[index].node): request \(id.value) is answered: \(answer)")
            answers[id] = answer
            invariants.answered(id, answer)
        case .log(_, let text): note("\(nodes[index].node): \(text)")
        case .ledger(let event, let isNews):
            guard isNews else { return }
            let group = event.group?.name ?? ""
            note("\(nodes[index].node): applied \(event.kind) \(group) \(event.text)")
        }
    }

    private mutating func send(_ bytes: [UInt8], from index: Int, to node: NodeID) {
        guard let receiver = indexOfNode[node], isKnown(bytes, index, receiver),
            let (due, stream) = network.arrival(
                from: index, to: receiver, at: now, using: &generator)
        else { return }
        var bytes = bytes
        if hosts[index].speaksOtherVersion != hosts[receiver].speaksOtherVersion {
            // After the head of an array of three.
            bytes[1] += 1
        }
        let frame = Event.frame(bytes, from: index, to: receiver, stream: stream)
        guard network.isDisorderly, Self.bearsDisorder(bytes), generator.chance(0.3) else {
            return queue.schedule(frame, at: due)
        }
        if generator.chance(0.5) { queue.schedule(frame, at: due) }
        let late = generator.duration(in: SimulatedNetwork.verySlowDelay)
        queue.schedule(frame, at: due + late)
    }

    /// Raft and SWIM rest on no order; all else counts on that of a stream.
    private static func bearsDisorder(_ bytes: [UInt8]) -> Bool {
        // [version, kind, …]
        bytes.count > 2 && (bytes[2] == 1 || bytes[2] == 2)
    }

    mutating func later(_ input: NodeInput, _ index: Int) {
        let delay = generator.duration(in: .microseconds(100)...(.milliseconds(20)))
        queue.schedule(.input(index, life: hosts[index].life, input), at: now + delay)
    }

    mutating func note(_ text: String) {
        guard keepsTranscript else { return }
        let milliseconds = String(now.nanoseconds / 1_000_000)
        let padding = String(repeating: " ", count: max(0, 8 - milliseconds.count))
        transcript.append("\(padding)\(milliseconds) ms  \(text)")
    }

    mutating func count(_ what: String) {
        counters[what, default: 0] += 1
    }
}

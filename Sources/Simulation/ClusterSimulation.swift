// A whole cluster in one value: production node machines on a simulated network, simulated disks and
// scripted engines, driven by one seed. The same seed gives the same history on every machine;
// the invariants are checked after every step.

import Base
import ClusterState
import Consensus
import Membership
import Node
public import Planning
import Supervision
import WireProtocol

/// What is simulated.
public struct SimulationConfiguration: Sendable {
    public var seed: UInt64
    public var nodeCount: Int
    public var deployment: Deployment
    /// How long faults are thrown in. Before it the cluster has ``quietStart``; after it everything
    /// is repaired and must converge within ``convergenceLimit``.
    public var faultPeriod: Duration = .seconds(40)
    public var quietStart: Duration = .seconds(10)
    public var convergenceLimit: Duration = .seconds(120)

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
}

/// A cluster under simulation.
public struct ClusterSimulation {
    enum Event {
        case frame([UInt8], from: Int, to: Int, stream: UInt64)
        case wake(Int, life: UInt64)
        case flushed(Int, life: UInt64, PersistToken)
        case input(Int, life: UInt64, NodeInput)
        case dial(SimulatedNetwork.Pair)
        case drop(SimulatedNetwork.Pair, stream: UInt64)
        case engineStarted(Int, ShardID)
        case engineEnds(Int, ShardID, ExitStatus)
        case engineStopped(Int, ShardID)
        case fault
        case repair(Repair)
        case endOfFaults
    }

    /// What undoes a fault.
    enum Repair {
        case startAgent(Int)
        case boot(Int)
        case heal
        case calm
    }

    let configuration: SimulationConfiguration
    let nodes: [ConfiguredNode]
    var generator: SeededGenerator
    var queue = EventQueue<Event>()
    var now = Instant.zero
    var network = SimulatedNetwork()
    var hosts: [SimulatedHost]
    var machines: [NodeMachine?]
    var invariants = Invariants()
    var armed: [Instant?]
    var faultsOn = true
    var nextProcessID: Int32 = 1000
    var steps = 0
    var counters: [String: Int] = [:]
    let keepsTranscript: Bool
    var transcript: [String] = []

    public init(_ configuration: SimulationConfiguration, keepsTranscript: Bool = false) {
        self.configuration = configuration
        self.keepsTranscript = keepsTranscript
        generator = SeededGenerator(seed: configuration.seed)
        nodes = (1...configuration.nodeCount).map {
            ConfiguredNode(node: NodeID("node-\($0)"), address: "10.0.0.\($0)")
        }
        hosts = Array(repeating: SimulatedHost(), count: configuration.nodeCount)
        machines = Array(repeating: nil, count: configuration.nodeCount)
        armed = Array(repeating: nil, count: configuration.nodeCount)
        for high in nodes.indices {
            for low in 0..<high { network.links[.init(low, high)] = .init() }
        }
    }

    /// Runs to the end, or to the first broken invariant.
    public mutating func run() -> SimulationResult {
        for index in nodes.indices { startAgent(index) }
        let faultsBegin = now + configuration.quietStart
        let faultsEnd = faultsBegin + configuration.faultPeriod
        queue.schedule(.fault, at: faultsBegin)
        queue.schedule(.endOfFaults, at: faultsEnd)
        let limit = faultsEnd + configuration.convergenceLimit
        while invariants.violation == nil, let next = queue.next() {
            now = next.due
            handle(next.event)
            if !faultsOn, hasConverged { break }
            if now > limit {
                invariants.violation =
                    "not converged \(configuration.convergenceLimit) after "
                    + "the last fault: \(missing)"
            }
        }
        return SimulationResult(
            violation: invariants.violation, simulated: now - .zero, steps: steps,
            transcript: transcript, counters: counters)
    }

    // MARK: - Events

    private mutating func handle(_ event: Event) {
        switch event {
        case .frame(let bytes, let sender, let receiver, let stream):
            guard let link = network.links[.init(sender, receiver)], link.isOpen, !link.isCut,
                link.stream == stream
            else { return }
            give(.frame(bytes, from: nodes[sender].node), to: receiver)
        case .wake(let index, let life):
            guard hosts[index].life == life, armed[index] == now else { return }
            armed[index] = nil
            give(.tick, to: index)
        case .flushed(let index, let life, let token):
            guard hosts[index].life == life, hosts[index].isAgentUp else { return }
            hosts[index].flush(upTo: token)
            give(.persisted(token), to: index)
        case .input(let index, let life, let input):
            guard hosts[index].life == life else { return }
            give(input, to: index)
        case .dial(let pair): dial(pair)
        case .drop(let pair, let stream): drop(pair, stream: stream)
        case .engineStarted(let index, let shard): engineStarted(index, shard)
        case .engineEnds(let index, let shard, let status): engineEnds(index, shard, status)
        case .engineStopped(let index, let shard): engineStopped(index, shard)
        case .fault: throwFault()
        case .repair(let repair): self.repair(repair)
        case .endOfFaults: endFaults()
        }
    }

    /// Gives an input to a node, later if its agent does not run just now.
    mutating func give(_ input: NodeInput, to index: Int) {
        guard hosts[index].isAgentUp, var machine = machines[index] else { return }
        let resumes = hosts[index].pausedUntil
        guard resumes <= now else {
            queue.schedule(.input(index, life: hosts[index].life, input), at: resumes)
            return
        }
        machines[index] = nil
        var actions: [NodeAction] = []
        machine.step(input, at: now, wall: wall(of: index), into: &actions)
        steps += 1
        invariants.check(machine, at: now)
        let deadline = machine.nextDeadline
        machines[index] = machine
        for action in actions { perform(action, of: index) }
        arm(index, deadline)
    }

    private mutating func arm(_ index: Int, _ deadline: Instant?) {
        guard let deadline else { return }
        // A timer may be late, never early.
        let due = max(deadline, now) + .microseconds(Int64(steps % 500))
        if let current = armed[index], current <= due, current > now { return }
        armed[index] = due
        queue.schedule(.wake(index, life: hosts[index].life), at: due)
    }

    /// Clocks of nodes differ by up to some seconds.
    func wall(of index: Int) -> WallTime {
        WallTime(
            millisecondsSinceEpoch: 1_700_000_000_000 + Int64(index) * 700
                + now.nanoseconds / 1_000_000)
    }

    // MARK: - Actions

    private mutating func perform(_ action: NodeAction, of index: Int) {
        let life = hosts[index].life
        switch action {
        case .send(let bytes, let node):
            guard let receiver = nodes.firstIndex(where: { $0.node == node }),
                let (due, stream) = network.arrival(
                    from: index, to: receiver, at: now, using: &generator)
            else { return }
            queue.schedule(.frame(bytes, from: index, to: receiver, stream: stream), at: due)
        case .persist(let request):
            hosts[index].unflushed.append(request)
            let delay = generator.duration(in: .microseconds(200)...(.milliseconds(20)))
            queue.schedule(.flushed(index, life: life, request.token), at: now + delay)
        case .checkPorts(let shard, _):
            let older = hosts[index].engines.keys.sorted().first { $0.group == shard.group }
            let conflict = older.map { "held by \($0)" }
            later(.shard(shard, .portsChecked(conflict: conflict)), index)
        case .launch(let shard, _, _): launch(shard, on: index)
        case .stop(let shard, _):
            let delay = generator.duration(in: .milliseconds(10)...(.milliseconds(1500)))
            queue.schedule(.engineStopped(index, shard), at: now + delay)
        case .probe(let shard, _):
            later(.shard(shard, .probed(answer(of: shard))), index)
        case .forget(let shard): hosts[index].ended.removeAll { $0 == shard }
        case .probeMaster(let group, _):
            let masters = hosts.indices.filter { isReachable(index, $0) }
                .flatMap { hosts[$0].engines.keys.sorted() }
                .filter { $0.group == group && $0.rank == .master }
            let result = masters.first.map { answer(of: $0) } ?? .failing("no answer")
            later(.masterProbed(group, result), index)
        case .readLog(let reader, let shard, _, _):
            later(.logRead(reader, .log(text: "log of \(shard)\n", next: 1)), index)
        case .answer: break
        case .log(_, let text): note("\(nodes[index].node): \(text)")
        case .ledger(let event):
            note(
                "\(nodes[index].node): applied \(event.kind) \(event.group?.name ?? "") \(event.text)"
            )
        }
    }

    func isReachable(_ one: Int, _ other: Int) -> Bool {
        one == other || network.links[.init(one, other)].map { !$0.isCut } ?? false
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

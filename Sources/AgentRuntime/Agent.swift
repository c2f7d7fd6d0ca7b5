// The agent: the node machine, and the hands that do what it says. Everything happens on the loop's
// thread; an input is a step of the machine, and its actions go to the streams, the store, the
// shims and the probes, whose answers are inputs again.

public import Base
public import ClusterState
import Consensus
public import ControlAPI
import Engines
public import EventLoop
import HTTP
public import Host
import Membership
public import Node
public import Planning
import Profiles
import Storage
import Supervision
import Transport
public import WireProtocol

/// Why an agent cannot start.
public struct AgentError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What happened, where, and what to do.
    public let description: String
    /// What a supervisor of the agent may want to tell apart.
    public enum Kind: Hashable, Sendable {
        case other
        /// The state directory cannot be used.
        case storage
        /// Another agent runs under this one's name.
        case twin
    }

    public let kind: Kind

    init(_ error: some Error & CustomStringConvertible) {
        self.init(error.description, kind: error is StorageError ? .storage : .other)
    }

    init(_ description: String, kind: Kind = .other) {
        self.description = description
        self.kind = kind
    }
}

/// One running agent.
public final class Agent: ControlSource {
    let loop: Loop
    let configuration: AgentConfiguration
    let log: AgentLog
    let store: DurableStore
    /// Until when operators are told of the last slow write.
    var slowNoteTimer: LoopTimer?
    var slowLogDue = Instant.zero
    /// When the write began that is told as slow and is not done yet.
    var slowWriteSince: WallTime?
    /// Since when peers refuse this agent for another of its name.
    var refusedSince: [NodeID: Instant] = [:]
    let own: ConfiguredNode
    /// That carries the own address.
    let interface: String
    let examiner: NodeExaminer
    /// Those who wait for the doctor's visits under way.
    var visitors: [DoctorVisit: [DoctorVisitor]] = [:]
    /// Commands that the SGLang of this node has understood, each with its version and environment.
    var understood: Set<[String]> = []
    private var machine: NodeMachine
    private var inbox: [NodeInput] = []
    private var isStepping = false
    private var timer: LoopTimer?
    /// Until a drill strikes this agent.
    var drillTimer: LoopTimer?
    private var transport: PeerTransport?
    var shards: ShardHost?
    private var logs: LogWatch?
    /// What is left of shards without a shim.
    var lingering: [ShardID: [Int32]] = [:]
    /// What of the logs of a shard cannot be read.
    var logTroubles: [ShardID: String] = [:]
    let ports: PortCheck
    let dials: PortDial
    let probes: EngineProbe
    let routers: RouterClient
    let logFiles: FileQueue
    let tuning: Host.HostTuning
    /// Settings of the host are read and written there.
    let tuningQueue: FileQueue
    var control: [ControlServer] = []
    /// This process's, which engines inherit where nothing is sourced.
    let environment: [String: String]
    var inventoryTimer: LoopTimer?
    var notes: [NoteSubject: [String]] = [:]
    /// Shards of an earlier run whose state is not known yet; nothing else begins before.
    private var unexamined: Set<ShardID> = []
    private var answers: [RequestID: (PeerAnswer) -> Void] = [:]
    private var lastRequest: UInt64 = 0
    private var isStopped = false
    /// Told once when the agent cannot go on; its shards do.
    public var onFailure: ((AgentError) -> Void)?

    /// Opens the state directory and finds out which node this is. The environment is that of this
    /// process, which engines inherit.
    /// - Throws: ``AgentError`` with what to do.
    public init(
        _ loop: Loop, _ configuration: AgentConfiguration, version: String, host: HostFacts,
        tuner: any HostTuner, environment: [String: String], log: AgentLog
    ) throws(AgentError) {
        self.loop = loop
        self.configuration = configuration
        self.log = log
        tuning = Host.HostTuning(tuner, stateDirectory: configuration.stateDirectory)
        tuningQueue = FileQueue(loop)
        self.environment = environment
        do {
            let (own, interface) = try configuration.findOwnNode(on: host)
            self.own = own
            self.interface = interface
            examiner = NodeExaminer(
                loop, root: HostRoot(configuration.hostRoot), environment: environment,
                sources: configuration.sources,
                python: configuration.profile.command.first ?? "python3")
            let opened = try DurableStore.open(
                directory: "\(configuration.stateDirectory)/consensus", node: own.node,
                cluster: configuration.cluster,
                machine: MachineNumber.lasting(HostRoot(configuration.hostRoot)), on: loop)
            store = opened.store
            for repair in opened.repairs { log(.warning, repair) }
            var node = NodeConfiguration(
                cluster: configuration.cluster, version: version, local: own.node,
                interface: interface, nodes: configuration.nodes,
                deployment: configuration.deployment)
            node.supervision = configuration.supervision
            // An idle leader costs what its wake-ups cost; four beats still fit into the shortest timeout.
            node.consensus.heartbeatInterval = .milliseconds(250)
            node.planGrace = configuration.planGrace
            node.joins = configuration.joins
            node.isolation = configuration.isolation
            node.settings = configuration.settings
            node.gatesCommands = configuration.launchGate.gatesCommands
            var entropy = SystemRandomNumberGenerator()
            machine = NodeMachine(
                configuration: node,
                incarnation: Incarnation(UInt64(max(0, loop.wallTime.millisecondsSinceEpoch))),
                restored: opened.state, disk: opened.store.identity.disk, seed: entropy.next(),
                at: loop.now, wall: loop.wallTime)
            ports = PortCheck(loop)
            dials = PortDial(loop)
            logFiles = FileQueue(loop)
            let http = try HTTPClient(loop)
            routers = RouterClient(http)
            probes = EngineProbe(
                http, timeLimit: configuration.supervision.probeLimit)
        } catch let error as StorageError {
            throw AgentError(error)
        } catch {
            throw AgentError("\(error)")
        }
    }

    /// Listens, takes over what an earlier run left, and joins the cluster.
    /// - Parameters:
    ///   - launcher: the command that a shim is started with.
    ///   - environment: the agent's own.
    /// - Throws: ``AgentError`` where an address or the state directory cannot be used.
    public func start(
        launcher: [String], environment: [String: String]
    ) throws(AgentError) {
        for warning in configuration.warnings { log(.warning, "\(warning)") }
        timer = LoopTimer(loop) { [weak self] in self?.give(.tick) }
        store.watchSlowWrites { [weak self] in self?.diskIsSlow($0) }
        try openControl()
        do {
            let shards = try ShardHost(
                loop, stateDirectory: configuration.stateDirectory, launcher: launcher,
                grace: configuration.supervision.stopGrace
            ) { [weak self] in self?.shardEvent($0, $1) }
            self.shards = shards
            logs = LogWatch(
                loop, stateDirectory: configuration.stateDirectory,
                onNews: { [weak self] in self?.logTold($0, $1) },
                onTrouble: { [weak self] in self?.noteLogs(of: $0, $1) })
            let adopted = try shards.adoptAll()
            for text in shards.unreadable { log(.warning, text) }
            unexamined = Set(adopted.map(\.shard))
            for launch in adopted where launch.isBuiltInRouter {
                give(.builtInRouter(launch.shard))
            }
        } catch {
            throw AgentError("\(error)")
        }
        let found = unexamined.isEmpty ? "" : "; shards here already: \(unexamined.count)"
        log(.info, "\(own.node) of cluster \(configuration.cluster) starts\(found)")
        if unexamined.isEmpty { try join() }
    }

    private func join() throws(AgentError) {
        do {
            var settings = TransportConfiguration(
                node: own.node, cluster: configuration.cluster,
                keys: [try ClusterKey(configuration.secret)],
                listen: Endpoint(host: own.address, port: configuration.peerPort),
                peers: endpoints(of: machine.contacts))
            settings.machine = MachineNumber.ofBoot(HostRoot(configuration.hostRoot))
            settings.startedAt = loop.wallTime
            transport = try PeerTransport(loop, settings) { [weak self] in self?.peerEvent($0) }
        } catch TransportError.system(let error) {
            throw AgentError(
                error, listeningOn: Endpoint(host: own.address, port: configuration.peerPort),
                field: "peer_port")
        } catch {
            throw AgentError("\(error)")
        }
        connect(to: machine.contacts, accepting: machine.departed)
        give(.tick)
        watchInventory()
    }

    private func endpoints(of nodes: [ConfiguredNode]) -> [NodeID: Endpoint] {
        let pairs = nodes.filter { $0.node != own.node }.map {
            ($0.node, Endpoint(host: $0.address, port: configuration.peerPort))
        }
        return Dictionary(pairs) { first, _ in first }
    }

    /// The cluster has other nodes now. Their addresses were checked when they were added.
    private func connect(to contacts: [ConfiguredNode], accepting departed: [ConfiguredNode]) {
        do throws(TransportError) {
            try transport?.setPeers(endpoints(of: contacts), accepting: endpoints(of: departed))
        } catch {
            log(.error, "cannot talk to the nodes that are agreed on: \(error)")
        }
    }

    /// Leaves the cluster and lets go of everything; the shards go on.
    public func stop(completion: @escaping () -> Void) {
        guard !isStopped else { return }
        give(.leave)
        isStopped = true
        examiner.letGo()
        inventoryTimer = nil
        for server in control { server.close() }
        control = []
        logs?.close()
        shards?.close()
        // The goodbye is under way; it needs no answer.
        timer = loop.after(.milliseconds(100)) { [self] in
            timer = nil
            transport?.close()
            transport = nil
            log(.info, "\(own.node) stops; its shards go on")
            completion()
        }
    }

    // MARK: - Steps

    /// Gives an input to the node and does what it says.
    func give(_ input: NodeInput) {
        guard !isStopped else { return }
        inbox.append(input)
        guard !isStepping else { return }
        isStepping = true
        while !inbox.isEmpty {
            let next = inbox.removeFirst()
            var actions: [NodeAction] = []
            machine.step(next, at: loop.now, wall: loop.wallTime, into: &actions)
            for action in actions { perform(action) }
        }
        isStepping = false
        if let deadline = machine.nextDeadline { timer?.arm(at: deadline) }
    }

    private func perform(_ action: NodeAction) {
        switch action {
        case .send(let frame, let node): transport?.send(frame, to: node)
        case .connect(let contacts, let departed): connect(to: contacts, accepting: departed)
        case .persist(let request):
            store.persist(request) { [weak self] in self?.persisted($0) }
        case .checkPorts(let shard, let endpoints): checkPorts(shard, endpoints)
        case .findSGLang(let shard, let spec): findSGLang(shard, spec)
        case .findRouter(let shard, let spec): findRouter(shard, spec)
        case .launch(let shard, let spec, let engine): launch(shard, spec, engine)
        case .stop(let shard, let grace): shards?.stop(shard, grace: grace)
        case .probe(let shard, let target):
            probe(target) { [weak self] in self?.give(.shard(shard, .probed($0))) }
        case .probeMaster(let group, let target):
            probe(target) { [weak self] in self?.give(.masterProbed(group, $0)) }
        case .callRouter(let shard, let http, let call):
            routers.send(call, to: http) { [weak self] in self?.give(.routerAnswered(shard, $0)) }
        case .forget(let shard):
            shards?.forget(shard)
            noteLogs(of: shard, nil)
        case .consultLogs(let shard): logs?.consult(shard)
        case .readLog(let recipient, let shard, let lastLines, let from):
            readLog(shard, lastLines: lastLines, from: from) { [weak self] in
                self?.give(.found(recipient, $0))
            }
        case .examine(let recipient, let question):
            examine(question) { [weak self] in self?.give(.found(recipient, $0)) }
        case .examineGroup(let group, let nodes, let served, let round):
            examineGroup(group, nodes, reaching: served, round: round)
        case .answer(let id, let answer): answers.removeValue(forKey: id)?(answer)
        case .log(let level, let text): log(level, text)
        case .ledger(let event, let isNews):
            for server in control { server.ledgerGrew() }
            if isNews { log(.info, event.logLine(at: loop.wallTime)) }
        }
    }

    private func persisted(_ result: Result<PersistToken, StorageError>) {
        switch result {
        case .success(let token): give(.persisted(token))
        case .failure(let error):
            // A node that cannot keep a vote must not take part; its shards need no agent.
            fail(AgentError(error))
        }
    }

    func fail(_ error: AgentError) {
        log(.error, error.description)
        stop { [onFailure] in onFailure?(error) }
    }

    // MARK: - Events

    private func peerEvent(_ event: PeerEvent) {
        switch event {
        case .opened(let node):
            refusedSince[node] = nil
            give(.streamOpened(node))
        case .frame(let bytes, let node): give(.frame(bytes, from: node))
        case .dialFailed(let node, .twin(let reason)):
            give(.streamLost(node))
            refused(asTwinBy: node, reason)
        case .closed(let node, let reason), .dialFailed(let node, let reason):
            give(reason.isAgentGone ? .agentGone(node) : .streamLost(node))
        case .log(let level, let text): log(level == .warning ? .warning : .info, text)
        }
    }

    private func shardEvent(_ shard: ShardID, _ event: ShardEvent) {
        switch event {
        case .started(let processID): runs(shard, processID, .started(processID: processID))
        case .adopted(let processID):
            if processID == nil { logUnknown(shard) }
            runs(shard, processID, .adopted(processID: processID))
        case .lingers(let processIDs): lingers(shard, processIDs)
        case .schedulers(let sighting): give(.shard(shard, .schedulers(sighting)))
        case .exited(let status, let endedAt, let logTail):
            // Why it ended stands in its log: that is read first, also of one that ended unseen.
            logs?.follow(shard, processID: nil)
            ended(shard, .exited(status, at: endedAt, logTail: logTail))
        case .stopped(let status, let endedAt): ended(shard, .stopped(status, at: endedAt))
        case .failed(let reason): ended(shard, .failed(reason))
        }
    }

    private func runs(_ shard: ShardID, _ processID: Int32?, _ input: ShardInput) {
        give(.shard(shard, input))
        logs?.follow(shard, processID: processID)
        examined(shard)
    }

    private func ended(_ shard: ShardID, _ input: ShardInput) {
        noteLingering(shard, nil)
        logs?.finish(shard) { [weak self] in
            self?.give(.shard(shard, input))
            self?.examined(shard)
        }
    }

    /// What an earlier run left is all known once its last shard is.
    private func examined(_ shard: ShardID) {
        guard unexamined.remove(shard) != nil, unexamined.isEmpty else { return }
        do throws(AgentError) { try join() } catch { fail(error) }
    }

    // MARK: - ControlSource

    public var status: ClusterStatus {
        var status = machine.status(at: loop.now, wall: loop.wallTime)
        for node in transport?.twins ?? [] {
            status.notes.append(
                "two agents run as \(node): the one that was started first is listened to; stop "
                    + "the other")
        }
        let refusing = transport?.refusing ?? []
        guard !refusing.isEmpty else { return status }
        if refusing.count == machine.contacts.count {
            status.reasons.insert(
                "every peer refuses this node's secret: copy the cluster's secret here (or mend "
                    + "`cluster`), and restart this agent", at: 0)
            status.ready = false
        } else {
            // Whatever is missing without those peers is told by itself.
            let names = refusing.map(\.name).joined(separator: ", ")
            status.notes.append(
                "this node and \(names) have different secrets (or clusters): copy the cluster's "
                    + "secret to the odd one, and restart its agent")
        }
        return status
    }

    public var state: ReplicatedState { machine.state }
    var failedGroups: [GroupName] { machine.failedGroups }
    func shardsOfPlan(sglang: Version? = nil) -> [ShardOfPlan] {
        machine.shardsOfPlan(sglang: sglang)
    }
    var members: [NodeID] { machine.members.map(\.node) }

    /// By how much the clock of a node is ahead of this one's, as membership has seen it.
    public func clockAhead(of node: NodeID) -> Duration? {
        node == own.node ? .zero : machine.clockAhead(of: node, at: loop.now)
    }

    public var planNotes: [String] { machine.planNotes }
    public var planExplanation: PlanExplanation? { machine.planExplanation }

    public func operate(
        _ request: OperatorRequest, completion: @escaping (PeerAnswer) -> Void
    ) {
        guard !isStopped else {
            completion(.refused(.unavailable, "this agent stops"))
            return
        }
        lastRequest += 1
        answers[RequestID(lastRequest)] = completion
        give(.operate(RequestID(lastRequest), request))
    }
}

@available(*, unavailable) extension Agent: Sendable {}

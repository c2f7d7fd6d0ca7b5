// One node examined for the doctor: what it is, what is planned on it, and whether it reaches the others.
// It looks and dials, and changes nothing; the ports that it listens on are given back before anything
// is launched.

public import Ascend
import Base
import ClusterState
public import Doctor
import Engines
public import EventLoop
public import Host
import Node
import Planning
import WireProtocol

/// Examines this node.
public final class NodeExaminer {
    let loop: Loop
    private let collector: InventoryCollector
    private let environment: [String: String]
    private let ports: PortCheck
    private let queue: FileQueue
    private let speed: SpeedTest
    private let sources: [String]
    private let python: String
    /// What was told last of this node.
    private var digest: InventoryDigest?
    private var inventory: (found: NodeInventory, at: Instant)?
    private var waiting: [(NodeInventory) -> Void] = []
    private var idle = IdleMemory()
    private let listeners: PlannedListeners
    private var dials: [ObjectIdentifier: StreamConnection] = [:]

    /// Two doctors within this time are told the same.
    private static let maxAge = Duration.seconds(10)
    /// The others dial once the slowest node has told what it is, and that takes as long as it may.
    static let listenLimit = NodeConfiguration.standardExaminationTimeout + .seconds(30)
    private static let dialLimit = Duration.seconds(3)
    /// No ping begins later.
    private static let pingLimit = Duration.seconds(25)

    /// - Parameters:
    ///   - loop: where everything happens.
    ///   - root: the node.
    ///   - environment: of this process, which engines inherit where nothing is sourced.
    ///   - sources: the scripts that engines' environments come from.
    ///   - python: the interpreter that engines run in.
    public init(
        _ loop: Loop, root: HostRoot, environment: [String: String],
        sources: [String] = AscendEnvironment.standardScripts, python: String = "python3"
    ) {
        self.loop = loop
        self.environment = environment
        self.sources = sources
        self.python = python
        collector = InventoryCollector(loop, root: root, environment: environment)
        ports = PortCheck(loop)
        queue = FileQueue(loop)
        speed = SpeedTest(loop)
        listeners = PlannedListeners(loop, limit: Self.listenLimit)
    }

    /// What an agent adds to what the host tells.
    struct Own {
        let node: ConfiguredNode
        let interface: String
        let stateDirectory: String
        let engine: EngineKind
        let shards: [ShardOfPlan]
        let untuned: [UntunedSetting]?
    }

    /// Examines the host alone.
    /// - Parameters:
    ///   - weights: the directory of the weights; nil leaves them out.
    ///   - completion: told once, after this call has returned.
    public func examine(weights: String?, completion: @escaping (NodeExamination) -> Void) {
        takeInventory(weights) { [self] inventory in
            completion(
                NodeExamination(
                    inventory: inventory, address: nil, interface: nil,
                    environment: inherited, shards: [], ports: [], ownProcesses: []))
        }
    }

    /// Examines the node of an agent, and listens on the planned ports that are free. Before a launch nothing
    /// is told from an earlier visit but what only a boot changes.
    func examine(
        _ own: Own, weights: String, isBeforeLaunch: Bool = false,
        completion: @escaping (NodeExamination) -> Void
    ) {
        let take = isBeforeLaunch ? takeFreshInventory : takeInventory
        take(weights) { [self] inventory in
            idle.learn(from: inventory)
            findOwnProcesses(own.stateDirectory) { [self] found in
                lookAtPorts(own, inventory) { [self] ports in
                    completion(
                        NodeExamination(
                            inventory: inventory, address: own.node.address,
                            interface: own.interface, environment: inherited,
                            shards: own.shards.map { PlannedShard($0) }, ports: ports,
                            ownProcesses: found.processes,
                            abandoned: found.abandoned.map {
                                AbandonedShard(
                                    shard: $0.shard, processes: $0.processes, command: $0.command)
                            }, untuned: own.untuned, idle: idle,
                            engine: ExaminedEngine(own.engine)))
                }
            }
        }
    }

    /// Keeps a processor busy for about a second.
    public func measureSpeed(completion: @escaping (Fact<SpeedMeasure>) -> Void) {
        speed.run(completion: completion)
    }

    private func takeFreshInventory(
        _ weights: String?, completion: @escaping (NodeInventory) -> Void
    ) {
        collector.collect(request(weights, .launch), completion: completion)
    }

    private func request(
        _ weights: String?, _ scope: InventoryRequest.Scope
    ) -> InventoryRequest {
        InventoryRequest(
            weights: weights, python: python, sources: sources,
            maxAge: scope == .whole ? Self.maxAge : .zero, scope: scope)
    }

    private func takeInventory(
        _ weights: String?, completion: @escaping (NodeInventory) -> Void
    ) {
        if let inventory, loop.now - inventory.at <= Self.maxAge {
            return loop.soon { completion(inventory.found) }
        }
        waiting.append(completion)
        guard waiting.count == 1 else { return }
        collector.collect(request(weights, .whole)) { [self] in
            inventory = ($0, loop.now)
            let told = waiting
            waiting = []
            for completion in told { completion($0) }
        }
    }

    private func findOwnProcesses(
        _ directory: String, completion: @escaping (OwnProcesses) -> Void
    ) {
        queue.run(
            { () throws(UVError) in OwnProcesses.find(stateDirectory: directory) },
            completion: { completion((try? $0.get()) ?? OwnProcesses()) })
    }

    /// What engines begin with, as far as the doctor judges it.
    private var inherited: [Variable] {
        let families = ["HCCL_", "ASCEND_", "GLOO_", "TP_", "SGLANG_", "PYTORCH_", "PYTHORCH_"]
        let agents = environment.sorted { $0.key < $1.key }.map { Variable($0.key, $0.value) }
        return (engines.current?.value?.variables ?? agents).filter { variable in
            families.contains { variable.name.hasPrefix($0) }
                || variable.name.lowercased().hasSuffix("_proxy")
        }
    }

    // MARK: - The digest

    /// What engines are started from.
    var engines: AscendEnvironment { collector.engines }

    /// Makes an inventory, with what everybody may know of it.
    func takeDigest(weights: String, completion: @escaping (NodeInventory) -> Void) {
        takeInventory(weights) { [self] inventory in
            digest = inventory.digest
            completion(inventory)
        }
    }

    /// Looks at the dies and the kernel alone, once there is a digest; tells whether it is another.
    func updateDigest(completion: @escaping (InventoryDigest, Bool) -> Void) {
        var request = InventoryRequest()
        request.scope = .dies
        collector.collect(request) { [self] inventory in
            let before = digest
            digest = digest?.updated(by: inventory)
            if let digest { completion(digest, digest != before) }
        }
    }

    // MARK: - Ports

    /// A port of a shard that has begun is not bound, not even for a moment: the engine wants it. One of a shard
    /// that waits for its ports is bound for a moment, as the shard itself does again and again, and no longer.
    private func lookAtPorts(
        _ own: Own, _ inventory: NodeInventory, completion: @escaping ([PlannedPort]) -> Void
    ) {
        func endpoints(_ stage: ShardOfPlan.Stage) -> [Endpoint] {
            own.shards.filter { $0.stage == stage }.flatMap(\.endpoints)
        }
        let (begun, planned) = (endpoints(.begun), endpoints(.planned))
        let asked = endpoints(.waitsForPorts) + planned.filter { !listeners.isOpen($0) }
        ports.conflicts(asked) { [self] conflicts in
            let taken = conflicts.map { PlannedPort($0.endpoint, .taken, reason: $0.reason) }
            let refused = Set(taken.map(\.endpoint))
            let open = planned.filter { !refused.contains($0) }.map { listeners.listen(on: $0) }
            let found = taken + open + searchedPorts(own, inventory)
            dialAll(begun, from: own.node.address) { failures in
                let open = begun.filter { failures[$0] == nil }.map { PlannedPort($0, .own) }
                completion(open + found)
            }
        }
    }

    /// One port for each range that the shards which are not launched search.
    private func searchedPorts(_ own: Own, _ inventory: NodeInventory) -> [PlannedPort] {
        let planned = own.shards.filter { $0.stage == .planned && $0.spec.role.isEngine }
        let ranges = planned.flatMap(\.searchedPorts).uniqued
        let found = ranges.compactMap { listeners.listen(within: $0, at: own.node.address) }
        guard !planned.isEmpty, let range = inventory.kernel.ephemeralPorts.value else {
            return found
        }
        let ephemeral = SearchedPorts(range, by: "what listens where the system chooses")
        let chosen = listeners.listen(within: ephemeral, at: own.node.address, isEphemeral: true)
        return found + [chosen].compactMap { $0 }
    }

    /// Gives these ports back, at once.
    func letGo(of endpoints: [Endpoint]) { listeners.letGo(of: endpoints) }

    /// Gives every port back, at once.
    func letGo() { listeners.letGo() }

    // MARK: - Reaching others

    /// Dials and pings.
    func reach(
        _ targets: [DialTarget], _ pings: [PingTarget], from own: ConfiguredNode,
        completion: @escaping ([Dial], [FabricProbe]) -> Void
    ) {
        var probes: [FabricProbe]?
        var dialled: [Dial]?
        let finish = {
            guard let dialled, let probes else { return }
            completion(dialled, probes.sorted { $0.die < $1.die })
        }
        ping(pings[...], from: own, until: loop.now + Self.pingLimit) {
            probes = $0
            finish()
        }
        dialAll(targets.map(\.endpoint), from: own.address) { failures in
            dialled = targets.map { target in
                Dial(
                    from: own.node, to: target.node, endpoint: target.endpoint,
                    failure: failures[target.endpoint])
            }
            finish()
        }
    }

    /// As many as go at once, and then the next: what there is no time for is not pinged, since an answer that
    /// comes too late tells nothing at all.
    private func ping(
        _ targets: ArraySlice<PingTarget>, from own: ConfiguredNode, until deadline: Instant,
        completion: @escaping ([FabricProbe]) -> Void
    ) {
        let batch = targets.prefix(FabricTool.width)
        guard !batch.isEmpty, loop.now < deadline else { return loop.soon { completion([]) } }
        var probes: [FabricProbe] = []
        for target in batch {
            collector.fabric.ping(from: DieID(target.die), to: target.address) { [self] fact in
                probes.append(FabricProbe(from: own.node, target, fact))
                guard probes.count == batch.count else { return }
                ping(targets.dropFirst(batch.count), from: own, until: deadline) {
                    completion(probes + $0)
                }
            }
        }
    }

    /// Dials each; the completion is given why those failed that did, after this call has returned.
    private func dialAll(
        _ endpoints: [Endpoint], from address: String,
        completion: @escaping ([Endpoint: String]) -> Void
    ) {
        var failures: [Endpoint: String] = [:]
        var missing = Set(endpoints)
        guard !missing.isEmpty else { return loop.soon { completion([:]) } }
        for endpoint in missing {
            dial(endpoint, from: address) { failure in
                failures[endpoint] = failure
                missing.remove(endpoint)
                if missing.isEmpty { completion(failures) }
            }
        }
    }

    private func dial(
        _ endpoint: Endpoint, from address: String, completion: @escaping (String?) -> Void
    ) {
        do throws(UVError) {
            var key: ObjectIdentifier?
            var isTold = false
            let tell = { [weak self] (failure: String?) in
                guard !isTold else { return }
                isTold = true
                if let key { self?.dials.removeValue(forKey: key)?.close() }
                completion(failure)
            }
            let connection = try StreamConnection.connect(
                loop, to: .tcp(endpoint), from: address, within: Self.dialLimit
            ) { event in
                switch event {
                case .opened: tell(nil)
                case .closed(let reason): tell("\(reason)")
                case .received, .peerFinished, .drained: break
                }
            }
            key = ObjectIdentifier(connection)
            dials[ObjectIdentifier(connection)] = connection
        } catch {
            loop.soon { completion(error.description) }
        }
    }
}

@available(*, unavailable) extension NodeExaminer: Sendable {}

extension PlannedShard {
    fileprivate init(_ shard: ShardOfPlan) {
        self.init(
            name: shard.name, role: shard.spec.role,
            environment: shard.spec.environment.map { Variable($0.name, $0.value) },
            unset: shard.spec.removed, endpoints: shard.endpoints,
            reservedPorts: shard.reservedPorts)
    }
}

extension ExaminedEngine {
    fileprivate init(_ kind: EngineKind) {
        switch kind {
        case .sglang: self = .sglang
        case .rehearsal: self = .rehearsal
        case .command: self = .command
        }
    }
}

extension FabricProbe {
    fileprivate init(from node: NodeID, _ target: PingTarget, _ fact: Fact<FabricPing>) {
        let text = fact.value.map { ping in
            let planes = ping.planeResults.filter { $0 != 0 }
            let plane = planes.isEmpty ? "" : ", over a bad L1 plane (\(planes[0]))"
            return "\(ping.received) of \(ping.sent) packets came back\(plane)"
        }
        self.init(
            from: node, die: DieID(target.die), to: target.node, address: target.address,
            isSound: fact.map(\.isSound), text: text ?? "")
    }
}

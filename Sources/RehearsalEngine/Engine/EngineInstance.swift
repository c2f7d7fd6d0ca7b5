// One engine process, from its arguments to its end. It plays what an agent can see of SGLang:
// what is bound when, what waits for whom, what is logged, what answers, and how it dies.
//
//     starting → meeting → loading → registering → (all ranks loaded) → warming up → ready → draining
//
// Node rank 0 serves; the others compute, and answer health checks with 200 whatever happens.

import Base
public import EventLoop
import Glibc
import HTTP

/// A running engine. It lives on a loop beside others, so that a test can hold a whole deployment.
public final class EngineInstance {
    /// How an engine wants its process to end.
    public enum Exit: Hashable, Sendable {
        case code(Int32)
        /// By SIGKILL from its own hand: SGLang's normal way out.
        case killed
        /// By the default effect of a signal that it does not handle (yet).
        case signalled(Int32)
    }

    let loop: Loop
    let arguments: EngineArguments
    let settings: EngineSettings
    let log: EngineLog
    private let spawn: ([String]) -> Void
    private let startSchedulers: ([String]) -> Void
    private var onExit: ((Exit) -> Void)?

    private var ports: PortClaims?
    private var meeting: WorldMeeting?
    private var fabric: ForwardFabric?
    private var inference: Inference?
    private var store: TransferStore?
    private var registration: TransferRegistration?
    private var bootstrap: BootstrapServer?
    private var bootstrapClient: HTTPClient?
    private var service: GenerationService?
    private var surface: EngineSurface?
    private var dummy: DummyHealthServer?
    private var loadTimer: LoopTimer?
    private var stepTimer: LoopTimer?
    private var crashTimer: LoopTimer?
    private var peerLossTimer: LoopTimer?
    private var loadStart = Instant.zero
    private var loadedRanks: Set<Int> = []
    private var isHangingInLoad = false
    private var isWedged = false

    /// - Parameters:
    ///   - loop: where it lives.
    ///   - argv: the words after `sglang.launch_server`.
    ///   - environment: the process environment.
    ///   - output: takes each line of its log.
    ///   - spawn: starts this program again with other words, in a session of its own.
    ///   - startSchedulers: starts a process of each title, which dies with this one.
    ///   - exit: called once, when the process should end.
    /// - Throws: ``ArgumentError`` with SGLang's exit code.
    public init(
        _ loop: Loop, argv: [String], environment: [String: String],
        output: @escaping (String) -> Void, spawn: @escaping ([String]) -> Void = { _ in },
        startSchedulers: @escaping ([String]) -> Void = { _ in },
        exit: @escaping (Exit) -> Void
    ) throws(ArgumentError) {
        self.loop = loop
        arguments = try EngineArguments(parsing: argv)
        settings = try EngineSettings(environment)
        let speaker = "\(arguments.role.rawValue)-node\(arguments.nodeRank)"
        log = EngineLog(loop, speaker: speaker, output: output)
        self.spawn = spawn
        self.startSchedulers = startSchedulers
        onExit = exit
    }

    // MARK: - Life

    /// Begins. Everything else follows on the loop.
    public func start() {
        log(
            "rehearsal engine in place of SGLang: node rank \(arguments.nodeRank) of \(arguments.nodeCount)"
        )
        for targeted in settings.faults where targeted.applies(to: arguments) {
            guard takeFault(targeted.fault, isStarting: true) else { return }
        }
        if let objection = HostChecks.objection(settings, arguments, on: loop) {
            return die("HCCL: \(objection)")
        }
        if arguments.role == .prefill, arguments.nodeRank == 0 { openBootstrap() }
        let ports = PortClaims(loop, arguments, within: settings.portTimeout) {
            [weak self] objection in
            guard let self else { return }
            if let objection { return die("ValueError: \(objection)", .code(1)) }
            meet()
        }
        self.ports = ports
        ports.start()
    }

    /// What SIGTERM does: rank 0 answers what it has begun and ends; before it is ready, and on the
    /// other ranks, the signal's default effect ends it at once.
    public func terminate() {
        guard let surface, surface.state != .warmingUp else { return end(.signalled(SIGTERM)) }
        guard surface.state == .ready else { return }
        log("Gracefully exiting... remaining requests: \(service?.openCount ?? 0)")
        surface.state = .draining
        service?.onAnswered = { [weak self] in self?.endWhenDrained() }
        endWhenDrained()
    }

    /// Lets go of everything at once, as the kernel does after SIGKILL. Nothing is told any more.
    public func stop() {
        onExit = nil
        (loadTimer, stepTimer, crashTimer, peerLossTimer) = (nil, nil, nil, nil)
        ports?.close()
        meeting?.close()
        fabric?.close()
        store?.close()
        registration?.close()
        bootstrap?.close()
        bootstrapClient?.close()
        service?.close()
        surface?.close()
        dummy?.close()
    }

    private func endWhenDrained() {
        guard service?.openCount == 0 else { return }
        // The last answer is still on its way out.
        stepTimer = loop.after(.milliseconds(50)) { [weak self] in
            self?.log("Gracefully exited.")
            self?.end(.killed)
        }
    }

    private func end(_ exit: Exit) {
        let action = onExit
        stop()
        action?(exit)
    }

    private func die(_ reason: String, _ exit: Exit = .killed) {
        log("ERROR \(reason)")
        end(exit)
    }

    /// A die without its scheduler computes nothing any more. SGLang 0.5.12 sees that on rank 0 alone,
    /// and only where no DP controller stands between; elsewhere the main process goes on for ever.
    func schedulerEnded(_ title: String) {
        isWedged = true
        fabric?.isWedged = true
        guard arguments.nodeRank == 0, !arguments.usesDataParallelAttention, crashTimer == nil
        else { return }
        crashTimer = loop.after(.seconds(1)) { [weak self] in
            self?.die("Subprocess \(title) died; SIGQUIT to this process")
        }
    }

    // MARK: - Faults

    /// - Returns: at the start whether to go on; later whether the fault still makes sense.
    private func takeFault(_ fault: Fault, isStarting: Bool = false) -> Bool {
        switch fault {
        case .crashAtStart:
            guard isStarting else { return false }
            die("RuntimeError: told to crash at start", .code(1))
            return false
        case .crashAfter(let delay):
            crashTimer = loop.after(delay) { [weak self] in self?.die("told to crash") }
        case .hangInLoad:
            isHangingInLoad = true
            return isStarting
        case .wedge:
            isWedged = true
            fabric?.isWedged = true
            log("told to wedge: alive, but no forward pass completes")
        case .leakChild: spawn(["leaked-child"])
        case .holdPort: spawn(["port-holder", arguments.host, String(arguments.port)])
        }
        return true
    }

    // MARK: - Meeting

    private func openBootstrap() {
        let bootstrap = BootstrapServer(arguments, log: log)
        self.bootstrap = bootstrap
        bootstrap.start(loop)
        guard arguments.usesTransferStore, let url = settings.storeURL,
            let endpoint = Endpoint(url: url, scheme: "tcp")
        else { return }
        // Every prefill tries; only the one whose address it is can bind it. On loopback any
        // process could, so that is asked first.
        guard endpoint.host == settings.hostAddress ?? arguments.host else {
            return log("transfer store \(endpoint) is not on this node")
        }
        do throws(UVError) {
            store = try TransferStore(loop, on: endpoint)
            log("transfer store listens on \(endpoint)")
        } catch {
            log("the transfer store cannot listen, ignored: \(error)")
        }
    }

    private func meet() {
        startSchedulers(arguments.schedulerTitles)
        do throws(ArgumentError) {
            let meeting = try WorldMeeting(
                loop, arguments: arguments, ownAddress: ownAddress, log: log
            ) { [weak self] outcome in
                switch outcome {
                case .formed(let members): self?.formed(members)
                case .failed(let reason):
                    self?.die("torch.distributed.DistStoreError: \(reason)")
                }
            }
            self.meeting = meeting
            meeting.start()
        } catch {
            die(error.description, .code(error.exitCode))
        }
    }

    /// The address that this node gives the others. A loopback `--host` says nothing to a world
    /// that meets elsewhere.
    private var ownAddress: String? {
        if let address = settings.hostAddress { return address }
        let isWildcard = ["0.0.0.0", "::"].contains(arguments.host)
        let meetsElsewhere = arguments.distInit.map { !$0.host.hasPrefix("127.") } ?? false
        let isHidden = arguments.host.hasPrefix("127.") && meetsElsewhere
        return isWildcard || isHidden ? nil : arguments.host
    }

    private func formed(_ members: WorldMembers) {
        let fabric = ForwardFabric(members)
        self.fabric = fabric
        fabric.isWedged = isWedged
        fabric.onControl = { [weak self] document, rank in self?.hear(document, from: rank) }
        fabric.onMisplaced = { [weak self] in self?.die("RuntimeError: \($0)") }
        fabric.onPeerLost = { [weak self] rank, reason in self?.lostPeer(rank, reason) }
        inference = Inference(loop, fabric, tokenInterval: settings.tokenInterval)
        let shape = fabric.node.shape
        log("world formed: \(shape.sizes), nodes \(shape.nodes.joined(separator: " "))")
        load()
    }

    /// The schedulers of a real engine raise, write a traceback and signal their parent before it
    /// kills the tree, so it outlives its peer by a moment that a supervisor can tell from none.
    private func lostPeer(_ rank: Int, _ reason: String) {
        log("ERROR HCCL: lost node rank \(rank) (\(reason)); no rank can go on without it")
        fabric?.isWedged = true
        guard settings.peerLoss == .exit, peerLossTimer == nil else { return }
        peerLossTimer = loop.after(settings.peerLossTime) { [weak self] in
            self?.die(
                "Received sigquit from a child process. It usually means the child failed.")
        }
    }

    // MARK: - Loading

    /// Files of weights that the load pretends to read.
    private static let weightFiles = 40

    private func load() {
        log("Load weight begin. avail mem=60.90 GB")
        loadStart = loop.now
        tellFiles(0)
        guard !isHangingInLoad else { return log("told to hang in load") }
        let pace = max(settings.loadTime / Self.weightFiles, .milliseconds(50))
        loadTimer = loop.every(pace) { [weak self] in
            guard let self, settings.loadTime > .zero else { return }
            let share = (loop.now - loadStart).inSeconds / settings.loadTime.inSeconds
            tellFiles(min(Self.weightFiles, Int(share * Double(Self.weightFiles))))
        }
        stepTimer = loop.after(settings.loadTime) { [weak self] in
            guard let self else { return }
            loadTimer = nil
            tellFiles(Self.weightFiles)
            log("Load weight end. type=ToyModel, avail mem=14.20 GB, mem usage=46.70 GB.")
            log("KV Cache is allocated. #tokens: 64, KV size: 0.01 GB")
            register()
        }
    }

    /// A progress bar in SGLang's form.
    private func tellFiles(_ done: Int) {
        let percent = String(done * 100 / Self.weightFiles)
        let padding = String(repeating: " ", count: 3 - percent.count)
        let elapsed = (loop.now - loadStart).wholeSeconds
        log.raw(
            "Loading safetensors checkpoint shards: \(padding)\(percent)% Completed | "
                + "\(done)/\(Self.weightFiles) [\(elapsed)]")
    }

    private func register() {
        guard arguments.usesTransferStore else { return registered() }
        guard let url = settings.storeURL, let endpoint = Endpoint(url: url, scheme: "tcp") else {
            return die(
                "Ascend Transfer Engine initialization failed. ASCEND_MF_STORE_URL is "
                    + "'\(settings.storeURL ?? "")', not tcp://host:port")
        }
        let name = "\(arguments.role.rawValue) \(arguments.host) \(arguments.nodeRank)"
        let registration = TransferRegistration(
            loop, at: endpoint, name: name, attempts: settings.storeAttempts, log: log
        ) { [weak self] isRegistered in
            guard let self else { return }
            guard isRegistered else {
                return die(
                    "RuntimeError: Ascend Transfer Engine initialization failed. "
                        + "Nobody answers at \(url)")
            }
            registered()
        }
        self.registration = registration
        registration.start()
    }

    private func registered() {
        if arguments.role == .prefill { registerAtBootstrap(attemptsLeft: 5) }
        loaded()
    }

    /// As SGLang does: five tries, and the last failure is only logged.
    private func registerAtBootstrap(attemptsLeft: Int) {
        let host = arguments.distInit?.host ?? arguments.host
        let endpoint = Endpoint(host: host, port: arguments.bootstrapPort)
        let devices = arguments.tensorParallel * arguments.pipelineParallel / arguments.nodeCount
        do throws(UVError) {
            let client = if let bootstrapClient { bootstrapClient } else { try HTTPClient(loop) }
            bootstrapClient = client
            let request = HTTPClientRequest.json(
                .put, "http://\(endpoint)/route",
                ["node_rank": JSONValue(arguments.nodeRank), "devices": JSONValue(devices)],
                timeout: .seconds(5))
            client.send(request) { [weak self] result in
                if case .success(let response) = result, response.status.isSuccess { return }
                self?.bootstrapRefused(endpoint, attemptsLeft: attemptsLeft - 1)
            }
        } catch {
            log("ERROR cannot register at the bootstrap server: \(error)")
        }
    }

    private func bootstrapRefused(_ endpoint: Endpoint, attemptsLeft: Int) {
        guard attemptsLeft > 0 else {
            return log("ERROR Prefill instance failed to register to bootstrap server \(endpoint)")
        }
        loadTimer = loop.after(.seconds(1)) { [weak self] in
            self?.registerAtBootstrap(attemptsLeft: attemptsLeft)
        }
    }

    private func hear(_ document: JSONValue, from rank: Int) {
        guard document["type"]?.stringValue == "loaded" else { return }
        log("node rank \(rank) has loaded")
        loadedRanks.insert(rank)
        serveWhenAllLoaded()
    }

    private func loaded() {
        guard arguments.nodeRank == 0 else {
            fabric?.tell(0, ["type": "loaded"])
            return openDummy()
        }
        loadedRanks.insert(0)
        serveWhenAllLoaded()
    }

    // MARK: - Serving

    private func openDummy() {
        do throws(UVError) {
            dummy = try DummyHealthServer(
                loop, on: Endpoint(host: arguments.host, port: arguments.port)
            ) { [weak self] in self?.takeFault($0) ?? false }
            log("dummy health check server scheduled on \(arguments.host):\(arguments.port)")
        } catch {
            die("ERROR: [Errno 98] \(error)")
        }
    }

    private func serveWhenAllLoaded() {
        guard loadedRanks.count == arguments.nodeCount, let inference else { return }
        do throws(UVError) {
            let service = try GenerationService(
                loop, arguments: arguments, settings: settings, inference: inference,
                bootstrap: bootstrap, registration: registration)
            let surface = EngineSurface(service, arguments, settings) { [weak self] in
                self?.takeFault($0) ?? false
            }
            try surface.listen(loop)
            self.service = service
            self.surface = surface
            log("Uvicorn running on http://\(arguments.host):\(arguments.port)")
            stepTimer = loop.after(settings.warmupTime) { [weak self] in self?.warmUp() }
        } catch {
            die("ERROR: [Errno 98] \(error)", .code(1))
        }
    }

    private func warmUp() {
        inference?.probe(within: .seconds(600)) { [weak self] isHealthy in
            guard let self else { return }
            guard isHealthy else { return die("Initialization failed. warmup error") }
            surface?.state = .ready
            log("The server is fired up and ready to roll!")
        }
    }
}

@available(*, unavailable) extension EngineInstance: Sendable {}

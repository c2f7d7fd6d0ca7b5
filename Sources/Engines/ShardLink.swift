// The agent's side of one shard: from its files to its socket to its end. The socket only makes
// things quick; what counts is in the files, and a link that lost its shim looks there.
//
//     launch ─▶ write launch.json ─▶ start the shim ─┐
//     adopt ─────────────────────────────────────────┴▶ examine ◀─┐ not ended: again in a while
//                                                         │       │
//                                              shim alive ▼       │
//                                                      connect ───┘ closed

import Base
import EventLoop
import Glibc
import Host
import Planning
import Supervision

/// Follows one shard until its end.
final class ShardLink {
    private static let retry = Backoff(initial: .milliseconds(20), limit: .milliseconds(500))
    /// How long a started shim may take to claim its launch.
    private static let claimLimit = Duration.seconds(30)

    let launch: ShardLaunch
    let directory: ShardDirectory
    private let loop: Loop
    /// All work on files and the process table of all links, so that two looks never overlap.
    private let queue: FileQueue
    private let isAdopted: Bool
    /// How long a shim may leave a stop without an answer.
    private let acknowledgeLimit: Duration
    private let lingerLimit: Duration
    private let onEvent: (ShardEvent) -> Void
    private var connection: StreamConnection?
    private var lines = LineBuffer(limitBytes: ShimServer.lineLimitBytes)
    private var retryTimer: LoopTimer?
    private var acknowledgeTimer: LoopTimer?
    /// Until it is told that a look finds no end.
    private var lingerTimer: LoopTimer?
    /// What was left of an orphan at the last look.
    private var leftovers: [Int32] = []
    private var attempts = 0
    private var jitter = SeededGenerator(seed: 0)
    private var shim: ChildProcess?
    private var claimDeadline: Instant?
    private var wantedGrace: Duration?
    private var lastStatus: ShimStatus?
    private var hasToldStart = false
    private var hasToldLingering = false
    private var schedulers: SchedulerWatch?
    private(set) var hasEnded = false

    init(
        _ loop: Loop, queue: FileQueue, launch: ShardLaunch, isAdopted: Bool,
        acknowledgeLimit: Duration, lingerLimit: Duration,
        onEvent: @escaping (ShardEvent) -> Void
    ) {
        self.loop = loop
        self.queue = queue
        self.launch = launch
        self.isAdopted = isAdopted
        self.acknowledgeLimit = acknowledgeLimit
        self.lingerLimit = lingerLimit
        self.onEvent = onEvent
        directory = ShardDirectory(state: launch.stateDirectory, shard: launch.shard)
        retryTimer = LoopTimer(loop) { [weak self] in self?.examine() }
        acknowledgeTimer = LoopTimer(loop) { [weak self] in self?.stopWasNotAcknowledged() }
        lingerTimer = LoopTimer(loop) { [weak self] in self?.lingers() }
        if isAdopted { lingerTimer?.arm(after: lingerLimit) }
    }

    // MARK: - Starting

    /// Writes the launch down and starts its shim.
    func start() {
        queue.run(
            { [launch, directory] () throws(UVError) in
                try Files.makeDirectories(directory.path, permissions: 0o700)
                guard !Files.exists(directory.launchFile) else {
                    throw UVError(
                        errno: EEXIST, operation: "launch into", subject: directory.path)
                }
                try launch.write(to: directory)
            },
            completion: { [weak self] in self?.written($0) })
    }

    private func written(_ result: Result<Void, UVError>) {
        do throws(UVError) {
            try result.get()
            try startShim()
            claimDeadline = loop.now + Self.claimLimit
            tryAgain()
        } catch {
            end(.failed("the shim of \(launch.shard) could not be started: \(error)"))
        }
    }

    private func startShim() throws(UVError) {
        let words = try OpenFile(directory.shimLogFile, .append, permissions: 0o600)
        let specification = ChildSpecification(
            executable: launch.launcher[0],
            arguments: launch.launcher.dropFirst() + ["shim", directory.path],
            descriptors: [.null, .inherit(words.descriptor), .inherit(words.descriptor)],
            isDetached: true)
        shim = try ChildProcess(loop, specification) { [weak self] _ in
            self?.retryTimer?.arm(after: .zero)
        }
    }

    // MARK: - Looking

    /// Looks at what the directory and the process table say.
    func examine() {
        guard !hasEnded, connection == nil else { return }
        queue.run(
            { [launch, directory] in
                ShardExamination(
                    directory, shard: launch.shard, stateDirectory: launch.stateDirectory)
            },
            completion: { [weak self] in
                if case .success(let examination) = $0 { self?.examined(examination) }
            })
    }

    private func examined(_ examination: ShardExamination) {
        guard !hasEnded else { return }
        switch examination {
        case .alive(let shim, let engine):
            // At once and whatever the shim is at, even if it hangs: an agent may wait for this
            // before it does anything.
            leftovers = []
            lingerTimer?.cancel()
            if isAdopted { tellStart((engine ?? shim).processID) }
            connect()
        case .ended(let status, let logTail):
            end(status, wasStopped: status.isStopRequested, logTail: logTail)
        case .unclaimed: unclaimed()
        case .orphaned(let killed, _, _) where !killed.isEmpty:
            if leftovers.isEmpty, !hasToldLingering, lingerTimer?.isArmed == false {
                lingerTimer?.arm(after: lingerLimit)
            }
            leftovers = killed
            tryAgain()
        case .orphaned(_, let stopRequested, let logTail):
            // A full disk may have kept the last status out of its file, but not from us.
            let status = lastStatus?.phase == .ended ? lastStatus : nil
            end(status, wasStopped: stopRequested || wantedGrace != nil, logTail: logTail)
        }
    }

    private func unclaimed() {
        if let shim, shim.exit == nil, let claimDeadline, loop.now < claimDeadline {
            return tryAgain()
        }
        let wasAdopted = isAdopted
        queue.run(
            { [directory] () throws(UVError) in
                try ShimClaim.abandoned.make(in: directory)
                let words = (try? Files.read(directory.shimLogFile, limitBytes: 1 << 16)) ?? []
                return String(decoding: words, as: UTF8.self)
            },
            completion: { [weak self] in
                switch $0 {
                // A shim was quicker; see how it does.
                case .failure: self?.tryAgain()
                case .success where wasAdopted:
                    self?.end(nil, wasStopped: false, logTail: [])
                case .success(let words):
                    self?.end(.failed("the shim did not start: \(words)"))
                }
            })
    }

    /// Whoever waits must not wait for ever: a process in the kernel may never end, and a look at it, or at a
    /// disk, may hang as well. The shard is not over all the same: what is left holds dies and ports.
    private func lingers() {
        guard !hasEnded, connection == nil else { return }
        if isAdopted || !leftovers.isEmpty { tellStart(leftovers.first) }
        guard !leftovers.isEmpty else { return }
        hasToldLingering = true
        onEvent(.lingers(processIDs: leftovers))
    }

    private func tryAgain() {
        attempts += 1
        retryTimer?.arm(after: Self.retry.delay(attempt: attempts, using: &jitter))
    }

    // MARK: - The line to the shim

    private func connect() {
        lines = LineBuffer(limitBytes: ShimServer.lineLimitBytes)
        do throws(UVError) {
            connection = try StreamConnection.connect(
                loop, to: .unix(directory.socketFile), within: .seconds(5)
            ) { [weak self] in self?.happened($0) }
        } catch {
            tryAgain()
        }
    }

    private func happened(_ event: StreamEvent) {
        switch event {
        case .opened:
            attempts = 0
            sendStop()
        case .received(let bytes):
            for line in lines.append(bytes) {
                let document = try? JSONValue(parsing: line)
                if let status = document.flatMap(ShimStatus.init(json:)) { told(status) }
            }
        case .closed:
            connection = nil
            tryAgain()
        case .peerFinished, .drained: break
        }
    }

    private func told(_ status: ShimStatus) {
        lastStatus = status
        if isEnding { acknowledgeTimer?.cancel() }
        guard status.phase == .running, let engine = status.engine else {
            return stopWatching()
        }
        tellStart(engine.processID)
        watchSchedulers(of: engine)
    }

    private func watchSchedulers(of engine: ProcessIdentity) {
        guard schedulers == nil, wantedGrace == nil, let layout = launch.spec.schedulers else {
            return
        }
        schedulers = SchedulerWatch(
            loop, queue: queue, directory: directory, engine: engine, layout: layout
        ) { [weak self] in self?.onEvent(.schedulers($0)) }
    }

    private func stopWatching() {
        schedulers?.close()
        schedulers = nil
    }

    private func tellStart(_ processID: Int32?) {
        guard !hasToldStart else { return }
        hasToldStart = true
        if isAdopted {
            onEvent(.adopted(processID: processID))
        } else if let processID {
            onEvent(.started(processID: processID))
        }
    }

    private var isEnding: Bool { lastStatus?.phase == .ending || lastStatus?.phase == .ended }

    // MARK: - Ending

    func stop(grace: Duration) {
        wantedGrace = min(grace, wantedGrace ?? grace)
        stopWatching()
        sendStop()
        if !isEnding, acknowledgeTimer?.isArmed == false {
            acknowledgeTimer?.arm(after: acknowledgeLimit)
        }
    }

    private func sendStop() {
        guard let wantedGrace, let connection else { return }
        let line = Array((ShimRequest.stop(grace: wantedGrace).json.compact + "\n").utf8)
        // What is not taken now is sent again with the next connection.
        _ = connection.write(line)
    }

    /// The shim hangs. Its engine dies with it, and the rest is found by the stamp.
    private func stopWasNotAcknowledged() {
        if case .shim(let identity) = ShimClaim.read(from: directory) {
            identity.send(signal: SIGKILL)
        } else {
            acknowledgeTimer?.arm(after: acknowledgeLimit)
        }
    }

    /// The engine's main process while it runs.
    var engine: ProcessIdentity? {
        lastStatus.flatMap { $0.phase == .running ? $0.engine : nil }
    }

    /// Processes that SIGKILL has not ended.
    var stuckProcesses: [Int32] {
        if hasEnded { return [] }
        return leftovers.isEmpty ? lastStatus?.remaining ?? [] : leftovers
    }

    private func end(_ status: ShimStatus?, wasStopped: Bool, logTail: [String]) {
        let exit = status?.exit ?? .unknown
        let endedAt = status?.endedAt
        end(
            wasStopped
                ? .stopped(exit, at: endedAt) : .exited(exit, at: endedAt, logTail: logTail))
    }

    private func end(_ event: ShardEvent) {
        guard !hasEnded else { return }
        close()
        hasEnded = true
        onEvent(event)
    }

    /// Lets go of the shim and leaves it running.
    func close() {
        connection?.close()
        connection = nil
        retryTimer = nil
        acknowledgeTimer = nil
        lingerTimer = nil
        stopWatching()
    }
}

@available(*, unavailable) extension ShardLink: Sendable {}

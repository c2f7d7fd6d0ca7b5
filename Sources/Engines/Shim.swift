// The process between an agent and an engine, as containerd-shim is between containerd and a
// container: small, with nothing to configure and nothing to crash on, so that agents can come and
// go. It owns one engine and everything that comes of it. Protocols/shim.md tells the rules.
//
//     starting ──▶ running ──▶ ending ──▶ ended
//         └────────────────────────▲   (a stop, or an end by itself)
//
// As a child subreaper it becomes the parent of every orphan below it, whatever session or process
// group the orphan has put itself into. So "nothing is left" is exactly "I have no children", which
// the kernel answers without a race.

import Base
import CSystem
import EventLoop
import Glibc
import Host
import Supervision

/// One engine and its shim's side of everything.
final class Shim {
    private static let sweepInterval = Backoff(
        initial: .milliseconds(10), limit: .milliseconds(500))
    /// Of the processes that do not go, so many are named.
    private static let remainingLimit = 32

    private let loop: Loop
    private let directory: ShardDirectory
    private let launch: ShardLaunch
    private let log: RotatingLog
    private var status: ShimStatus
    private var server: ShimServer?
    private var engine: ChildProcess?
    private var output: DescriptorReader?
    private var report: DescriptorReader?
    private var reported: [UInt8] = []
    private var signals: [SignalWatcher] = []
    private var graceTimer: LoopTimer?
    private var graceEnd: Instant?
    private var sweepTimer: LoopTimer?
    private var sweeps = 0
    private var jitter = SeededGenerator(seed: UInt64(getpid()))

    /// Claims the launch and starts the engine.
    /// - Throws: when the launch cannot be read, or is another shim's.
    init(_ loop: Loop, directory: ShardDirectory) throws {
        self.loop = loop
        self.directory = directory
        launch = try ShardLaunch.read(from: directory)
        guard let identity = ProcessIdentity.current else {
            throw ShimFileError(path: "/proc/self/stat", reason: "cannot be read")
        }
        try ShimClaim.shim(identity).make(in: directory)
        guard csystem_become_child_subreaper() == 0 else {
            throw UVError(errno: errno, operation: "become a child subreaper")
        }
        log = try RotatingLog(directory: directory.logDirectory, limits: launch.logLimits)
        status = ShimStatus(since: loop.wallTime)
        sweepTimer = LoopTimer(loop) { [weak self] in self?.sweep() }
        graceTimer = LoopTimer(loop) { [weak self] in self?.beginSweeping() }
        server = try ShimServer(loop, path: directory.socketFile) { [weak self] in
            self?.stop(grace: $0)
        }
        try watchSignals()
        start()
    }

    private func watchSignals() throws(UVError) {
        let stop = { [weak self] in
            guard let self else { return }
            self.stop(grace: self.launch.grace)
        }
        signals = [
            try SignalWatcher(loop, signal: SIGTERM, onSignal: stop),
            try SignalWatcher(loop, signal: SIGINT, onSignal: stop),
            try SignalWatcher(loop, signal: SIGHUP) {},
            try SignalWatcher(loop, signal: SIGCHLD) { [weak self] in self?.reapOrphans() },
        ]
    }

    // MARK: - Starting

    private func start() {
        do throws(UVError) {
            let engine = try spawn()
            self.engine = engine
            status.engine = ProcessIdentity(of: engine.pid)
            publish()
        } catch {
            status.exit = .notStarted(error.description)
            beginSweeping()
        }
    }

    private func spawn() throws(UVError) -> ChildProcess {
        let outputEnds = try PipeEnds()
        defer { close(outputEnds.writing) }
        output = try DescriptorReader(loop, descriptor: outputEnds.reading) { [weak self] in
            self?.log.write($0)
        }
        let reportEnds = try PipeEnds()
        defer { close(reportEnds.writing) }
        report = try DescriptorReader(
            loop, descriptor: reportEnds.reading,
            onBytes: { [weak self] in self?.reported += $0 },
            onEnd: { [weak self] in self?.execStageEnded() })
        invariant(ExecStage.reportDescriptor == 3, "the report is the fourth descriptor below")
        let command =
            launch.launcher + ExecStage.arguments(.begin, shim: getpid(), directory: directory)
        let specification = ChildSpecification(
            executable: command[0], arguments: Array(command.dropFirst()),
            descriptors: [
                .null, .inherit(outputEnds.writing), .inherit(outputEnds.writing),
                .inherit(reportEnds.writing),
            ])
        return try ChildProcess(loop, specification) { [weak self] in self?.engineEnded($0) }
    }

    /// The process has become the engine, or has said why not and ends.
    private func execStageEnded() {
        guard reported.isEmpty, status.phase == .starting, status.exit == nil else { return }
        enter(.running)
    }

    private func engineEnded(_ exit: ChildExit) {
        status.endedAt = .now
        report?.drain()
        status.engine = nil
        status.exit =
            if !reported.isEmpty {
                .notStarted(String(decoding: reported, as: UTF8.self))
            } else {
                switch exit {
                case .exited(let code): .code(code)
                case .signalled(let number): .signal(number)
                }
            }
        beginSweeping()
    }

    // MARK: - Ending

    /// SIGTERM to the engine now, SIGKILL to all that is left after the grace. A later stop may
    /// shorten the grace, and never lengthens it.
    private func stop(grace: Duration) {
        guard status.phase != .ended, status.exit == nil else { return }
        let end = loop.now + grace
        if !status.isStopRequested {
            status.isStopRequested = true
            try? engine?.kill(SIGTERM)
            // One that is stopped would not see it before its grace is over.
            try? engine?.kill(SIGCONT)
            enter(.ending)
        }
        if let graceEnd, graceEnd <= end { return }
        graceEnd = end
        graceTimer?.arm(at: end)
    }

    private func beginSweeping() {
        graceTimer?.cancel()
        if status.phase != .ending { enter(.ending) }
        sweep()
    }

    /// Kills everything below this process, again and again: what is killed may have forked since
    /// it was seen, and its children come up to us.
    private func sweep() {
        guard reapOrphans() else { return finish() }
        let left = ProcessTable().descendants(of: getpid())
        for entry in left { entry.identity.send(signal: SIGKILL) }
        sweeps += 1
        sweepTimer?.arm(after: Self.sweepInterval.delay(attempt: sweeps, using: &jitter))
        // Whoever does not go within a second or so hangs in a driver; say who.
        let remaining = Array(left.map(\.processID).prefix(Self.remainingLimit))
        if sweeps > 6, remaining != status.remaining {
            status.remaining = remaining
            publish()
        }
    }

    /// Takes note of the ended children that nobody else waits for.
    /// - Returns: whether any child is left, ended or not.
    @discardableResult
    private func reapOrphans() -> Bool {
        while true {
            let ended = csystem_ended_child()
            if ended < 0 { return false }
            // The engine itself is libuv's to reap, which tells us then.
            if ended == 0 || (ended == engine?.pid && engine?.exit == nil) { return true }
            waitpid(ended, nil, 0)
        }
    }

    /// Nothing of it is left: writes down the end, tells it and ends this process.
    private func finish() {
        guard status.phase != .ended else { return }
        output?.drain()
        status.remaining = []
        enter(.ended)
        server?.close()
        signals = []
        loop.stop()
    }

    // MARK: - Telling

    private func enter(_ phase: ShimStatus.Phase) {
        status.phase = phase
        status.since = loop.wallTime
        publish()
    }

    private func publish() {
        do throws(UVError) {
            try status.write(to: directory)
        } catch {
            // Who is connected still learns it from the socket.
            complain(error.description)
        }
        server?.publish(status)
    }
}

@available(*, unavailable) extension Shim: Sendable {}

extension EndTime {
    static var now: EndTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return EndTime(
            microsecondsSinceEpoch: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    }
}

/// Says something where the shim's own words go.
func complain(_ text: String) {
    let line = Array("shim: \(text)\n".utf8)
    _ = write(2, line, line.count)
}

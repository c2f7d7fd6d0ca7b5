// The life of one shard on its node: ports free, shim started, loading, serving, ended. Wanted and
// actual are kept apart, as in s6: this machine never restarts anything. Whether a generation ends
// is the leader's decision, since a collective cannot lose a rank; here it is only carried out.

public import Base
public import Diagnosis

/// What can happen to a shard.
public enum ShardInput: Hashable, Sendable {
    /// It is wanted, and nothing older of its group is left on this node.
    case begin
    /// The ports it will bind were looked at; the text names who holds one.
    case portsChecked(conflict: String?)
    case started(processID: Int32)
    /// A shim of an earlier run of this agent still runs it, or something is left of it.
    case adopted(processID: Int32?)
    /// Its shim is gone, and processes of it do not end, for the reason that the text gives.
    case lingers(why: String)
    case exited(ExitStatus, at: EndTime? = nil, logTail: [String])
    case stopped(ExitStatus, at: EndTime? = nil)
    /// The shim itself could not be started or reached.
    case failed(String)
    case probed(ProbeResult)
    /// It could not be asked, since nobody here knows yet what it serves.
    case unasked(String)
    case schedulers(SchedulerSighting)
    /// Its log tells how far the load has come.
    case progressed(LoadingProgress)
    /// Its generation is over.
    case end
    /// Its node ends it by itself, and tells why when it is heard again.
    case endAlone(why: String)
    case tick
}

/// What the engine of rank 0 answered.
public enum ProbeResult: Hashable, Sendable {
    case answers
    /// It says that it cannot serve yet.
    case starting(String)
    /// It answered with an error, or took the connection and did not answer in time.
    case failing(String)
    /// Nobody listens there, or the host says nothing.
    case unreachable(String)
    /// It is well, but has nothing to serve with: a router without workers.
    case idle(String)
}

/// Which question is asked of rank 0.
public enum ProbeKind: String, Hashable, Sendable {
    /// Does it serve yet?
    case readiness
    /// Does it still make a token?
    case liveness
}

/// What a shard wants done.
public enum ShardAction: Hashable, Sendable {
    case checkPorts
    case launch
    case stop(grace: Duration)
    case probe(ProbeKind)
    /// The report changed.
    case changed
}

/// One shard as its node sees it.
public struct ShardMachine: Hashable, Sendable {
    public private(set) var report: ShardReport
    /// As they were seen last; nil where nobody watches.
    public private(set) var schedulers: SchedulerSighting?
    private let policy: SupervisionPolicy
    private var deadline: Instant?
    /// When the engine's process started, or was adopted.
    private var loadingSince: Instant?
    /// When its log was first seen to say that it serves, as after a restart of the agent.
    private var saidReadyAt: Instant?
    /// It has answered that it is starting.
    private var isWarmingUp = false
    /// The questions without a good answer since the last good one.
    private var failing: Failing?
    private var isProbing = false
    /// When the last question was asked.
    private var askedAt = Instant.zero
    private var isEnding = false
    /// Why its node ended it by itself; empty where it did not.
    private var ownReason = ""
    /// What of it is lost for good, though its main process runs.
    private var loss: String?

    public init(shard: ShardID, policy: SupervisionPolicy, wall: WallTime) {
        self.policy = policy
        report = ShardReport(shard: shard, state: .waiting, processID: nil, since: wall)
    }

    /// When the first of them was asked, what the last one got, and whether that alone is enough: one
    /// failed question may be chance, unless it was waited for as long as the limit.
    private struct Failing: Hashable, Sendable {
        let since: Instant
        let reason: String
        let isConfirmed: Bool
    }

    /// Rank 0 alone is probed: the health of the others is no evidence.
    private var isMaster: Bool { report.shard.rank == .master }

    /// Nothing of it is left.
    public var isGone: Bool { report.state == .exited || report.state == .stopped }

    /// Its process runs, and is not told to end.
    public var isRunning: Bool {
        switch report.state {
        case .loading, .ready, .unresponsive: true
        case .waiting, .starting, .stopping, .exited, .stopped: false
        }
    }

    public var nextDeadline: Instant? { deadline }

    public mutating func step(
        _ input: ShardInput, at now: Instant, wall: WallTime, into actions: inout [ShardAction]
    ) {
        let before = report
        handle(input, at: now, into: &actions)
        if report.state != before.state { report.since = wall }
        if report.state != .loading { report.progress = nil }
        if report != before { actions.append(.changed) }
    }

    private mutating func handle(
        _ input: ShardInput, at now: Instant, into actions: inout [ShardAction]
    ) {
        switch input {
        case .begin:
            if report.state == .waiting, !isEnding { actions.append(.checkPorts) }
        case .portsChecked(let conflict): portsChecked(conflict, at: now, into: &actions)
        case .started(let processID): running(processID, at: now, into: &actions)
        case .adopted(let processID): running(processID, at: now, into: &actions)
        case .lingers(let why): lose(why, at: nil)
        case .exited(let status, let endedAt, let logTail):
            let before = loss.map { ", after it \($0)" } ?? ""
            let first = loss == nil ? endedAt : [report.endedAt, endedAt].compactMap { $0 }.min()
            gone(.exited, status, at: first, why: "\(status)\(before)", logTail: logTail)
        case .stopped(let status, let endedAt):
            if isEnding {
                gone(.stopped, status, at: endedAt, why: ownReason)
            } else {
                let why = "stopped by somebody else, \(status)"
                gone(.exited, status, at: endedAt, why: why)
            }
        case .failed(let reason): gone(.exited, .notStarted(reason), at: nil, why: reason)
        case .probed(let result): probed(result, at: now)
        case .unasked(let why): unasked(why, at: now)
        case .schedulers(let sighting):
            schedulers = sighting
            saw(sighting)
        case .progressed(let progress):
            report.progress = isWarmingUp ? progress.inWarmup : progress
            if progress.phase == .ready, saidReadyAt == nil { saidReadyAt = now }
        case .end: end(into: &actions)
        case .endAlone(let why): end(because: why, into: &actions)
        case .tick: tick(at: now, into: &actions)
        }
    }

    private mutating func portsChecked(
        _ conflict: String?, at now: Instant, into actions: inout [ShardAction]
    ) {
        guard report.state == .waiting, !isEnding else { return }
        if let conflict {
            report.why = conflict
            deadline = now + policy.portRetry
        } else {
            report.state = .starting
            report.why = ""
            deadline = nil
            actions.append(.launch)
        }
    }

    private mutating func running(
        _ processID: Int32?, at now: Instant, into actions: inout [ShardAction]
    ) {
        guard !isGone else { return }
        report.processID = processID
        loadingSince = now
        guard !isEnding else { return }
        report.state = .loading
        report.why = ""
        deadline = isMaster ? now : nil
    }

    /// The first word about its end stands.
    private mutating func gone(
        _ state: ShardState, _ status: ExitStatus, at endedAt: EndTime?, why: String = "",
        logTail: [String] = []
    ) {
        guard !isGone else { return }
        report.state = state
        report.exit = status
        report.endedAt = endedAt
        report.why = why
        report.logTail = logTail
        report.processID = nil
        deadline = nil
    }

    /// A scheduler that ran once and is gone is lost, however many there were: nobody starts it anew.
    /// While loading it is one that was killed for the memory it took.
    private mutating func saw(_ sighting: SchedulerSighting) {
        guard !sighting.ended.isEmpty else { return }
        lose(sighting.loss, at: sighting.endedAt)
    }

    /// What is lost for good is not asked any more.
    private mutating func lose(_ why: String, at time: EndTime?) {
        guard isRunning, loss == nil else { return }
        loss = why
        report.state = .unresponsive
        report.why = why
        report.endedAt = time
        deadline = nil
    }

    private mutating func end(because why: String = "", into actions: inout [ShardAction]) {
        guard !isEnding, !isGone else { return }
        isEnding = true
        ownReason = why
        deadline = nil
        report.why = why
        if report.state == .waiting {
            report.state = .stopped
        } else {
            report.state = .stopping
            actions.append(.stop(grace: policy.stopGrace))
        }
    }

    // MARK: - Probing

    private mutating func tick(at now: Instant, into actions: inout [ShardAction]) {
        guard let due = deadline, due <= now else { return }
        deadline = nil
        switch report.state {
        case .waiting: actions.append(.checkPorts)
        case .loading: probe(.readiness, at: now, into: &actions)
        case .ready where isOverdue(at: now): becomeUnresponsive(at: now)
        case .ready where isProbing:
            tellFailing(at: now)
            deadline = nextWord(at: now)
        case .ready, .unresponsive: probe(.liveness, at: now, into: &actions)
        case .starting, .stopping, .exited, .stopped: break
        }
    }

    private mutating func probe(
        _ kind: ProbeKind, at now: Instant, into actions: inout [ShardAction]
    ) {
        guard !isProbing else { return }
        isProbing = true
        askedAt = now
        if report.state == .ready { deadline = nextWord(at: now) }
        actions.append(.probe(kind))
    }

    private mutating func probed(_ result: ProbeResult, at now: Instant) {
        isProbing = false
        // Whatever rank 0 says of itself, a scheduler is missing.
        guard loss == nil else { return }
        switch (report.state, result) {
        case (.loading, .answers), (.ready, .answers), (.unresponsive, .answers):
            report.state = .ready
            report.why = ""
            failing = nil
            deadline = now + policy.livenessInterval
        case (.ready, .idle(let reason)):
            report.why = reason
            failing = nil
            // A router whose workers come back serves at once, and is to be told so.
            deadline = now + policy.readinessInterval
        case (.loading, .starting(let reason)), (.loading, .failing(let reason)),
            (.loading, .unreachable(let reason)), (.loading, .idle(let reason)):
            report.why = reason
            if case .starting = result { warmsUp() }
            deadline = now + policy.readinessInterval
            if let since = loadingSince, now - since >= policy.loadLimit {
                report.state = .unresponsive
                report.why = "does not serve \(policy.loadLimit) after its start: \(reason)"
            } else if let since = saidReadyAt, now - since >= policy.unresponsiveAfter {
                report.state = .unresponsive
                report.why =
                    "its log says that it serves, but for \((now - since).wholeSeconds): \(reason)"
            }
        case (.ready, .starting(let reason)), (.ready, .failing(let reason)),
            (.ready, .unreachable(let reason)):
            let took = now - askedAt
            failing = Failing(
                since: failing?.since ?? askedAt, reason: reason,
                isConfirmed: failing != nil || took >= policy.unresponsiveAfter)
            tellFailing(at: now)
            // Asked again soon: it is either a hang that has begun, or was a moment's.
            deadline = now + policy.readinessInterval
            if isOverdue(at: now) { becomeUnresponsive(at: now) }
        case (.unresponsive, .idle):
            report.state = .ready
            failing = nil
            deadline = now + policy.readinessInterval
        case (.unresponsive, _): deadline = now + policy.livenessInterval
        case (.waiting, _), (.starting, _), (.stopping, _), (.exited, _), (.stopped, _): break
        }
    }

    /// An agent that has come back may know for long what it adopted and not what that serves, as without a
    /// leader. That time counts against no limit: a serving engine would be ended for it.
    private mutating func unasked(_ why: String, at now: Instant) {
        isProbing = false
        guard loss == nil else { return }
        switch report.state {
        case .loading:
            report.why = why
            loadingSince = now
            saidReadyAt = saidReadyAt.map { _ in now }
            deadline = now + policy.readinessInterval
        case .ready, .unresponsive: deadline = now + policy.livenessInterval
        case .waiting, .starting, .stopping, .exited, .stopped: break
        }
    }

    /// The port of an engine opens once its load is done, and a log that keeps quiet about HTTP does not
    /// tell that: what it answers does.
    private mutating func warmsUp() {
        isWarmingUp = true
        report.progress = (report.progress ?? LoadingProgress(phase: .warmup, moves: 0)).inWarmup
    }

    /// The limit is counted from the first question that got no good answer.
    private func isOverdue(at now: Instant) -> Bool {
        failing.map { $0.isConfirmed && now - $0.since >= policy.unresponsiveAfter } ?? false
    }

    /// While an answer is out, time goes on, and the limit may be reached; nil where none has failed.
    private func nextWord(at now: Instant) -> Instant? {
        guard let failing else { return nil }
        let word = now + policy.livenessInterval
        return failing.isConfirmed ? min(word, failing.since + policy.unresponsiveAfter) : word
    }

    private mutating func tellFailing(at now: Instant) {
        guard let failing else { return }
        let seconds = (now - failing.since).wholeSeconds
        let how = failing.reason.hasPrefix("HTTP ") ? "answers with errors" : "has not answered"
        report.why = "\(how) for \(seconds): \(failing.reason)"
    }

    private mutating func becomeUnresponsive(at now: Instant) {
        report.state = .unresponsive
        tellFailing(at: now)
        deadline = isProbing ? nil : now + policy.livenessInterval
    }
}

extension LoadingProgress {
    /// The same, where the warm-up has begun whatever the log says.
    fileprivate var inWarmup: LoadingProgress {
        phase < .warmup ? LoadingProgress(phase: .warmup, moves: moves + 1) : self
    }
}

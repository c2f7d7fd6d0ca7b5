// npu-smi, one call at a time. Its manual forbids more ("npu-smi is not for concurrent use"), so calls
// wait in line here, and behind a lock for the other processes of this host. Answers are kept for who
// can do with an older one. A call that hangs in the driver cannot even be killed: while its process
// is there, no other is started, and whoever asks is told so instead of waiting.

public import Ascend
import Base
import EventLoop
import Glibc

/// Asks npu-smi. There is one for each agent.
public final class NPUTool {
    private let runner: CommandRunner
    private let limit: Duration
    private var waiting: [Question] = []
    private var asked: Question?
    /// What the tool that hangs was asked; nil when none does.
    private var hanging: String?
    private var answers: [[String]: Answer] = [:]
    /// Since when another process of this host asks; nil when none does.
    private var othersSince: Instant?
    private var timer: LoopTimer?
    private var graceTimer: LoopTimer?

    private final class Question {
        let arguments: [String]
        /// When it is no longer worth asking; nil for what must be known.
        var deadline: Instant?
        var completions: [(Result<String, Gap>) -> Void]

        init(
            _ arguments: [String], _ deadline: Instant?,
            _ completion: @escaping (Result<String, Gap>) -> Void
        ) {
            self.arguments = arguments
            self.deadline = deadline
            completions = [completion]
        }
    }

    private struct Answer {
        let text: String
        let at: Instant
    }

    /// - Parameters:
    ///   - runner: starts it.
    ///   - limit: of one call.
    public init(_ runner: CommandRunner, limit: Duration = .seconds(20)) {
        self.runner = runner
        self.limit = limit
    }

    /// Asks, or gives an answer that is not older than that.
    /// - Parameters:
    ///   - arguments: after `npu-smi`.
    ///   - maxAge: zero asks in any case.
    ///   - patience: nil for what must be known. What is good to know is asked when nothing else is, and
    ///     not at all where its turn has not come within that time.
    ///   - completion: told what it printed, be it a complaint; after this call has returned.
    public func ask(
        _ arguments: [String], maxAge: Duration = .zero, patience: Duration? = nil,
        completion: @escaping (Result<String, Gap>) -> Void
    ) {
        let now = runner.loop.now
        if let answer = answers[arguments], now - answer.at <= maxAge {
            runner.loop.soon { completion(.success(answer.text)) }
        } else if let same = waiting.first(where: { $0.arguments == arguments }) {
            same.completions.append(completion)
            if patience == nil { same.deadline = nil }
        } else {
            waiting.append(Question(arguments, patience.map { now + $0 }, completion))
            runner.loop.soon { [weak self] in self?.startNext() }
        }
    }

    /// Where the lock of this host lies.
    static let lockPath = "/run/lock/glm-agent.npu-smi"

    private static let places = ["/usr/local/bin/npu-smi", "/usr/local/sbin/npu-smi"]

    /// Whether this process would find it, without asking it anything.
    public static func isInstalled(on root: HostRoot) -> Bool {
        let path = getenv("PATH").map { String(cString: $0) } ?? ""
        return CommandRunner.find("npu-smi", on: root, path: path, orAt: places) != nil
    }

    private func startNext() {
        guard asked == nil, !waiting.isEmpty else { return }
        giveUpLate()
        guard !waiting.isEmpty else { return }
        if let hanging {
            let gap = Gap(
                .timedOut, "npu-smi",
                "\"\(hanging)\" hangs in the driver and cannot be ended; see dmesg")
            for question in takeAll() { tell(question, .failure(gap)) }
            return
        }
        guard let executable = runner.find("npu-smi", orAt: Self.places) else {
            let gap = Gap(.notInstalled, "npu-smi", "not on PATH, nor where the driver puts it")
            for question in takeAll() { tell(question, .failure(gap)) }
            return
        }
        let lock: HostLock?
        switch HostLock.attempt(runner.root.path(Self.lockPath)) {
        case .taken(let taken): lock = taken
        case .impossible: lock = nil
        case .busy:
            waitForOthers()
            return
        }
        start(executable, lock)
    }

    private func start(_ executable: String, _ lock: HostLock?) {
        othersSince = nil
        let question = waiting.remove(at: waiting.firstIndex { $0.deadline == nil } ?? 0)
        asked = question
        // The child has the lock from its start on; until then it is held here.
        withExtendedLifetime(lock) {
            runner.run(
                executable, question.arguments, within: limit,
                keeping: lock.map { [$0.descriptor] } ?? [],
                onGone: { [weak self] in self?.isGone() },
                completion: { [weak self] result in self?.answered(question, result) })
        }
    }

    private func answered(_ question: Question, _ result: Result<CommandResult, Gap>) {
        if case .success(let result) = result {
            answers[question.arguments] = Answer(text: result.text, at: runner.loop.now)
        } else if asked === question {
            giveItTimeToEnd("npu-smi " + question.arguments.joined(separator: " "))
        }
        var told = [question]
        // Whoever hangs once hangs for the next question too: nobody waits for that in line.
        if case .failure(let gap) = result, gap.kind == .timedOut { told += takeAll() }
        for question in told { tell(question, result.map(\.text)) }
    }

    private func giveUpLate() {
        let now = runner.loop.now
        let late = waiting.filter { question in question.deadline.map { $0 <= now } ?? false }
        waiting.removeAll { question in late.contains { $0 === question } }
        for question in late {
            let line = "npu-smi " + question.arguments.joined(separator: " ")
            tell(question, .failure(Gap(.timedOut, line, "other questions took all the time")))
        }
    }

    private func waitForOthers() {
        let now = runner.loop.now
        let since = othersSince ?? now
        othersSince = since
        guard now - since < limit else {
            othersSince = nil
            let gap = Gap(.timedOut, "npu-smi", "another process runs it and does not end")
            for question in takeAll() { tell(question, .failure(gap)) }
            return
        }
        timer = runner.loop.after(.milliseconds(50)) { [weak self] in self?.startNext() }
    }

    /// The killed process may take a moment; one in the driver's hands takes for ever.
    private func giveItTimeToEnd(_ line: String) {
        graceTimer = runner.loop.after(.seconds(1)) { [weak self] in
            guard let self, self.asked != nil else { return }
            self.hanging = line
            self.asked = nil
            self.startNext()
        }
    }

    private func isGone() {
        graceTimer?.cancel()
        hanging = nil
        asked = nil
        runner.loop.soon { [weak self] in self?.startNext() }
    }

    private func takeAll() -> [Question] {
        defer { waiting = [] }
        return waiting
    }

    private func tell(_ question: Question, _ result: Result<String, Gap>) {
        for completion in question.completions { completion(result) }
    }
}

@available(*, unavailable) extension NPUTool: Sendable {}

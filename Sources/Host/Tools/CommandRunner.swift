// Other people's tools, run without waiting for them. They hang in drivers, print without end and are
// not installed: so each has a time limit, a limit to its output, and a way to say that it is missing.

import Ascend
import Base
public import EventLoop
import Glibc

/// What a tool printed and how it ended.
public struct CommandResult: Hashable, Sendable {
    public let exit: ChildExit
    /// Standard output, then standard error.
    public let text: String
}

/// Starts tools in one environment and gathers what they print.
public final class CommandRunner {
    let loop: Loop
    public let root: HostRoot
    public let environment: [String: String]
    /// As it was given: tools get a language on top.
    let environmentOfAgent: [String: String]
    private var running: [ObjectIdentifier: RunningCommand] = [:]

    /// - Parameters:
    ///   - loop: where the children are watched.
    ///   - root: the node.
    ///   - environment: the whole environment of every tool; its `PATH` finds them.
    public init(_ loop: Loop, root: HostRoot, environment: [String: String]) {
        self.loop = loop
        self.root = root
        environmentOfAgent = environment
        // Messages in the language that the readers know.
        self.environment = environment.merging(["LC_ALL": "C"]) { $1 }
    }

    /// Finds a tool.
    /// - Parameters:
    ///   - name: as on `PATH`.
    ///   - places: paths of the node to look at after that.
    ///   - environment: whose `PATH` it is; nil for that of all tools.
    /// - Returns: what to start; nil where it is not installed.
    public func find(
        _ name: String, orAt places: [String] = [], in environment: [String: String]? = nil
    ) -> String? {
        let path = (environment ?? self.environment)["PATH"] ?? ""
        return Self.find(name, on: root, path: path, orAt: places)
    }

    static func find(
        _ name: String, on root: HostRoot, path: String, orAt places: [String]
    ) -> String? {
        if name.hasPrefix("/") { return access(name, X_OK) == 0 ? name : nil }
        let directories = path.split(separator: ":")
        return (directories.map { "\($0)/\(name)" } + places.map { root.path($0) })
            .first { access($0, X_OK) == 0 }
    }

    /// Runs a tool.
    /// - Parameters:
    ///   - executable: a path, as ``find(_:orAt:)`` gives it.
    ///   - arguments: what follows its name.
    ///   - limit: after this time it is killed with everything it started, and the answer is that.
    ///   - environment: of this one; nil for that of all.
    ///   - kept: descriptors that it and its children hold open from number 3 on.
    ///   - onGone: told once the process is reaped, which for one that hangs in a driver may be
    ///     long after the completion.
    ///   - completion: told once, after this call has returned.
    func run(
        _ executable: String, _ arguments: [String], within limit: Duration,
        environment: [String: String]? = nil, keeping kept: [Int32] = [],
        onGone: @escaping () -> Void = {},
        completion: @escaping (Result<CommandResult, Gap>) -> Void
    ) {
        let specification = ChildSpecification(
            executable: executable, arguments: arguments,
            environment: environment ?? self.environment,
            descriptors: [.null, .pipeFromChild, .pipeFromChild] + kept.map { .inherit($0) },
            isDetached: true)
        let name = executable.split(separator: "/").last.map(String.init) ?? executable
        let command = RunningCommand(
            ([name] + arguments).joined(separator: " "), onGone, completion)
        do throws(UVError) {
            try command.start(loop, specification, within: limit)
            running[ObjectIdentifier(command)] = command
            command.onEnd = { [weak self, weak command] in
                if let command { self?.running[ObjectIdentifier(command)] = nil }
            }
        } catch {
            let gap = Gap(
                error.name == "ENOENT" ? .notInstalled : .refused, command.line, error.message)
            loop.soon {
                onGone()
                completion(.failure(gap))
            }
        }
    }
}

@available(*, unavailable) extension CommandRunner: Sendable {}

/// One tool while it runs. It is answered for once, and over when the process is reaped, too.
private final class RunningCommand {
    let line: String
    var onEnd: () -> Void = {}
    private var child: ChildProcess?
    private var timer: LoopTimer?
    private var outputs: [Int32: [UInt8]] = [1: [], 2: []]
    private var openPipes: Set<Int32> = [1, 2]
    private var exit: ChildExit?
    private var completion: ((Result<CommandResult, Gap>) -> Void)?
    private let onGone: () -> Void
    private static let outputLimitBytes = 1 << 20

    init(
        _ line: String, _ onGone: @escaping () -> Void,
        _ completion: @escaping (Result<CommandResult, Gap>) -> Void
    ) {
        self.line = line
        self.onGone = onGone
        self.completion = completion
    }

    func start(
        _ loop: Loop, _ specification: ChildSpecification, within limit: Duration
    ) throws(UVError) {
        let child = try ChildProcess(loop, specification) { [weak self] exit in
            self?.exit = exit
            self?.onGone()
            self?.finishIfDone()
        }
        self.child = child
        for (number, pipe) in child.pipes {
            pipe.start { [weak self] event in
                switch event {
                case .received(let bytes): self?.take(bytes, from: number)
                case .closed: self?.closed(number)
                default: break
                }
            }
        }
        timer = loop.after(limit) { [weak self] in
            guard let self else { return }
            self.giveUp(
                Gap(.timedOut, self.line, "gave no answer in \(limit.inSeconds.formatted) s"))
        }
    }

    private func take(_ bytes: [UInt8], from number: Int32) {
        outputs[number]? += bytes
        let limit = Self.outputLimitBytes
        if outputs[number]?.count ?? 0 > limit {
            giveUp(Gap(.unreadable, line, "printed more than \(limit) bytes"))
        }
    }

    private func closed(_ number: Int32) {
        openPipes.remove(number)
        finishIfDone()
    }

    /// Answers at once: how long the kill takes is the driver's affair.
    private func giveUp(_ gap: Gap) {
        try? child?.kill(SIGKILL, wholeGroup: true)
        answer(.failure(gap))
        finishIfDone()
    }

    private func finishIfDone() {
        guard let exit else { return }
        if openPipes.isEmpty {
            let bytes = (outputs[1] ?? []) + (outputs[2] ?? [])
            answer(
                .success(CommandResult(exit: exit, text: String(decoding: bytes, as: UTF8.self))))
        }
        if completion == nil { onEnd() }
    }

    private func answer(_ result: Result<CommandResult, Gap>) {
        guard let completion else { return }
        self.completion = nil
        timer?.cancel()
        completion(result)
    }
}

extension Double {
    /// `2` or `0.5`: seconds for people.
    fileprivate var formatted: String {
        self == rounded() ? String(Int(self)) : String(self)
    }
}

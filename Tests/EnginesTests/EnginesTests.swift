// Real shims, real engines (shell scripts), real signals. The shim is the program of
// Tests/EnginesTestHelper, as `glm-agent` will be. The suites run one after the other, so that
// timing says something on a small machine; every process that a test starts is gone at its end.

import Base
import Engines
import EventLoop
import Glibc
import Host
import Planning
import Supervision
import Testing

@testable import Engines

@Suite(.serialized, .timeLimit(.minutes(3)))
struct EnginesTests {}

/// A generous bound for things that are done in milliseconds.
let patience = Duration.seconds(20)

/// One node's shards in a directory of their own, and what was told of them.
final class Workbench {
    let loop: Loop
    let state: String
    private(set) var host: ShardHost
    private(set) var events: [ShardEvent] = []
    /// Where scripts leave the numbers of their processes, one a line.
    let pidFile: String
    let shard = ShardID(group: GroupName("decode-0"), generation: Generation(3), rank: NodeRank(1))

    init(logLimits: LogLimits = .standard) throws {
        loop = try Loop()
        var template = Array("/tmp/glm-engines-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else {
            throw UVError(errno: errno, operation: "make a temporary directory")
        }
        state = String(cString: made)
        pidFile = state + "/pids"
        host = try ShardHost(
            loop, stateDirectory: state, launcher: [Workbench.helper], logLimits: logLimits
        ) { _, _ in }
        try replaceHost(logLimits: logLimits)
    }

    /// A new agent, which knows nothing.
    func replaceHost(logLimits: LogLimits = .standard) throws {
        host.close()
        events = []
        host = try ShardHost(
            loop, stateDirectory: state, launcher: [Workbench.helper], logLimits: logLimits
        ) { [weak self] _, event in self?.events.append(event) }
    }

    deinit {
        // Whatever a failed test left behind.
        for leftover in leftovers { leftover.identity.send(signal: SIGKILL) }
        for pid in pids { ProcessIdentity(of: pid)?.send(signal: SIGKILL) }
        try? Files.removeTree(state)
    }

    static let helper: String = {
        let own = (try? realPath("/proc/self/exe")) ?? ""
        return String(own[..<(own.lastIndex(of: "/") ?? own.startIndex)]) + "/EnginesTestHelper"
    }()

    // MARK: - Launching

    func spec(
        _ argv: [String], environment: [EnvironmentVariable] = [], unset: [String] = [],
        source: [String] = []
    ) -> LaunchSpec {
        LaunchSpec(
            node: NodeID("a"), group: shard.group, role: .decode, rank: shard.rank,
            environment: environment, unset: unset, source: source, argv: argv, host: .none)
    }

    /// Launches a bash script as the engine. `note` in it writes a process down.
    func launch(script: String) {
        let note = "note() { echo $BASHPID >> \(pidFile); }; export -f note; note\n"
        host.launch(shard, spec(["/bin/bash", "-c", note + script]), .command([]))
    }

    // MARK: - Looking

    func run(until condition: () -> Bool) -> Bool { loop.run(within: patience, until: condition) }

    /// The process number that was told at the start.
    var startedProcess: Int32? {
        for case .started(let processID) in events { return processID }
        for case .adopted(let processID) in events { return processID }
        return nil
    }

    /// How it ended; when is a matter of its own.
    var end: ShardEvent? { ends.first?.untimed }

    var ends: [ShardEvent] {
        events.filter {
            switch $0 {
            case .exited, .stopped, .failed: true
            case .started, .adopted, .lingers, .schedulers: false
            }
        }
    }

    func runToStart() -> Bool { run { startedProcess != nil } }
    func runToEnd() -> Bool { run { end != nil } }

    var pids: [Int32] {
        let text = (try? Files.read(pidFile)).map { String(decoding: $0, as: UTF8.self) } ?? ""
        return text.split(separator: "\n").compactMap { Int32($0) }
    }

    /// Those of the noted processes that still run.
    var livingPids: [Int32] { pids.filter { ProcessIdentity(of: $0) != nil } }

    /// Every process stamped with the state directory of this bench.
    var leftovers: [ProcessEntry] {
        ProcessTable().entries.filter { $0.environment.contains("GLM_AGENT_STATE=\(state)") }
    }

    var directory: ShardDirectory { ShardDirectory(state: state, shard: shard) }

    var shim: ProcessIdentity? {
        if case .shim(let identity) = ShimClaim.read(from: directory) { identity } else { nil }
    }
}

extension ShardEvent {
    var untimed: ShardEvent {
        switch self {
        case .exited(let status, _, let logTail): .exited(status, logTail: logTail)
        case .stopped(let status, _): .stopped(status)
        case .started, .adopted, .lingers, .schedulers, .failed: self
        }
    }

    var endedAt: EndTime? {
        switch self {
        case .exited(_, let time, _), .stopped(_, let time): time
        case .started, .adopted, .lingers, .schedulers, .failed: nil
        }
    }
}

func realPath(_ path: String) throws -> String {
    guard let resolved = realpath(path, nil) else {
        throw UVError(errno: errno, operation: "resolve", subject: path)
    }
    defer { free(resolved) }
    return String(cString: resolved)
}

func writeText(_ text: String, to path: String) throws {
    try Files.replace(path, with: Array(text.utf8))
}

func readText(_ path: String) throws -> String {
    String(decoding: try Files.read(path), as: UTF8.self)
}

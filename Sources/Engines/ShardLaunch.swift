// What a shim is told to do, written down before it is started. The shim, its exec stage and an
// agent that comes later all read this one file.

public import Base
import EventLoop
public import Planning

/// How much of an engine's output is kept.
public struct LogLimits: Hashable, Sendable {
    /// A file is rotated before it grows over this size.
    public let fileBytes: Int
    /// How many files there are at most, with the one being written.
    public let files: Int

    public init(fileBytes: Int, files: Int) {
        invariant(fileBytes > 0 && files > 0, "log limits of \(fileBytes) bytes, \(files) files")
        self.fileBytes = fileBytes
        self.files = files
    }

    public static let standard = LogLimits(fileBytes: 32 << 20, files: 8)
}

/// One launch of one shard, complete in itself.
public struct ShardLaunch: Hashable, Sendable {
    public let shard: ShardID
    public let spec: LaunchSpec
    public let engine: EngineKind
    /// The whole environment that it starts from, with everything sourced already; nil where it inherits
    /// that of the agent and sources by itself.
    public let base: [EnvironmentVariable]?
    /// Stamped on every process of the shard, and never empty.
    public let stateDirectory: String
    /// The command that is this program: its path, and what must stand before its own arguments.
    public let launcher: [String]
    /// Between SIGTERM and SIGKILL where a stop does not say otherwise.
    public let grace: Duration
    public let logLimits: LogLimits

    public init(
        shard: ShardID, spec: LaunchSpec, engine: EngineKind, base: [EnvironmentVariable]? = nil,
        stateDirectory: String, launcher: [String], grace: Duration, logLimits: LogLimits
    ) {
        invariant(!launcher.isEmpty, "a launch of \(shard) without a program to launch it")
        self.shard = shard
        self.spec = spec
        self.engine = engine
        self.base = base
        self.stateDirectory = stateDirectory
        self.launcher = launcher
        self.grace = grace
        self.logLimits = logLimits
    }

    /// The command line of the engine.
    var argv: [String] {
        switch engine {
        case .sglang: spec.argv
        case .rehearsal: launcher + ["rehearsal-engine"] + spec.argv
        case .command(let prefix): prefix + spec.argv
        }
    }

    /// Whether it is a router that is this program.
    public var isBuiltInRouter: Bool { engine == .rehearsal && spec.role == .router }

    /// The files to source. The built-in engine needs no driver environment, and must run where
    /// there is none.
    var source: [String] { engine == .rehearsal || base != nil ? [] : spec.source }

    /// What every process of the shard carries in its environment, to be known by.
    var stamp: [EnvironmentVariable] {
        [
            EnvironmentVariable(Stamp.shard, shard.description),
            EnvironmentVariable(Stamp.group, shard.group.name),
            EnvironmentVariable(Stamp.generation, shard.generation.description),
            EnvironmentVariable(Stamp.state, stateDirectory),
        ]
    }
}

/// The variables that say whose a process is.
enum Stamp {
    static let shard = "GLM_AGENT_SHARD"
    static let group = "GLM_AGENT_GROUP"
    static let generation = "GLM_AGENT_GENERATION"
    /// The state directory: several agents may run on one host, as in a rehearsal.
    static let state = "GLM_AGENT_STATE"
}

extension ShardLaunch {
    static func read(from directory: ShardDirectory) throws(ShimFileError) -> ShardLaunch {
        try readRecord(directory.launchFile, ShardLaunch.init(json:))
    }

    func write(to directory: ShardDirectory) throws(UVError) {
        // The environment may hold secrets.
        try Files.replace(
            directory.launchFile, with: Array(json.sealed.pretty.utf8), permissions: 0o600)
    }
}

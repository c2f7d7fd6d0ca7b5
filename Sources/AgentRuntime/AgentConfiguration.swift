// The operator's file, read once and checked whole: whoever mends it sees every mistake at once, each
// with its line. The same file serves every node; what differs between nodes (which entry is mine,
// which interface carries it) is found out on the node.

public import Base
public import ClusterState
public import Doctor
import Glibc
public import Planning
public import Profiles
public import Supervision
public import YAML

/// What an agent runs with.
public struct AgentConfiguration: Sendable {
    public var cluster: String
    /// In the operator's order: the first nodes hold rank 0 where they can.
    public var nodes: [ConfiguredNode]
    /// This node joins a cluster that is there, instead of beginning one with the others.
    public var joins: Bool
    /// This node, where the file says it; otherwise the entry whose address is on this host.
    public var ownNode: NodeID?
    /// The interface of HCCL and Gloo, where the file says it; otherwise the one that carries the
    /// own address.
    public var interface: String?
    /// The key material that all agents of the cluster share.
    public var secret: [UInt8]
    public var stateDirectory: String
    public var controlSocket: String
    public var peerPort: UInt16
    /// Where the read-only HTTP listener is; nil for none.
    public var httpListen: Endpoint?
    public var engine: EngineKind
    /// The profile with the overrides applied.
    public var profile: Profile
    /// The directory of the weights.
    public var modelPath: String
    /// What engines have beside what the profile sets.
    public var ascendEnvironment: AscendEnvironmentMode
    public var hostTuning: HostTuningMode
    /// Whether what the doctor finds wrong here keeps the groups of this node from being launched.
    public var launchGate: LaunchGateMode
    /// Whether commands are read by the installed SGLang before a launch.
    public var preflight: PreflightMode
    /// How long a node without contact to a majority keeps its engines; nil: for ever.
    public var isolation: Duration?
    /// What stands before the paths of tools and files that tell what this node is: `/`, but for tests.
    public var hostRoot: String
    public var supervision: SupervisionPolicy
    /// How long a new leader waits for nodes that the plan needs.
    public var planGrace: Duration
    /// Where fields stand in the file, by name; the whole file under the empty name.
    var places: [String: SourceLocation]
    /// What is legal but looks like a mistake: names in the profile that are nearly known ones.
    public var warnings: [Diagnostic] = []

    /// The scripts that engines' environments come from: those of the profile, and none where engines
    /// inherit that of the agent.
    var sources: [String] { ascendEnvironment == .source ? profile.source : [] }

    /// What the operator wants, in the form that is replicated.
    public var deployment: Deployment {
        Deployment(
            profileName: profile.name, profileYAML: profile.yaml, modelPath: modelPath,
            engine: engine)
    }
}

/// What the environment of an engine begins with.
public enum AscendEnvironmentMode: String, Hashable, Sendable, CaseIterable {
    /// What the vendor's scripts make of a clean shell.
    case source
    /// The environment of the agent; each engine sources the scripts on top of it.
    case inherit
}

/// What is done about the kernel settings that a profile wants.
public enum HostTuningMode: String, Hashable, Sendable, CaseIterable {
    /// Nothing.
    case off
    /// Differences are told.
    case check
    /// They are set before an engine starts; this needs root.
    case apply
}

/// What is done about what the doctor finds wrong on this node before a launch.
public enum LaunchGateMode: Hashable, Sendable {
    /// Nothing.
    case off
    /// The group waits, and status says for what; but not for what is accepted, such as the health of a die
    /// that sticks while the die works. An engine of the operator's own command is let through, unless it
    /// is gated `always`.
    case check(accepting: [AcceptedFinding], always: Bool = false)

    /// Whether the leader gates the groups of an operator's own command too.
    var gatesCommands: Bool {
        guard case .check(_, let always) = self else { return false }
        return always
    }
}

/// Whether the SGLang of each node reads the command of its shard before a group is launched.
public enum PreflightMode: String, Hashable, Sendable, CaseIterable {
    case off
    /// A command that is refused keeps the group from being launched, as what the launch gate finds.
    case check
}

/// A file that the configuration names, as it is on disk.
public struct ConfigurationFile: Hashable, Sendable {
    public let bytes: [UInt8]
    /// The permission bits, 0o600 and the like.
    public let mode: UInt32

    public init(bytes: [UInt8], mode: UInt32) {
        self.bytes = bytes
        self.mode = mode
    }

    public init(_ text: String, mode: UInt32 = 0o600) {
        self.init(bytes: Array(text.utf8), mode: mode)
    }
}

/// Why a file cannot be read.
public struct FileReadError: Error, Hashable, Sendable, CustomStringConvertible {
    public let path: String
    /// In the system's words: `No such file or directory`.
    public let reason: String

    public init(path: String, reason: String) {
        self.path = path
        self.reason = reason
    }

    public var description: String { "cannot read \(path): \(reason)" }
}

extension AgentConfiguration {
    /// Reads the configuration and every file that it names.
    /// - Parameters:
    ///   - path: the configuration file; names in it are relative to its directory.
    ///   - needsSecret: false for a look at the rest, without the secret.
    /// - Returns: the whole configuration.
    /// - Throws: every violation, with its line, and what to do.
    public static func load(
        _ path: String, needsSecret: Bool = true
    ) throws(ConfigurationError) -> AgentConfiguration {
        let file: ConfigurationFile
        do throws(FileReadError) {
            file = try readConfigurationFile(path)
        } catch {
            let log = DiagnosticLog()
            log.report(
                "\(error.reason); begin with Deploy/agent.yaml, or name another with --config",
                at: SourceLocation(file: path, line: 1, column: 1), field: "")
            return try log.result(nil)
        }
        return try parse(
            String(decoding: file.bytes, as: UTF8.self), file: path, needsSecret: needsSecret,
            reading: readConfigurationFile)
    }

    /// Reads a configuration from its text.
    /// - Parameters:
    ///   - text: the YAML document.
    ///   - file: the path that messages carry, and whose directory relative paths start from.
    ///   - needsSecret: false for a look at the rest, without the secret.
    ///   - read: gives the files that it names.
    /// - Returns: the whole configuration.
    /// - Throws: every violation, with its line, and what to do.
    public static func parse(
        _ text: String, file: String, needsSecret: Bool = true,
        reading read: @escaping (String) throws(FileReadError) -> ConfigurationFile
    ) throws(ConfigurationError) -> AgentConfiguration {
        let log = DiagnosticLog()
        let document = try YAMLNode(parsing: text, file: file)
        let directory = file.split(separator: "/", omittingEmptySubsequences: false).dropLast()
        let reader = ConfigurationReader(
            root: YAMLReader(document, log: log),
            directory: directory.isEmpty ? "." : directory.joined(separator: "/"),
            needsSecret: needsSecret, read: read)
        var configuration = try log.result(reader.configuration())
        configuration.warnings = log.warnings
        return configuration
    }
}

/// Reads a file of at most 1 MiB with its mode.
/// - Throws: why it cannot be read.
func readConfigurationFile(_ path: String) throws(FileReadError) -> ConfigurationFile {
    func failure() -> FileReadError {
        FileReadError(path: path, reason: String(cString: strerror(errno)))
    }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure() }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw failure() }
    guard status.st_mode & S_IFMT == S_IFREG else {
        throw FileReadError(path: path, reason: "it is no regular file")
    }
    guard status.st_size <= 1 << 20 else {
        throw FileReadError(path: path, reason: "it is larger than 1 MiB")
    }
    var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
    var filled = 0
    while filled < bytes.count {
        let count = bytes.withUnsafeMutableBytes { buffer in
            Glibc.read(descriptor, buffer.baseAddress.map { $0 + filled }, buffer.count - filled)
        }
        if count < 0, errno == EINTR { continue }
        guard count >= 0 else { throw failure() }
        if count == 0 { break }
        filled += count
    }
    return ConfigurationFile(bytes: Array(bytes[..<filled]), mode: status.st_mode & 0o777)
}

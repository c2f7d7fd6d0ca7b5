// What can be told of a configuration only on the node itself: `run` refuses to start with the errors,
// and `check` tells the warnings too. Nothing is changed by looking.

public import Base
public import ClusterState
import Glibc
public import Host
import Planning
import Profiles
public import YAML

/// What a look at the host has found.
public struct ConfigurationFindings: Sendable {
    /// With any of these the agent cannot do its work.
    public internal(set) var errors: [Diagnostic] = []
    /// It may be meant so, or mend itself.
    public internal(set) var warnings: [Diagnostic] = []
    /// Which of the nodes this is, and by which interface; nil where that is not clear.
    public internal(set) var own: (node: ConfiguredNode, interface: String)?

    public init() {}
}

extension AgentConfiguration {
    /// Reads the configuration and compares it with the host. A secret that is missing hides nothing of the
    /// rest: it is usually the last thing that comes to a new node.
    /// - Returns: the configuration, nil where it cannot be read, and everything that is wrong.
    public static func loadAndCheck(
        _ path: String, on host: HostFacts
    ) -> (configuration: AgentConfiguration?, findings: ConfigurationFindings) {
        do throws(ConfigurationError) {
            let configuration = try load(path)
            return (configuration, configuration.check(on: host))
        } catch {
            let rest = try? load(path, needsSecret: false)
            var findings = rest?.check(on: host) ?? ConfigurationFindings()
            findings.errors = error.diagnostics + findings.errors
            return (rest, findings)
        }
    }

    /// Compares the configuration with the host that it is read on.
    public func check(on host: HostFacts) -> ConfigurationFindings {
        var findings = ConfigurationFindings()
        do throws(OwnNodeError) {
            let own = try findOwnNode(on: host)
            findings.own = own
            checkAddress(own.node, on: host, &findings)
        } catch {
            findings.errors.append(diagnostic(error.field, error.description))
        }
        if let interface, !host.interfaces.contains(where: { $0.name == interface }) {
            let known = host.interfaces.map(\.name)
            findings.errors.append(
                diagnostic(
                    "interface",
                    "this host has no interface \"\(interface)\""
                        + suggestion(for: interface, in: known)))
        }
        if let httpListen, !Self.anyAddresses.contains(httpListen.host), !host.owns(httpListen.host)
        {
            findings.errors.append(
                diagnostic(
                    "http_listen",
                    "this host has not the address \(httpListen.host); name one of its own, 0.0.0.0 for "
                        + "all of them, or off"))
        }
        checkDirectories(&findings)
        checkEngine(&findings)
        checkModel(&findings)
        findings.warnings = warnings + findings.warnings
        return findings
    }

    /// Where the agent and the engines of this node are going to listen, the agent's own first.
    public func listeningEndpoints(of own: ConfiguredNode) -> [Endpoint] {
        let candidates = nodes.map { $0.candidate(isUsable: true) }
        let plan = try? Planner.plan(
            profile: profile, candidates: candidates, previous: nil, epoch: Epoch.none.next
        ).get()
        let engines = (plan?.groups ?? []).flatMap {
            [$0.http, $0.distInit, $0.bootstrap, $0.store].compactMap { $0 }
        }
        return [Endpoint(host: own.address, port: peerPort)] + (httpListen.map { [$0] } ?? [])
            + engines.filter { $0.host == own.address }
    }

    /// A violation at that field; at the file's beginning where it is not written down.
    public func diagnostic(_ field: String, _ message: String) -> Diagnostic {
        let start = SourceLocation(file: "the configuration", line: 1, column: 1)
        return Diagnostic(
            location: places[field] ?? places[""] ?? start, field: field, message: message)
    }

    private func checkAddress(
        _ own: ConfiguredNode, on host: HostFacts, _ findings: inout ConfigurationFindings
    ) {
        guard !host.owns(own.address) else { return }
        findings.errors.append(
            diagnostic(
                ownNode == nil ? "nodes" : "node",
                "this host has not the address \(own.address) of \(own.node); correct `nodes` or "
                    + "`node`"))
    }

    private static let anyAddresses = ["0.0.0.0", "::"]

    private func checkDirectories(_ findings: inout ConfigurationFindings) {
        if hostRoot != "/", !isDirectory(hostRoot) {
            findings.errors.append(diagnostic("host_root", "there is no directory \(hostRoot)"))
        }
        let place = nearestThatExists(stateDirectory)
        guard isDirectory(place) else {
            findings.errors.append(diagnostic("state_directory", "\(place) is no directory"))
            return
        }
        // Whoever checks may be another than who runs.
        guard access(place, W_OK | X_OK) != 0 else { return }
        findings.warnings.append(
            diagnostic("state_directory", "this user may not write into \(place)"))
    }

    private func checkEngine(_ findings: inout ConfigurationFindings) {
        switch engine {
        case .rehearsal: break
        case .command(let words):
            guard let problem = words.first.flatMap(problemOfProgram) else { return }
            findings.errors.append(diagnostic("engine", problem))
        case .sglang:
            // The profile may set a PATH of its own when it is started.
            let root = HostRoot(hostRoot)
            let scripts = sources.filter { AscendEnvironment.place(of: $0, on: root) == nil }
            let missing = [
                profile.command.first.flatMap(problemOfProgram),
                NPUTool.isInstalled(on: root)
                    ? nil : "there is no npu-smi on this host: install the driver",
                scripts.isEmpty
                    ? nil
                    : "what the profile sources is not on this host: "
                        + scripts.joined(separator: ", "),
            ]
            findings.warnings += missing.compactMap { $0 }.map { diagnostic("engine", $0) }
        }
    }

    private func checkModel(_ findings: inout ConfigurationFindings) {
        guard engine != .rehearsal, access(modelPath, R_OK) != 0 else { return }
        findings.warnings.append(
            diagnostic("model_path", "\(modelPath): \(String(cString: strerror(errno)))"))
    }
}

private func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
}

/// The path, or the deepest of the directories above it that is there.
private func nearestThatExists(_ path: String) -> String {
    var place = path[...]
    while place.count > 1, access(String(place), F_OK) != 0 {
        guard errno == ENOENT || errno == ENOTDIR, let slash = place.lastIndex(of: "/") else {
            break
        }
        place = slash == place.startIndex ? "/" : place[..<slash]
    }
    return String(place)
}

/// Why that program cannot be started; nil where it can.
private func problemOfProgram(_ name: String) -> String? {
    let directories =
        name.contains("/")
        ? [""]
        : (getenv("PATH").map { String(cString: $0) } ?? "").split(separator: ":").map { "\($0)/" }
    var problem = "there is no program \"\(name)\" on the PATH"
    for directory in directories {
        let path = directory + name
        var status = stat()
        guard stat(path, &status) == 0 else {
            if directory.isEmpty { problem = "\(path): \(String(cString: strerror(errno)))" }
            continue
        }
        let isFile = status.st_mode & S_IFMT == S_IFREG
        if isFile, access(path, X_OK) == 0 { return nil }
        problem = isFile ? "\(path) is not executable" : "\(path) is no program"
    }
    return problem
}

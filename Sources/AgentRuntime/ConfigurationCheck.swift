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

    private func checkEngine(_ findings: inout ConfigurationFindings) {
        switch engine {
        case .rehearsal: break
        case .command(let words):
            guard let problem = words.first.flatMap(problemOfProgram) else { return }
            findings.errors.append(diagnostic("engine", problem))
        case .sglang:
            // The profile may set a PATH of its own when it is started.
            guard let problem = profile.command.first.flatMap(problemOfProgram) else { return }
            findings.warnings.append(diagnostic("engine", problem))
        }
    }

    private func checkModel(_ findings: inout ConfigurationFindings) {
        guard engine != .rehearsal, access(modelPath, R_OK) != 0 else { return }
        findings.warnings.append(
            diagnostic("model_path", "\(modelPath): \(String(cString: strerror(errno)))"))
    }
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

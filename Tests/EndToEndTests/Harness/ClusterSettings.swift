// What a test's cluster is made of, and the files that its nodes start from. Times are short, since
// nothing real is loaded; everything else is as an operator has it.

import Base
import EventLoop

/// The four published topologies, each by one profile.
enum Topology: String, CaseIterable, Sendable {
    case onePrefill = "glm-5.1-w4a8-1p1d-32p-in64k-out1k-20ms"
    case mixed = "glm-5.1-w4a8-16p-in3k5-out1k5-50ms"
    case twoPrefills = "glm-5.1-w4a8-2p1d-48p-in128k-out1k-prefix90-50ms"
    case fourPrefills = "glm-5.1-w4a8-4p1d-48p-in64k-out1k-prefix90-50ms"

    /// How many nodes it takes.
    var nodeCount: Int {
        switch self {
        case .mixed: 2
        case .onePrefill: 4
        case .twoPrefills, .fourPrefills: 6
        }
    }

    var hasRouter: Bool { self != .mixed }
}

/// What differs between the clusters of the tests.
struct ClusterSettings {
    var topology = Topology.onePrefill
    var spares = 0
    /// The files of so many nodes name each other alone; those of the others name all.
    var founderCount: Int?
    /// `rehearsal`, or a YAML map with a command.
    var engine = "rehearsal"
    /// Handed to every engine by the profile.
    var environment: [String: String] = [:]
    /// Lines of `timing:` instead of the usual ones.
    var timing: [String: String] = [:]
    /// The text of a profile file that is used in the place of the published one.
    var profileFile: String?
    /// `check` or a map that accepts findings, or `off` where engines count as real ones and there are no dies.
    var launchGate = "check"
    var isolation = "fail-static"
    var preflight = "off"
    var hostTuning = "off"
    /// The directory of the weights, within the host roots.
    var weights = Self.modelPath
    /// The transfer store has a process of its own.
    var hasOwnStore = false
    /// What each node's tools and files are, by its place in the list; `/` beyond the list.
    var hostRoots: [String] = []
}

/// One node of a cluster, and where it lives.
struct TestNode: Hashable, Sendable {
    let name: String
    let address: String
    let directory: String

    var socket: String { "\(directory)/agent.sock" }
    var log: String { "\(directory)/agent.log" }
    var configuration: String { "\(directory)/agent.yaml" }
}

extension ClusterSettings {
    private static let usualTiming = [
        "load_limit": "60s", "stop_grace": "3s", "stable_view": "2s", "backoff_initial": "300ms",
        "backoff_limit": "2s", "plan_grace": "10s", "unresponsive_after": "2s",
    ]
    private static let usualEnvironment = [
        "GLM_REHEARSAL_LOAD_SECONDS": "0.5", "GLM_REHEARSAL_WARMUP_SECONDS": "0.1",
        "SGLANG_HEALTH_CHECK_TIMEOUT": "1", "SGLANG_DISAGGREGATION_HEARTBEAT_INTERVAL": "2",
        "SGLANG_DISAGGREGATION_HEARTBEAT_MAX_FAILURE": "1",
    ]

    /// The weights are never read.
    static let modelPath = "/nonexistent/weights"

    /// The agent.yaml of one node.
    func configuration(of node: TestNode, among nodes: [TestNode], in directory: String) -> String {
        let founders = nodes.prefix(founderCount ?? nodes.count)
        let listed = founders.contains(node) ? Array(founders) : nodes
        let list = listed.map { "  - {name: \($0.name), address: \($0.address)}\n" }.joined()
        let timing = Self.usualTiming.merging(timing) { $1 }.lines(indentation: "  ")
        let environment = Self.usualEnvironment.merging(environment) { $1 }
            .mapValues { "\"\($0)\"" }.lines(indentation: "    ")
        let profile =
            profileFile == nil
            ? "profile: \(topology.rawValue)" : "profile_file: \(directory)/profile.yaml"
        let place = nodes.firstIndex(of: node) ?? 0
        let root = hostRoots.indices.contains(place) ? hostRoots[place] : "/"
        return """
            cluster: end-to-end
            nodes:
            \(list)node: \(node.name)
            secret_file: \(node.directory)/secret
            state_directory: \(node.directory)
            control_socket: \(node.socket)
            http_listen: \(node.address):7601
            engine: \(engine)
            \(profile)
            model_path: \(weights)
            host_tuning: "\(hostTuning)"
            preflight: "\(preflight)"
            launch_gate: \(launchGate == "off" ? "\"off\"" : launchGate)
            isolation: \(isolation)
            host_root: \(root)
            timing:
            \(timing)overrides:
            \(topology.hasRouter ? "  router: {host: \"{address}\"}\n" : "")\(hasOwnStore ? "  store: {process: standalone}\n" : "")  environment:
            \(environment)
            """
    }
}

extension [String: String] {
    /// As a block of a YAML map.
    fileprivate func lines(indentation: String) -> String {
        sorted { $0.key < $1.key }.map { "\(indentation)\($0.key): \($0.value)\n" }.joined()
    }
}

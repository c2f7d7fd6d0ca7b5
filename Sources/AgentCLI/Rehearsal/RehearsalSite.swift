// A cluster's worth of nodes in one directory: each has its configuration, state, logs and control
// socket in DIR/NODE, and an address of its own in 127.0.0.0/8, all of which Linux takes for this
// host. The profile is the one that is rehearsed; what differs is listed in `agentConfiguration`.

import Base
import EventLoop
import Glibc
import Profiles

/// Where a rehearsal lives.
struct RehearsalSite {
    /// Absolute.
    let directory: String
    let nodes: [Node]
    let profile: Profile

    struct Node: Hashable, Sendable {
        let name: String
        let address: String
        /// `DIR/node-1`.
        let directory: String

        var socket: String { "\(directory)/agent.sock" }
        var log: String { "\(directory)/agent.log" }
        var configuration: String { "\(directory)/agent.yaml" }
    }

    /// The weights are never read; the engines are told a path all the same.
    static let modelPath = "/nonexistent/weights"
    /// A path in `sockaddr_un` has at most 107 bytes.
    private static let socketPathLimit = 107

    /// Chooses addresses for the nodes; touches nothing.
    /// - Throws: why there is no place for it.
    init(directory: String, profile: Profile, nodeCount: Int) throws(RehearsalFailure) {
        let network = try Self.freeNetwork(for: profile, nodeCount: nodeCount)
        self.directory = directory
        self.profile = profile
        nodes = (1...nodeCount).map { number in
            Node(
                name: "node-\(number)", address: "127.0.\(network).\(number)",
                directory: "\(directory)/node-\(number)")
        }
        let longest = nodes.map(\.socket.utf8.count).max() ?? 0
        guard longest <= Self.socketPathLimit else {
            throw RehearsalFailure(
                "\(directory) is too long: a socket's path has at most \(Self.socketPathLimit) "
                    + "bytes; name a shorter one with --dir")
        }
    }

    /// Writes what every node starts from.
    /// - Throws: what the system refused.
    func prepare() throws(RehearsalFailure) {
        do throws(UVError) {
            try Files.makeDirectories(directory, permissions: 0o700)
            var generator = SystemRandomNumberGenerator()
            let secret = (0..<64).map { _ in
                UInt8(ascii: "a") + UInt8.random(in: 0..<26, using: &generator)
            }
            try Files.replace(secretFile, with: secret, permissions: 0o600)
            try Files.replace(profileFile, with: Array(profile.yaml.utf8))
            for node in nodes {
                try Files.makeDirectories(node.directory, permissions: 0o700)
                try Files.replace(
                    node.configuration, with: Array(agentConfiguration(of: node).utf8))
            }
        } catch {
            throw RehearsalFailure("\(error)")
        }
    }

    private var secretFile: String { "\(directory)/secret" }
    /// The complete profile, whether it is a published one or the operator's own.
    private var profileFile: String { "\(directory)/profile.yaml" }

    /// The configuration of one node. Times are short, since nothing real is loaded; the router is
    /// bound to its node's address, so that several rehearsals fit on one host.
    func agentConfiguration(of node: Node) -> String {
        let list = nodes.map { "  - {name: \($0.name), address: \($0.address)}\n" }.joined()
        let router = profile.router == nil ? "" : "  router: {host: \"{address}\"}\n"
        return """
            cluster: rehearsal
            nodes:
            \(list)node: \(node.name)
            secret_file: \(secretFile)
            state_directory: \(node.directory)
            control_socket: \(node.socket)
            http_listen: \(node.address):7601
            engine: rehearsal
            profile_file: \(profileFile)
            model_path: \(Self.modelPath)
            host_tuning: "off"
            overrides:
              environment: {GLM_REHEARSAL_LOAD_SECONDS: 1}
            \(router)timing:
              load_limit: 60s
              stop_grace: 5s
              stable_view: 3s
              backoff_initial: 500ms
              backoff_limit: 10s
              plan_grace: 10s

            """
    }

    // MARK: - Addresses

    /// A third byte of 127.0.x.y with every port free that the deployment will want.
    private static func freeNetwork(
        for profile: Profile, nodeCount: Int
    ) throws(RehearsalFailure) -> Int {
        guard (1...250).contains(nodeCount) else {
            throw RehearsalFailure("a rehearsal has 1 to 250 nodes, not \(nodeCount)")
        }
        let ports = profile.portsOfInterest + [7600, 7601]
        for network in 0...254 {
            let isFree = (1...nodeCount).allSatisfy { number in
                ports.allSatisfy { isPortFree($0, at: "127.0.\(network).\(number)") }
            }
            if isFree { return network }
        }
        throw RehearsalFailure(
            "no network 127.0.x has the ports \(ports.map(String.init).joined(separator: ", ")) free"
        )
    }

    /// Whether a server could be bound there now.
    private static func isPortFree(_ port: Int, at address: String) -> Bool {
        let descriptor = socket(AF_INET, streamSocket, 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var reuse: Int32 = 1
        setsockopt(
            descriptor, SOL_SOCKET, SO_REUSEADDR, &reuse, socklen_t(MemoryLayout<Int32>.size))
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = in_port_t(UInt16(port)).bigEndian
        inet_pton(AF_INET, address, &name.sin_addr)
        return withUnsafePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}

/// Glibc shows the kinds of sockets as an enumeration, and `socket` takes a number.
private let streamSocket = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)

extension Profile {
    /// The fixed ports of the deployment: another program that holds one would stop the rehearsal.
    fileprivate var portsOfInterest: [Int] {
        var ports: [Int] = []
        for role in roles {
            ports += [role.ports.http, role.ports.distInit, role.ports.bootstrap].compactMap { $0 }
        }
        ports += [store?.port, router?.port].compactMap { $0 }
        return Array(Set(ports)).sorted()
    }
}

/// Why a rehearsal cannot go on.
struct RehearsalFailure: Error, Hashable, Sendable {
    let reason: String

    init(_ reason: String) {
        self.reason = reason
    }
}

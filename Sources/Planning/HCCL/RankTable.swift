// The rank table: the file that engines read which do not meet through rank 0 (MindIE, lmdeploy,
// HcclCommInitClusterInfo). SGLang needs none. Two versions, after the HCCL user guide
// (cluster_info_config): 1.0 for servers by themselves, 1.2 for super pods, with every die's place
// in the pod. All values are strings; the ranks of a server follow each other, in the order of the
// device numbers (2 before 10), and servers of one super pod stand together.

public import Base

/// What a rank table is made of: the nodes in the order of their ranks.
public struct RankTable: Hashable, Sendable {
    public enum Version: String, Hashable, Sendable {
        case servers = "1.0"
        case superPods = "1.2"
    }

    /// One die of a node.
    public struct Device: Hashable, Sendable {
        /// The physical number: that of `/dev/davinciN`.
        public let id: Int
        /// The address of its own network port; nil where it has none (dies of one super pod).
        public let address: String?
        /// Its place in the super pod (SDID); version 1.2 needs it.
        public let superPodDevice: UInt32?

        public init(id: Int, address: String?, superPodDevice: UInt32? = nil) {
            self.id = id
            self.address = address
            self.superPodDevice = superPodDevice
        }
    }

    /// One node.
    public struct Server: Hashable, Sendable {
        /// Unique, at most 64 characters.
        public let id: String
        /// The address of the host.
        public let hostAddress: String
        /// The super pod that it stands in; version 1.2 needs it.
        public let superPod: String?
        public let devices: [Device]

        public init(id: String, hostAddress: String, superPod: String?, devices: [Device]) {
            self.id = id
            self.hostAddress = hostAddress
            self.superPod = superPod
            self.devices = devices
        }
    }

    public let version: Version
    /// Servers of one super pod together, devices in numeric order.
    public let servers: [Server]

    /// - Parameters:
    ///   - version: `superPods` for nodes that talk over HCCS.
    ///   - servers: in the order of their ranks. Those of one super pod are brought together, behind
    ///     the first of them.
    /// - Throws: what is missing or there twice.
    public init(version: Version, servers: [Server]) throws(RankTableFailure) {
        self.version = version
        let pods = version == .superPods ? servers.map(\.superPod) : []
        var order: [String?] = []
        for pod in pods where !order.contains(pod) { order.append(pod) }
        let together =
            version == .servers
            ? servers : order.flatMap { pod in servers.filter { $0.superPod == pod } }
        self.servers = together.map { server in
            Server(
                id: server.id, hostAddress: server.hostAddress, superPod: server.superPod,
                devices: server.devices.sorted { $0.id < $1.id })
        }
        if let failure = Self.failures(version: version, servers: servers).first { throw failure }
    }

    /// Everything that keeps these from being a rank table; empty where nothing does.
    public static func failures(version: Version, servers: [Server]) -> [RankTableFailure] {
        guard !servers.isEmpty else { return [.noServers] }
        let podCount = Set(servers.map(\.superPod)).count
        return servers.enumerated().flatMap { index, server -> [RankTableFailure] in
            var found: [RankTableFailure] = []
            if server.id.isEmpty || server.id.count > 64 { found.append(.unfitServerID(server.id)) }
            if servers[..<index].contains(where: { $0.id == server.id }) {
                found.append(.serverTwice(server.id))
            }
            if server.devices.isEmpty { found.append(.noDevices(server.id)) }
            if version == .superPods, server.superPod == nil {
                found.append(.noSuperPod(server.id))
            }
            let needsAddress = version == .servers || podCount > 1
            return found + failures(of: server, version, needsAddress: needsAddress)
        }
    }

    private static func failures(
        of server: Server, _ version: Version, needsAddress: Bool
    ) -> [RankTableFailure] {
        var known: Set<Int> = []
        return server.devices.sorted { $0.id < $1.id }.flatMap { die -> [RankTableFailure] in
            var found: [RankTableFailure] = []
            if !known.insert(die.id).inserted { found.append(.deviceTwice(server.id, die.id)) }
            if version == .superPods, die.superPodDevice == nil {
                found.append(.noSuperPodDevice(server.id, die.id))
            }
            if needsAddress, die.address == nil {
                found.append(.noDeviceAddress(server.id, die.id))
            }
            return found
        }
    }

    /// The file.
    public var json: JSONValue {
        var rank = 0
        let list = servers.map { server in
            let devices = server.devices.map { die in
                defer { rank += 1 }
                return json(die, rank: rank)
            }
            var members = [JSONValue.Member("server_id", .string(server.id))]
            if version == .superPods {
                members.append(JSONValue.Member("host_ip", .string(server.hostAddress)))
            }
            members.append(JSONValue.Member("device", .array(devices)))
            return JSONValue.object(members)
        }
        var members = [
            JSONValue.Member("status", "completed"),
            JSONValue.Member("version", .string(version.rawValue)),
            JSONValue.Member("server_count", .string(String(servers.count))),
            JSONValue.Member("server_list", .array(list)),
        ]
        if version == .superPods {
            members.append(JSONValue.Member("super_pod_list", .array(superPods)))
        }
        return .object(members)
    }

    private func json(_ die: Device, rank: Int) -> JSONValue {
        var members = [JSONValue.Member("device_id", .string(String(die.id)))]
        if version == .superPods, let place = die.superPodDevice {
            members.append(JSONValue.Member("super_device_id", .string(String(place))))
        }
        if let address = die.address {
            members.append(JSONValue.Member("device_ip", .string(address)))
        }
        members.append(JSONValue.Member("rank_id", .string(String(rank))))
        return .object(members)
    }

    private var superPods: [JSONValue] {
        var order: [String] = []
        for case let pod? in servers.map(\.superPod) where !order.contains(pod) {
            order.append(pod)
        }
        return order.map { pod in
            let members = servers.filter { $0.superPod == pod }
            let ids = members.map { server -> JSONValue in ["server_id": .string(server.id)] }
            return ["super_pod_id": .string(pod), "server_list": .array(ids)]
        }
    }
}

/// Why there is no rank table.
public enum RankTableFailure: Error, Hashable, Sendable, CustomStringConvertible {
    case noServers
    case unfitServerID(String)
    case serverTwice(String)
    case noDevices(String)
    case deviceTwice(String, Int)
    case noSuperPod(String)
    case noSuperPodDevice(String, Int)
    case noDeviceAddress(String, Int)

    public var description: String {
        switch self {
        case .noServers: "a rank table needs at least one node"
        case .unfitServerID(let id): "\"\(id)\" is no server id: 1 to 64 characters are"
        case .serverTwice(let id): "\(id) is there twice"
        case .noDevices(let id): "\(id) has no devices"
        case .deviceTwice(let id, let die): "\(id) has device \(die) twice"
        case .noSuperPod(let id):
            "\(id) is in no known super pod; version 1.2 needs it: npu-smi info -t spod-info"
        case .noSuperPodDevice(let id, let die):
            "device \(die) of \(id) has no SDID; version 1.2 needs it: npu-smi info -t spod-info"
        case .noDeviceAddress(let id, let die):
            "device \(die) of \(id) has no address; servers outside one super pod need it: "
                + "hccn_tool -i \(die) -ip -g, and /etc/hccn.conf keeps it"
        }
    }
}

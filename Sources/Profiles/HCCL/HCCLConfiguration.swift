// HCCL as one group uses it: one value, read from the profile's environment, equal on every rank but
// for the node's own interface and address. Ranks that disagree do not meet (EI0005, EI0015).

/// HCCL's settings of a role; what the profile leaves out has HCCL's default on Atlas A3.
public struct HCCLConfiguration: Hashable, Sendable {
    /// The operation modes of HCCL; in `AIV` its execution limit is at most 1091 s.
    public enum ExpansionMode: String, Hashable, Sendable {
        case aiCPU = "AI_CPU"
        case aiCPUWithoutCache = "AICPU_CacheDisable"
        case aiVector = "AIV"
    }

    /// MB of device memory; a communicator takes it twice.
    public let bufferMegabytes: Int
    /// How long a rank waits for the others to connect; HCCL adds 20 s of its own.
    public let connectTimeout: Duration
    /// How long an operation may take; nil for no limit.
    public let execTimeout: Duration?
    public let expansionMode: ExpansionMode
    /// Host ports that the ranks of a node listen on; empty where HCCL takes any (`auto`).
    public let hostPorts: [ClosedRange<Int>]
    /// Every variable of HCCL and Gloo that is set, as it is written, by name.
    public let variables: [NamedValue]

    /// HCCL's ports where nothing is set: 32 on current CANN, 16 before.
    public static let defaultHostPorts = 60000...60031

    /// The settings in an environment that was checked (`AscendValidation`).
    init(_ environment: [NamedValue]) {
        let values = Dictionary(environment.map { ($0.name, $0.value) }) { _, last in last }
        func number(_ name: String) -> Int? { values[name].flatMap { Int($0) } }
        bufferMegabytes = number("HCCL_BUFFSIZE") ?? 200
        connectTimeout = .seconds(number("HCCL_CONNECT_TIMEOUT") ?? 120)
        expansionMode =
            values["HCCL_OP_EXPANSION_MODE"].flatMap { ExpansionMode(rawValue: $0) } ?? .aiCPU
        let limit = number("HCCL_EXEC_TIMEOUT") ?? (expansionMode == .aiVector ? 1091 : 1836)
        execTimeout = limit == 0 ? nil : .seconds(limit)
        if let range = values["HCCL_HOST_SOCKET_PORT_RANGE"] {
            hostPorts = HCCLPorts.ranges(range) ?? []
        } else if let base = number("HCCL_IF_BASE_PORT") {
            hostPorts = [base...min(base + 31, 65535)]
        } else {
            hostPorts = [Self.defaultHostPorts]
        }
        variables = environment.filter { Self.isOurs($0.name) }.sorted { $0.name < $1.name }
    }

    /// What ranks must agree on.
    static func isOurs(_ name: String) -> Bool {
        name.hasPrefix("HCCL_") || name.hasSuffix("_SOCKET_IFNAME")
    }
}

extension Profile {
    /// HCCL as the groups of a role use it.
    public func hccl(of role: RoleProfile) -> HCCLConfiguration {
        HCCLConfiguration(environment(of: role))
    }
}

enum HCCLPorts {
    /// `61000-61031,61100` as ranges; nil where it is no such list.
    static func ranges(_ text: String) -> [ClosedRange<Int>]? {
        var ranges: [ClosedRange<Int>] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let bounds = part.split(separator: "-", omittingEmptySubsequences: false)
                .map { Int($0) }
            guard (1...2).contains(bounds.count), let low = bounds[0],
                let high = bounds.last ?? nil,
                (1...65535).contains(low), (low...65535).contains(high)
            else { return nil }
            ranges.append(low...high)
        }
        return ranges.isEmpty ? nil : ranges
    }
}

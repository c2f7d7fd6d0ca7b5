// One deployment recipe as data. A profile says what runs and in which shape, never where: nodes and
// addresses come from the plan, through the placeholders of `Template`. The text form and its merge
// rules are specified in Protocols/profile.md.

public import Base

/// A deployment recipe, complete: nothing is inherited any more.
public struct Profile: Hashable, Sendable {
    public var name: String
    /// One line for people.
    public var summary: String?
    /// The row of the published table, for the published profiles.
    public var published: Publication?
    public var model: String
    public var hardware: String
    /// The accelerator cards that all groups take together.
    public var cards: Int
    public var devicesPerCard: Int
    public var quantization: String?
    /// The SGLang versions that understand the arguments; nil where nobody has said.
    public var sglang: VersionRange?
    /// What the engine arguments follow: `python3 -m sglang.launch_server`.
    public var command: [String]
    /// Further directories by the placeholder that stands for each: `draft_model`.
    public var paths: [NamedValue]
    /// Kernel settings that every node is tuned to before an engine starts.
    public var sysctl: [NamedValue]
    /// The CPU frequency governor; nil leaves it alone.
    public var governor: String?
    /// Environment names that no engine may inherit.
    public var unset: [String]
    /// Shell files that prepare the environment.
    public var source: [String]
    /// The environment of every engine.
    public var environment: [NamedValue]
    /// The arguments of every engine.
    public var arguments: [Argument]
    /// Prefill then decode, or mixed.
    public var roles: [RoleProfile]
    public var store: StoreProfile?
    public var router: RouterProfile?
    public var benchmark: BenchmarkProfile?
    /// Where this differs from its publication, and why.
    public var deviations: [Deviation]
    /// What is worth knowing about the publication and was not changed, by topic.
    public var notes: [NamedValue]
}

/// A name and its value, in the order of the text.
public struct NamedValue: Hashable, Sendable {
    public let name: String
    public let value: String

    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// One argument: a flag and the words that follow it.
public struct Argument: Hashable, Sendable {
    public let flag: String
    /// Empty for a flag that stands alone.
    public let values: [String]

    public init(_ flag: String, _ values: [String]) {
        self.flag = flag
        self.values = values
    }
}

/// The row of the published table.
public struct Publication: Hashable, Sendable {
    /// The heading of the entry, of which the profile's name is made.
    public let heading: String
    /// `Low Latency` or `High Throughput`.
    public let category: String
    public let deployMode: String
    public let dataset: String
    /// The stated time per output token, as published: `50ms`.
    public let tpot: String
    public let configuration: String
}

/// The groups of one role.
public struct RoleProfile: Hashable, Sendable {
    public let role: Role
    public var groups: Int
    /// Nodes of each group.
    public var nodes: Int
    public var devices: DeviceSelection
    public var ports: RolePorts
    public var environment: [NamedValue]
    public var arguments: [Argument]
}

/// Which devices of a node a group takes.
public enum DeviceSelection: Hashable, Sendable {
    /// Devices 0 up to the count.
    case count(Int)
    /// The same devices for every group.
    case list([Int])
    /// One list for each group.
    case perGroup([[Int]])

    public func devices(ofGroup index: Int) -> [Int] {
        switch self {
        case .count(let count): Array(0..<count)
        case .list(let devices): devices
        case .perGroup(let lists): lists[index]
        }
    }
}

/// The ports of a role's groups on their nodes.
public struct RolePorts: Hashable, Sendable {
    public var http: Int
    /// Where the ranks of a group meet; nil where they need not (one node).
    public var distInit: Int?
    /// The bootstrap port of the first group; group `i` takes this plus `i`.
    public var bootstrap: Int?
    /// Added to `http` and `distInit` for each further group, so that groups can share a node.
    public var step: Int
    /// How many ports, 16 apart from `distInit` on, the generations of a group take turns with.
    public var turns: Int
}

/// The store through which prefill and decode find each other's memory; it listens on the node of
/// rank 0 of the first group.
public struct StoreProfile: Hashable, Sendable {
    /// Whose process it is in.
    public enum Process: String, Hashable, Sendable, CaseIterable {
        /// In that of rank 0 of the first prefill group, as published.
        case owner
        /// In one of its own, so that no engine takes it along.
        case standalone
    }

    public var port: Int
    public var process: Process
    /// What a process of its own is started with.
    public var command: [String]

    public static let standardCommand = ["python3", "-m", "mf_adapter.launch_ascend_mf_store"]
}

public struct RouterProfile: Hashable, Sendable {
    public var command: [String]
    /// The address that is bound; `{address}` is that of the router's node.
    public var host: String
    public var port: Int
    /// The port of the router's own metrics.
    public var metricsPort: Int
    /// An argument with a worker placeholder is repeated for every worker of that role.
    public var arguments: [Argument]
}

public struct BenchmarkProfile: Hashable, Sendable {
    public var command: [String]
    public var arguments: [Argument]
}

/// One place where a profile differs from what was published.
public struct Deviation: Hashable, Sendable {
    /// `prefill environment SGLANG_HOST_IP`: the role, `router` or `benchmark`; then `environment` or
    /// `argument`; then the name.
    public let place: String
    public let published: String
    public let ours: String
    public let why: String

    public init(place: String, published: String, ours: String, why: String) {
        self.place = place
        self.published = published
        self.ours = ours
        self.why = why
    }
}

extension Profile {
    public func role(_ role: Role) -> RoleProfile? {
        roles.first { $0.role == role }
    }

    /// The environment of a role's engines: the common one, then the role's, which wins.
    public func environment(of role: RoleProfile) -> [NamedValue] {
        var merged = environment
        for variable in role.environment {
            if let index = merged.firstIndex(where: { $0.name == variable.name }) {
                merged[index] = variable
            } else {
                merged.append(variable)
            }
        }
        return merged
    }

    /// The arguments of a role's engines: the common ones, then the role's, which win.
    public func arguments(of role: RoleProfile) -> [Argument] {
        var merged = arguments
        for argument in role.arguments {
            if let index = merged.firstIndex(where: { $0.flag == argument.flag }) {
                merged[index] = argument
            } else {
                merged.append(argument)
            }
        }
        return merged
    }

    /// How long a prefill group must be silent until every decode has dropped what it knew of it: the
    /// heartbeats that SGLang lets fail, half a one for the phase, and what a dial may take. A new
    /// generation at the same addresses would else be taken for the old one.
    public var decodePatience: Duration {
        let variables = role(.decode).map { environment(of: $0) } ?? []
        func number(_ name: String, _ standard: Double, atLeast least: Double) -> Double {
            let text = variables.last { $0.name == "SGLANG_DISAGGREGATION_HEARTBEAT_\(name)" }?
                .value
            return max(
                least, text.flatMap { Double($0) }.flatMap { $0 < 3600 ? $0 : nil } ?? standard)
        }
        let interval = number("INTERVAL", 5, atLeast: 2)
        return .seconds(interval * (number("MAX_FAILURE", 2, atLeast: 1) + 0.5))
    }

    /// `mixed`, `1P1D`, `2P1D`, `4P1D`: groups of prefill and of decode.
    public var topology: String {
        guard let prefill = role(.prefill), let decode = role(.decode) else { return "mixed" }
        return "\(prefill.groups)P\(decode.groups)D"
    }
}

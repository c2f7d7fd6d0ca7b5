// Everything that one shard is started with: nothing is added later and nothing left out, so that
// what `render` prints is what runs.

public import Base
public import Profiles

/// One environment variable, in the order of the publication.
public struct EnvironmentVariable: Hashable, Sendable {
    public let name: String
    public let value: String

    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// What the host is tuned to before an engine starts.
public struct HostTuning: Hashable, Sendable {
    /// Kernel settings by their dotted names.
    public let sysctl: [EnvironmentVariable]
    /// The CPU frequency governor; nil leaves it alone.
    public let governor: String?

    public init(sysctl: [EnvironmentVariable], governor: String?) {
        self.sysctl = sysctl
        self.governor = governor
    }

    public static let none = HostTuning(sysctl: [], governor: nil)
}

/// One shard, ready to launch. The router is launched from one too.
public struct LaunchSpec: Hashable, Sendable {
    public let node: NodeID
    public let group: GroupName
    public let role: Role
    public let rank: NodeRank
    /// Set after `source`, as the publication does.
    public let environment: [EnvironmentVariable]
    /// Names removed from the environment first.
    public let unset: [String]
    /// Shell files sourced before the environment is set.
    public let source: [String]
    /// The published command: `python3 -m sglang.launch_server …`.
    public let argv: [String]
    public let host: HostTuning
    /// What of the profile is said in other words, for an SGLang that the profile is not written
    /// for.
    public let translations: [Translation]
    /// The scheduler processes that it must have; nil where it has none, as a router.
    public let schedulers: SchedulerLayout?

    public init(
        node: NodeID, group: GroupName, role: Role, rank: NodeRank,
        environment: [EnvironmentVariable], unset: [String], source: [String], argv: [String],
        host: HostTuning, translations: [Translation] = [], schedulers: SchedulerLayout? = nil
    ) {
        self.node = node
        self.group = group
        self.role = role
        self.rank = rank
        self.environment = environment
        self.unset = unset
        self.source = source
        self.argv = argv
        self.host = host
        self.translations = translations
        self.schedulers = schedulers
    }

    /// What it does not inherit: `unset`, and where that takes a proxy away the one that stands for all, which
    /// the publication has forgotten.
    public var removed: [String] {
        let hasProxy = unset.contains { $0.lowercased().hasSuffix("_proxy") }
        return unset + (hasProxy ? ["ALL_PROXY", "all_proxy"] : []).filter { !unset.contains($0) }
    }

    /// The Python of a router that is started as published; nil where this is something else.
    public var routerPython: String? {
        let module = argv.dropFirst().prefix(2)
        return role == .router && Array(module) == ["-m", "sglang_router.launch_router"]
            ? argv.first : nil
    }
}

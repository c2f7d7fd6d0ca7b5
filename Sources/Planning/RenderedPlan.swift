// Everything that `glm-agent render` tells: what would run where, as data and as scripts.

public import Base
public import Profiles

/// A plan with its launch specs.
public struct RenderedPlan: Hashable, Sendable {
    /// The shape is Protocols/planning.md, "Rendered plan".
    public let json: JSONValue
    /// One complete bash script for every node that runs something, in the order of the ranks.
    public let scripts: [NodeScript]
    /// The router alone, on its node; nil where there is none.
    public let routerScript: NodeScript?
    /// Where the profile differs from its publication, with the values that stand in the scripts.
    public let deviations: [Deviation]

    public struct NodeScript: Hashable, Sendable {
        public let node: NodeID
        public let text: String
    }

    /// What the operator should know of it, one sentence each.
    public let warnings: [String]

    /// Renders a plan of this profile, in the words of its publication.
    ///
    /// - Parameters:
    ///   - profile: the profile that the plan was made for.
    ///   - modelPath: the directory of the weights.
    ///   - plan: what to render.
    ///   - interface: the network interface of a node's address.
    public init(
        profile: Profile, modelPath: String, plan: Plan, interface: (NodeID) -> String
    ) {
        let specs = plan.allRanks.map { group, rank in
            LaunchSpec.make(
                profile: profile, modelPath: modelPath, group: group, rank: rank,
                interface: interface(group.ranks[rank.value].node))
        }
        self.init(profile, modelPath, plan, specs, warnings: profile.portWarnings)
    }

    /// Renders a plan of this profile for nodes that have that SGLang.
    ///
    /// - Parameters:
    ///   - profile: the profile that the plan was made for.
    ///   - modelPath: the directory of the weights.
    ///   - plan: what to render.
    ///   - sglang: the installed version; nil for what the profile is written for.
    ///   - interface: the network interface of a node's address.
    /// - Throws: what of the profile has no words in that version.
    public init(
        profile: Profile, modelPath: String, plan: Plan, sglang: Version?,
        interface: (NodeID) -> String
    ) throws(DialectRefusal) {
        var specs: [LaunchSpec] = []
        for (group, rank) in plan.allRanks {
            specs.append(
                try LaunchSpec.make(
                    profile: profile, modelPath: modelPath, group: group, rank: rank,
                    interface: interface(group.ranks[rank.value].node), sglang: sglang))
        }
        let warning = sglang.flatMap { profile.dialectWarning(for: $0) }
        self.init(
            profile, modelPath, plan, specs,
            warnings: [warning].compactMap { $0 } + profile.portWarnings)
    }

    private init(
        _ profile: Profile, _ modelPath: String, _ plan: Plan, _ specs: [LaunchSpec],
        warnings: [String]
    ) {
        self.warnings = warnings
        let router = specs.first { $0.role == .router }
        let benchmark = plan.benchmarkArguments(profile: profile, modelPath: modelPath)
        let rendering = RenderedDeviation(profile: profile, specs: specs, benchmark: benchmark)
        deviations = profile.deviations.map(rendering.shown)
        json = [
            "profile": .string(profile.name),
            "topology": .string(profile.topology),
            "shards": .array(specs.filter { $0.role != .router }.map(\.json)),
            "router": router.map { ["argv": .strings($0.argv)] } ?? .null,
            "benchmark": benchmark.map { ["argv": .strings($0)] } ?? .null,
            "deviations": .array(deviations.map(\.json)),
            "translations": .array(Self.translations(specs)),
            "warnings": .strings(warnings),
        ]
        var nodes: [NodeID] = []
        for spec in specs where !nodes.contains(spec.node) { nodes.append(spec.node) }
        func script(_ node: NodeID, _ specs: [LaunchSpec]) -> NodeScript {
            let script = ShellScript(profile: profile.name, node: node, specs: specs)
            return NodeScript(node: node, text: script.text)
        }
        scripts = nodes.map { node in script(node, specs.filter { $0.node == node }) }
        routerScript = router.map { script($0.node, [$0]) }
    }

    /// What was translated, once for every role.
    private static func translations(_ specs: [LaunchSpec]) -> [JSONValue] {
        var told: Set<[String]> = []
        return specs.flatMap { spec in
            spec.translations.filter { told.insert([spec.role.rawValue, $0.flag]).inserted }.map {
                $0.json(role: spec.role)
            }
        }
    }
}

extension Plan {
    /// Every rank of every group, in the order of the groups.
    fileprivate var allRanks: [(PlannedGroup, NodeRank)] {
        groups.flatMap { group in group.ranks.indices.map { (group, NodeRank($0)) } }
    }
}

extension LaunchSpec {
    /// One element of `shards`.
    public var json: JSONValue {
        [
            "node": .string(node.name),
            "group": .string(group.name),
            "role": .string(role.rawValue),
            "node_rank": .integer(Int64(rank.value)),
            "environment": .variables(environment),
            "unset": .strings(unset),
            "source": .strings(source),
            "argv": .strings(argv),
            "host": ["sysctl": .variables(host.sysctl), "governor": JSONValue(host.governor)],
        ]
    }
}

extension Deviation {
    /// As `render` and `bench` tell it.
    public var json: JSONValue {
        [
            "where": .string(place), "published": .string(published), "ours": .string(ours),
            "why": .string(why),
        ]
    }
}

extension Translation {
    fileprivate func json(role: Role) -> JSONValue {
        [
            "role": .string(role.rawValue), "flag": .string(flag),
            "action": .string(action.rawValue), "replacement": JSONValue(replacement),
            "why": .string(why),
        ]
    }
}

extension JSONValue {
    fileprivate static func strings(_ texts: [String]) -> JSONValue {
        .array(texts.map { .string($0) })
    }

    fileprivate static func variables(_ variables: [EnvironmentVariable]) -> JSONValue {
        .object(variables.map { Member($0.name, .string($0.value)) })
    }
}

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

    /// Renders a plan of this profile.
    ///
    /// - Parameters:
    ///   - profile: the profile that the plan was made for.
    ///   - modelPath: the directory of the weights.
    ///   - plan: what to render.
    ///   - interface: the network interface of a node's address.
    public init(
        profile: Profile, modelPath: String, plan: Plan, interface: (NodeID) -> String
    ) {
        let specs = plan.groups.flatMap { group in
            group.ranks.enumerated().map { rank, holder in
                LaunchSpec.make(
                    profile: profile, modelPath: modelPath, plan: plan, group: group.name,
                    rank: NodeRank(rank), interface: interface(holder.node))
            }
        }
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
    fileprivate var json: JSONValue {
        [
            "where": .string(place), "published": .string(published), "ours": .string(ours),
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

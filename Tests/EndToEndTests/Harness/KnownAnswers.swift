// The answers that a deployment must give: the sizes are those of the published command lines, as
// `glm-agent render` prints them, and the addresses those of the committed plan.

import Base
import RehearsalEngine

let knownPrompt = "every rank has its place"
let knownLength = 6

struct KnownAnswers {
    /// One for each prefill group; which of them reads is the router's choice.
    let all: [String]

    /// The answers of the cluster as it is planned now.
    /// Groups named by `without` are left out: they are known not to serve.
    init(_ cluster: TestCluster, on node: TestNode, without: [String] = []) throws {
        let names = cluster.nodes.prefix(cluster.settings.topology.nodeCount).map(\.address)
        let render = try cluster.begin([
            "render", cluster.settings.topology.rawValue, "--nodes", names.joined(separator: ","),
            "--interface", "lo", "--model", ClusterSettings.modelPath, "--json",
        ])
        try cluster.check(render.exitCode() == 0, "render: \(render.errorOutput)")
        let shards = try JSONValue(parsing: render.output).elements("shards")
        let (code, text) = try cluster.ask(node, ["plan", "--json"])
        try cluster.check(code == 0, "plan: \(text)")
        var prefills: [WorldShape?] = []
        var last: WorldShape?
        for group in try JSONValue(parsing: text).elements("groups")
        where !["router", "store"].contains(group.text("role"))
            && !without.contains(group.text("name"))
        {
            let addresses = group.elements("ranks").map { $0.text("address") }
            let shard = shards.first {
                $0.text("group") == group.text("name") && $0.number("node_rank") == 0
            }
            let argv = shard?.elements("argv").compactMap(\.stringValue) ?? []
            let shape = try WorldShape(EngineArguments(command: argv), nodes: addresses)
            if shape.role == .prefill { prefills.append(shape) } else { last = shape }
        }
        guard let last else { throw TestFailure("the plan has nothing that writes: \(text)") }
        all = (prefills.isEmpty ? [nil] : prefills).map {
            KnownAnswer.expected(
                prompt: knownPrompt, maxTokens: knownLength, prefill: $0, decodeOrMixed: last)
        }
    }
}

// A load is long; how far it has come is seen from every node.

import Base
import Glibc
import Testing

extension EndToEnd {
    @Suite struct LoadingTests {
        @Test func `every node tells how far each rank has loaded`() throws {
            var settings = ClusterSettings()
            settings.topology = .mixed
            settings.environment = ["GLM_REHEARSAL_LOAD_SECONDS": "6"]
            try TestCluster.run(settings) { cluster in
                for node in cluster.nodes {
                    try cluster.wait(for: "\(node.name) to see both ranks under way", on: node) {
                        let ranks = $0.json.elements("groups").first?.elements("ranks") ?? []
                        return ranks.count == 2
                            && ranks.allSatisfy {
                                let fraction = $0["progress"]?["fraction"]?.numberValue ?? 0
                                return $0["progress"]?.text("phase") == "weights"
                                    && fraction > 0 && fraction < 1
                            }
                    }
                }
                let shown = try cluster.ask(cluster.nodes[1], ["status"]).output
                #expect(shown.contains("loads: weights "), "\(shown)")
                let ready = try cluster.waitUntilReady()
                let ranks = ready.json.elements("groups").first?.elements("ranks") ?? []
                #expect(ranks.map { $0["progress"] } == [.null, .null])
            }
        }

        @Test func `an agent that is away for longer than every gate costs no load`() throws {
            var settings = ClusterSettings()
            settings.environment = ["GLM_REHEARSAL_LOAD_SECONDS": "20"]
            try TestCluster.run(settings) { cluster in
                let loading = try cluster.wait(for: "both ranks of decode to load") { status in
                    let ranks =
                        status.json.elements("groups")
                        .first { $0.text("name") == "decode-0" }?.elements("ranks") ?? []
                    return ranks.count == 2
                        && ranks.allSatisfy { $0["progress"]?.text("phase") == "weights" }
                }
                let decode = loading.json.elements("groups").first { $0.text("name") == "decode-0" }
                let name = decode?.elements("ranks").last?.text("node") ?? ""
                let node = try cluster.node(name)
                let witness = try #require(cluster.nodes.first { $0 != node })
                try cluster.end(node, signal: SIGKILL)
                let waits = try cluster.wait(for: "the word that it is waited for", on: witness) {
                    $0.json.elements("groups").contains {
                        $0.text("why").contains("the agent of \(name) is gone, its host answers")
                    }
                }
                let why = waits.json.elements("groups").map { $0.text("why") }.joined()
                #expect(why.contains("while it moves, until 20"), "\(why)")
                // Three times the stable view, and the time of an unresponsive engine.
                cluster.pause(.seconds(6))
                try cluster.start(node)
                let ready = try cluster.waitUntilReady(on: witness)
                #expect(ready.launches.allSatisfy { $0.generation == 1 }, "\(ready.launches)")
            }
        }
    }
}

// A load is long; how far it has come is seen from every node.

import Base
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
    }
}

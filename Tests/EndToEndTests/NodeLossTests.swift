// A node is gone with everything on it.

import Base
import Testing

extension EndToEnd {
    @Suite struct NodeLossTests {
        @Test func `a group waits for its lost node, says so, and is whole when it is back`() throws
        {
            try TestCluster.run { cluster in
                let before = try cluster.waitUntilReady()
                let lost = cluster.nodes[3]
                try cluster.lose(lost)
                let waiting = try cluster.wait(for: "waiting") {
                    $0.group("decode-0")?.state == "waiting"
                }
                #expect(waiting.exitCode == 3)
                let why = waiting.group("decode-0")?.why ?? ""
                #expect(why.contains("node-4") && why.contains("rank 1"), "\(why)")
                #expect(waiting.reasons.contains { $0.contains("node-4") }, "\(waiting.reasons)")
                #expect(waiting.group("prefill-0")?.pids == before.group("prefill-0")?.pids)

                try cluster.start(lost)
                let after = try cluster.waitUntilReady()
                #expect(after.group("prefill-0")?.pids == before.group("prefill-0")?.pids)
                #expect(after.group("decode-0")?.ranks.map(\.node) == ["node-3", "node-4"])
                let known = try KnownAnswers(cluster, on: cluster.nodes[0])
                try cluster.wait(for: "the router to follow") {
                    known.all.contains(cluster.complete(after))
                }
            }
        }

        @Test func `a spare takes the rank of a lost node, and the other group goes on`() throws {
            var settings = ClusterSettings()
            settings.spares = 1
            try TestCluster.run(settings) { cluster in
                let before = try cluster.waitUntilReady()
                try cluster.lose(cluster.node(before.group("decode-0")?.ranks[0].node))
                let after = try cluster.wait(for: "ready with the spare") {
                    $0.isReady && $0.epoch > before.epoch
                }
                #expect(after.group("decode-0")?.ranks.map(\.node) == ["node-5", "node-4"])
                #expect(after.group("prefill-0") == before.group("prefill-0"))
                let known = try KnownAnswers(cluster, on: cluster.nodes[0])
                try cluster.wait(for: "the router to follow") {
                    known.all.contains(cluster.complete(after))
                }
            }
        }

        /// The first has the transfer store, which takes the others with it.
        @Test(arguments: ["prefill-1", "prefill-3"])
        func `three prefill groups serve on when the node of the fourth is lost`(
            name: String
        ) throws {
            var settings = ClusterSettings()
            settings.topology = .fourPrefills
            try TestCluster.run(settings) { cluster in
                let before = try cluster.waitUntilReady()
                let lost = try cluster.node(before.group(name)?.ranks[0].node)
                try cluster.lose(lost)
                let waiting = try cluster.wait(
                    for: "\(name) waits, and the router does not", within: .seconds(40)
                ) {
                    $0.group(name)?.state == "waiting" && $0.router?.state == "ready"
                }
                let asked = try #require(cluster.nodes.first { $0 != lost })
                let known = try KnownAnswers(cluster, on: asked, without: [name])
                try cluster.wait(for: "the router to leave it out") {
                    (0..<4).allSatisfy { _ in known.all.contains(cluster.complete(waiting)) }
                }
                var answers: Set<String> = []
                for _ in 0..<9 { answers.insert(cluster.complete(waiting)) }
                #expect(answers == Set(known.all))
                for launch in before.launches where launch.group != name {
                    #expect(waiting.launches.contains(launch), "\(launch)")
                }
            }
        }
    }
}

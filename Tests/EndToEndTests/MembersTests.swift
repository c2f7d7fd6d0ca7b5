// Nodes come and go while the engines serve.

import Base
import EventLoop
import Testing

extension EndToEnd {
    @Suite struct MembersTests {
        /// The node's own file says that it joins those that are there.
        private func joining(_ cluster: TestCluster, _ node: TestNode) throws {
            let text = String(decoding: try Files.read(node.configuration), as: UTF8.self)
            try Files.replace(node.configuration, with: Array("join: true\n\(text)".utf8))
        }

        /// By node; nil where the agent does not answer.
        private func roles(_ cluster: TestCluster, _ node: TestNode) -> [String: String]? {
            guard let (code, text) = try? cluster.ask(node, ["members", "--json"]), code == 0,
                let members = try? JSONValue(parsing: text).elements("members")
            else { return nil }
            return Dictionary(
                uniqueKeysWithValues: members.map { ($0.text("node"), $0.text("role")) })
        }

        @Test func `a node joins, another is removed, and no engine notices`() throws {
            var settings = ClusterSettings()
            settings.spares = 1
            // The files of the first four name each other alone.
            settings.founderCount = 4
            try TestCluster.run(
                settings,
                prepare: { cluster in
                    for node in cluster.nodes.prefix(4) { try cluster.start(node) }
                }
            ) { cluster in
                let before = try cluster.waitUntilReady()
                let (first, new) = (cluster.nodes[0], cluster.nodes[4])
                try joining(cluster, new)
                try cluster.start(new)
                try cluster.wait(for: "node-5 to wait") {
                    let (code, text) = try cluster.ask(new, ["status"])
                    return code == 3 && text.contains("waits to be taken into the cluster")
                }
                let add = ["members", "add", new.name, new.address]
                let (code, text) = try cluster.ask(first, add)
                #expect(code == 0, "\(text)")
                try cluster.wait(for: "node-5 to vote") {
                    roles(cluster, first)?["node-5"] == "voter"
                }
                #expect(try cluster.ask(first, add).0 == 1, "twice is refused")

                // Not one that serves, unless by force.
                let held = try cluster.ask(first, ["members", "remove", "node-4"])
                #expect(held.0 == 1)
                let forced = try cluster.ask(new, ["members", "remove", "--force", "node-4"])
                #expect(forced.0 == 0, "\(forced.1)")
                let after = try cluster.wait(for: "decode-0 on node-5", within: .seconds(60)) {
                    $0.isReady && $0.group("decode-0")?.ranks.map(\.node).contains("node-5") == true
                }
                #expect(after.group("prefill-0")?.pids == before.group("prefill-0")?.pids)
                try cluster.wait(for: "node-4 to be gone") {
                    roles(cluster, first).map { $0["node-4"] == nil } ?? false
                }
                try cluster.wait(for: "node-4 to know") {
                    let (code, text) = try cluster.ask(cluster.nodes[3], ["status"])
                    return code == 3 && text.contains("was removed from the cluster")
                }
                let known = try KnownAnswers(cluster, on: first)
                try cluster.wait(for: "the router to follow") {
                    known.all.contains(cluster.complete(after))
                }
            }
        }

        @Test func `a node goes on alone when the others are lost for ever, and grows again`()
            throws
        {
            var settings = ClusterSettings()
            settings.topology = .mixed
            settings.spares = 1
            try TestCluster.run(settings) { cluster in
                _ = try cluster.waitUntilReady()
                let (survivor, reborn) = (cluster.nodes[0], cluster.nodes[1])
                for node in cluster.nodes.dropFirst() { try cluster.lose(node) }
                try cluster.end(survivor, signal: 15)
                let recover = ["recover", "--config", survivor.configuration, "--as-only-voter"]
                let warned = try cluster.begin(recover)
                #expect(try warned.exitCode() == 2)
                #expect(warned.output.contains("WARNING"), "\(warned.output)")
                let done = try cluster.begin(recover + ["--accept-loss"])
                #expect(try done.exitCode() == 0, "\(done.errorOutput)")
                try cluster.start(survivor)
                try cluster.wait(for: "node-1 alone") {
                    roles(cluster, survivor) == ["node-1": "voter"]
                }
                // The other server comes back with an empty disk.
                try Files.removeTree("\(reborn.directory)/consensus")
                try joining(cluster, reborn)
                try cluster.start(reborn)
                let (code, text) = try cluster.ask(
                    survivor, ["members", "add", reborn.name, reborn.address])
                #expect(code == 0, "\(text)")
                let after = try cluster.wait(for: "ready on two", within: .seconds(60)) {
                    $0.isReady
                }
                #expect(after.groups.first?.ranks.map(\.node) == ["node-1", "node-2"])
            }
        }
    }
}

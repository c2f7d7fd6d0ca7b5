// A changed file is looked at, rolled out group by group, and taken back.

import Base
import EventLoop
import Testing

extension EndToEnd {
    @Suite struct RolloutTests {
        /// A node's file with another value for decode.
        private func changedFile(_ cluster: TestCluster) throws -> String {
            let path = "\(cluster.nodes[0].directory)/changed.yaml"
            let text = String(
                decoding: try Files.read(cluster.nodes[0].configuration), as: UTF8.self)
            let changed = text.replacing(
                "overrides:\n",
                with: "overrides:\n  roles: {decode: {environment: {GLM_TEST_MARK: \"7\"}}}\n")
            try Files.replace(path, with: Array(changed.utf8))
            return path
        }

        @Test
        func `a change is shown byte by byte, comes to the groups it concerns, and to no other`()
            throws
        {
            var settings = ClusterSettings()
            settings.hasOwnStore = true
            try TestCluster.run(settings) { cluster in
                let before = try cluster.waitUntilReady()
                let file = try changedFile(cluster)
                let shown = try cluster.ask(cluster.nodes[1], ["plan", "--diff", file])
                #expect(shown.code == 0, "\(shown.output)")
                for part in [
                    "prefill-0 goes on: every byte", "decode-0 restarts (generation 2)",
                    "rank 0 on node-3", "+ GLM_TEST_MARK=7",
                    "would restart, one after the other, each once the one before serves: decode-0",
                ] {
                    #expect(shown.output.contains(part), "\(part): \(shown.output)")
                }
                #expect(try cluster.status(cluster.nodes[0]).launches == before.launches)

                let applied = try cluster.ask(cluster.nodes[2], ["apply", file])
                #expect(applied.code == 0, "\(applied.output)")
                #expect(applied.output.contains("done: every group serves what is wanted"))
                let after = try cluster.waitUntilReady()
                #expect(after.group("decode-0")?.generation == 2)
                #expect(after.group("prefill-0") == before.group("prefill-0"))
                #expect(after.group("store")?.pids == before.group("store")?.pids)
                let known = try KnownAnswers(cluster, on: cluster.nodes[0])
                try cluster.wait(for: "the router to follow") {
                    known.all.contains(cluster.complete(after))
                }
                // The files still say the old; nothing takes the change back by itself.
                cluster.pause(.seconds(5))
                let calm = try cluster.status(cluster.nodes[1])
                #expect(calm.launches == after.launches)
                #expect(calm.notes.contains { $0.contains("that an operator has replaced") })
                let again = try cluster.ask(cluster.nodes[1], ["plan", "--diff", file])
                #expect(again.output.contains("nothing that runs would restart"))
            }
        }

        @Test func `a change that does not come up is told, and the other groups serve on`() throws
        {
            var settings = ClusterSettings()
            settings.hasOwnStore = true
            settings.timing = ["restart_budget": "2"]
            try TestCluster.run(settings) { cluster in
                let before = try cluster.waitUntilReady()
                let path = "\(cluster.nodes[0].directory)/broken.yaml"
                let text = String(
                    decoding: try Files.read(cluster.nodes[0].configuration), as: UTF8.self)
                let broken = text.replacing(
                    "  environment:\n",
                    with: "  environment:\n    GLM_REHEARSAL_FAULT: \"crash-at-start\"\n")
                try Files.replace(path, with: Array(broken.utf8))
                let applied = try cluster.ask(cluster.nodes[2], ["apply", path])
                #expect(applied.code == 1, "\(applied.output)")
                #expect(applied.output.contains("still to come"), "\(applied.output)")
                let halted = try cluster.status(cluster.nodes[3])
                #expect(halted.json["rollout"]?["is_halted"] == true)
                #expect(halted.group("decode-0")?.pids == before.group("decode-0")?.pids)
            }
        }
    }
}

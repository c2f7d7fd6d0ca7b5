// Nodes are taken out of service, and come back, while the others serve.

import Base
import Testing

extension EndToEnd {
    @Suite struct DrainTests {
        @Test func `a drained node's rank goes to the spare, and the other group goes on`() throws {
            var settings = ClusterSettings()
            settings.spares = 1
            try TestCluster.run(settings) { cluster in
                let before = try cluster.waitUntilReady()
                let drain = try cluster.ask(cluster.nodes[0], ["drain", "node-4"])
                #expect(drain.code == 0, "\(drain.output)")
                #expect(
                    drain.output.hasPrefix(
                        "node-4: drain agreed; decode-0 rank 1 moves to a spare"),
                    "\(drain.output)")
                #expect(drain.output.contains("done: nothing of the deployment is on node-4"))
                let after = try cluster.waitUntilReady()
                #expect(after.group("decode-0")?.ranks.map(\.node) == ["node-3", "node-5"])
                #expect(after.group("decode-0")?.generation == 2)
                #expect(after.group("prefill-0") == before.group("prefill-0"))
                #expect(after.router == before.router)
                #expect(cluster.shards(on: cluster.nodes[3]).isEmpty)
                let known = try KnownAnswers(cluster, on: cluster.nodes[0])
                try cluster.wait(for: "the router to follow") {
                    known.all.contains(cluster.complete(after))
                }
                let shown = try cluster.ask(cluster.nodes[2], ["status"]).output
                #expect(shown.contains("alive, drained"), "\(shown)")
                let restart = after.json.elements("groups").last?["last_restart"]
                #expect(restart?.text("asked_by") == "operator", "\(restart?.compact ?? "")")
                #expect(restart?.text("why") == "node-4 is drained: node-5 takes rank 1")

                let back = try cluster.ask(cluster.nodes[3], ["uncordon", "node-4"])
                #expect(back.code == 0, "\(back.output)")
                try cluster.wait(for: "the spare") {
                    $0.json.elements("members")[3]["cordon"] == .null && $0.isReady
                }
                #expect(try cluster.status(cluster.nodes[0]).launches == after.launches)
                let plan = try cluster.ask(cluster.nodes[0], ["plan"])
                #expect(plan.output.contains("spares: node-4"), "\(plan.output)")
            }
        }

        @Test func `without a spare a drain is refused, and by force it stops the group`() throws {
            try TestCluster.run { cluster in
                let before = try cluster.waitUntilReady()
                let refused = try cluster.ask(cluster.nodes[0], ["drain", "node-4"])
                #expect(refused.code == 1)
                #expect(
                    refused.output.contains("no spare can take decode-0 rank 1 of node-4"),
                    "\(refused.output)")
                #expect(refused.output.contains("glm-agent drain node-4 --force"))
                let unknown = try cluster.ask(cluster.nodes[0], ["drain", "node-44"])
                #expect(unknown.code == 2 && unknown.output.contains("did you mean \"node-4\"?"))
                #expect(try cluster.status(cluster.nodes[1]).launches == before.launches)

                let forced = try cluster.ask(
                    cluster.nodes[1], ["drain", "node-4", "--force", "--json"])
                #expect(forced.code == 0, "\(forced.output)")
                let report = try JSONValue(parsing: forced.output)
                #expect(report["drained"] == true)
                #expect(report.elements("groups").map { $0.text("state") } == ["waiting"])
                #expect(cluster.shards(on: cluster.nodes[3]).isEmpty)
                let stopped = try cluster.status(cluster.nodes[2])
                #expect(stopped.group("prefill-0") == before.group("prefill-0"))
                #expect(
                    stopped.reasons.first?.contains("for a spare: node-4") == true,
                    "\(stopped.reasons)")

                _ = try cluster.ask(cluster.nodes[1], ["uncordon", "node-4"])
                let after = try cluster.waitUntilReady()
                #expect(after.group("decode-0")?.ranks.map(\.node) == ["node-3", "node-4"])
            }
        }
    }
}

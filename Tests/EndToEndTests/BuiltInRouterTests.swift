// SGLang is installed, its router is not: the built-in one serves in its place, and nobody is left in the
// dark about it.

import Base
import EventLoop
import Glibc
import Testing

extension EndToEnd {
    @Suite struct BuiltInRouterTests {
        @Test func `it serves where sglang_router is missing, and says so until there is one`()
            throws
        {
            let directory = try TestCluster.makeDirectory()
            defer { try? Files.removeTree(directory) }
            let python = try StandInPython(in: "\(directory)/python", hasRouter: false)
            var settings = ClusterSettings()
            settings.engine = "sglang"
            settings.launchGate = "off"
            settings.profileFile = python.profile(extending: settings.topology.rawValue)
            try TestCluster.run(settings) { cluster in
                let ready = try cluster.waitUntilReady()
                let node = try cluster.node(ready.router?.ranks.first?.node)
                let other = try #require(cluster.nodes.last { $0 != node })
                let note =
                    "router: built-in, since sglang_router is not installed on \(node.name); "
                    + "pip install sglang-router==0.3.2, then `glm-agent restart router`"
                try cluster.checkAnswers(ready, KnownAnswers(cluster, on: node))

                try cluster.wait(for: "the note", on: other) {
                    $0.notes.contains { $0.hasSuffix(note) }
                }
                let (_, shown) = try cluster.ask(other, ["status"])
                #expect(shown.contains("NOTES") && shown.contains(note), "\(shown)")
                let served = try cluster.events(other).last {
                    $0.text("kind") == "ready" && $0.text("group") == "router"
                }
                #expect(served?.text("text").hasSuffix("; \(note)") == true, "\(served ?? .null)")
                #expect(cluster.agentLog(node).contains(note))
                let (_, log) = try cluster.ask(node, ["logs", "router"])
                #expect(!log.contains("the router of the stand-in"), "\(log)")

                // The agent is another one, the router the same.
                try cluster.end(node, signal: SIGKILL)
                try cluster.start(node)
                try cluster.wait(for: "the note of the next agent", on: node) {
                    $0.isReady && $0.notes.contains { $0.hasSuffix(note) }
                }
                #expect(try cluster.status(node).router?.pids == ready.router?.pids)

                // One that is installed is used when the operator says so.
                try python.installRouter()
                cluster.pause(.seconds(1))
                #expect(try cluster.status(node).router?.pids == ready.router?.pids)
                _ = try cluster.ask(node, ["restart", "router"])
                let last = try cluster.wait(for: "the published router", on: other) {
                    $0.isReady && $0.router?.generation == 2 && $0.notes.isEmpty
                }
                try cluster.checkAnswers(last, KnownAnswers(cluster, on: node))
                let (_, published) = try cluster.ask(node, ["logs", "router"])
                #expect(published.contains("the router of the stand-in"), "\(published)")
            }
        }
    }
}

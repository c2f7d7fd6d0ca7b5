// What may fail any day is made to fail by an operator's word, and measured.

import Base
import EventLoop
import Testing

extension EndToEnd {
    @Suite struct DrillTests {
        private func report(_ cluster: TestCluster, _ words: [String]) throws -> JSONValue {
            let asked = try cluster.ask(cluster.nodes[0], ["drill"] + words + ["--json"])
            try cluster.check(asked.code == 0, "\(words): \(asked.code) \(asked.output)")
            return try JSONValue(parsing: asked.output)
        }

        @Test func `a frozen shard is noticed, and the drill tells how long everything took`()
            throws
        {
            try TestCluster.run { cluster in
                let before = try cluster.waitUntilReady()
                let drill = try report(
                    cluster, ["freeze-shard", "decode-0/1", "--yes", "--timeout", "60"])
                #expect(drill["passed"] == true, "\(drill.compact)")
                #expect(drill.text("node") == "node-4")
                #expect(drill.elements("restarted") == ["decode-0"], "\(drill.compact)")
                let restart = drill["restart"]
                #expect(restart?.number("generation") == 2)
                for part in ["detect", "stop", "start", "ready"] {
                    let seconds = restart?["seconds"]?[part]?.numberValue ?? -1
                    #expect((0...20).contains(seconds), "\(part): \(drill.compact)")
                }
                #expect(drill["strike_to_detect_seconds"]?.numberValue ?? 0 > 1)
                let after = try cluster.waitUntilReady()
                #expect(after.group("prefill-0") == before.group("prefill-0"))
                let known = try KnownAnswers(cluster, on: cluster.nodes[0])
                try cluster.wait(for: "the router to follow") {
                    known.all.contains(cluster.complete(after))
                }
            }
        }

        @Test func `a killed shard is named as the first, and without yes nothing is done`() throws
        {
            try TestCluster.run { cluster in
                let before = try cluster.waitUntilReady()
                let timid = try cluster.ask(
                    cluster.nodes[0], ["drill", "kill-shard", "decode-0/1"])
                #expect(timid.code == 1 && timid.output.contains("--yes"), "\(timid.output)")
                let lost = try cluster.ask(
                    cluster.nodes[0], ["drill", "kill-shard", "decode-0/7", "--yes"])
                #expect(lost.code == 2, "\(lost.output)")
                #expect(try cluster.status(cluster.nodes[1]).launches == before.launches)
                let drill = try report(
                    cluster, ["kill-shard", "decode-0/1", "--yes", "--timeout", "60"])
                #expect(drill["passed"] == true && drill["named_right"] == true)
                #expect(drill["restart"]?["seconds"]?["detect"]?.numberValue ?? 99 < 5)
                let help = try cluster.begin(["drill"])
                #expect(try help.exitCode() == 0)
                #expect(help.output.contains("freeze-agent"))
            }
        }

        @Test func `an agent that is killed or frozen by a drill leaves every engine alone`() throws
        {
            try TestCluster.run { cluster in
                let before = try cluster.waitUntilReady()
                let node = cluster.nodes[3]
                let drill = try cluster.begin([
                    "drill", "kill-agent", node.name, "--yes", "--json", "--timeout", "60",
                    "--socket", cluster.nodes[0].socket,
                ])
                try cluster.wait(for: "the agent's end") { cluster.agents[node]?.exit != nil }
                try cluster.wait(for: "the others to know") {
                    try cluster.status(cluster.nodes[1]).members[node.name] == "dead"
                }
                try cluster.start(node)
                #expect(try drill.exitCode() == 0, "\(drill.output)")
                let killed = try JSONValue(parsing: drill.output)
                #expect(killed["passed"] == true && killed.elements("restarted").isEmpty)
                #expect(killed["seconds"]?["detect"]?.numberValue ?? 99 < 5, "\(drill.output)")

                let frozen = try report(
                    cluster, ["freeze-agent", node.name, "--for", "6", "--yes", "--timeout", "60"])
                #expect(frozen["passed"] == true, "\(frozen.compact)")
                #expect(frozen["seconds"]?["detect"]?.numberValue ?? 99 < 6, "\(frozen.compact)")
                let after = try cluster.waitUntilReady()
                #expect(after.launches == before.launches)
            }
        }
    }
}

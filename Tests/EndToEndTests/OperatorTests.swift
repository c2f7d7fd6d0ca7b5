// What operators order and read, over the control socket of any node.

import Base
import EventLoop
import HTTP
import Testing

extension EndToEnd {
    @Suite struct OperatorTests {
        @Test func `stop leaves no shard, start launches anew, restart restarts one group`() throws
        {
            try TestCluster.run { cluster in
                try cluster.waitUntilReady()
                let log = try cluster.begin(
                    ["logs", "decode-0/1", "-f", "--socket", cluster.nodes[0].socket])
                try cluster.wait(for: "the log") { log.output.contains("node rank 1 of 2") }
                let stop = try cluster.ask(cluster.nodes[3], ["stop"])
                #expect(stop.code == 0, "\(stop.output)")
                #expect(stop.output.hasPrefix("the deployment: stop agreed"), "\(stop.output)")
                try cluster.wait(for: "no shard left") {
                    cluster.nodes.allSatisfy { cluster.shards(on: $0).isEmpty }
                }
                let stopped = try cluster.wait(for: "stopped") {
                    $0.groups.allSatisfy { $0.state == "stopped" }
                }
                #expect(stopped.json["wanted"] == "stopped")
                #expect(stopped.exitCode == 3)
                #expect(stopped.reasons == ["the deployment is stopped by the operator"])

                let start = try cluster.ask(cluster.nodes[2], ["start"])
                #expect(start.code == 0, "\(start.output)")
                let again = try cluster.waitUntilReady()
                #expect(again.launches.allSatisfy { $0.generation == 2 })
                try cluster.wait(for: "the followed log to go on in the next generation") {
                    log.lines.count { $0.contains("node rank 1 of 2") } == 2
                }
                #expect(log.process.exit == nil)

                let restart = try cluster.ask(cluster.nodes[1], ["restart", "decode-0"])
                #expect(restart.code == 0, "\(restart.output)")
                #expect(
                    restart.output
                        == "decode-0: restart agreed; generation 2 ends, generation 3 follows. "
                        + "Watch: glm-agent status\n")
                let after = try cluster.wait(for: "decode-0 restarted") {
                    $0.isReady && $0.group("decode-0")?.generation == 3
                }
                #expect(after.group("prefill-0")?.pids == again.group("prefill-0")?.pids)
                #expect(after.json.elements("groups").allSatisfy { $0.number("restarts") == 0 })
                let unknown = try cluster.ask(cluster.nodes[1], ["restart", "prefil-0"])
                #expect(unknown.code == 2)
                #expect(
                    unknown.output.contains("did you mean \"prefill-0\"? There are: "),
                    "\(unknown.output)")
                let plan = try cluster.ask(cluster.nodes[3], ["plan"])
                let why = "decode-0 rank 0: \(cluster.nodes[2].name), the next in the configured"
                #expect(plan.output.contains(why), "\(plan.output)")
            }
        }

        @Test func `with a group stopped by the operator nothing is ready`() throws {
            try TestCluster.run { cluster in
                try cluster.waitUntilReady()
                let stop = try cluster.ask(cluster.nodes[1], ["stop", "decode-0"])
                #expect(stop.code == 0, "\(stop.output)")
                let reason = "decode-0 is stopped by the operator; no decode group serves"
                let stopped = try cluster.wait(for: "stopped") { $0.reasons == [reason] }
                #expect(!stopped.isReady && stopped.exitCode == 3)
                let shown = try cluster.ask(cluster.nodes[2], ["status"])
                #expect(shown.code == 3 && shown.output.contains("ready     no (\(reason))"))
                _ = try cluster.ask(cluster.nodes[3], ["start", "decode-0"])
                try cluster.waitUntilReady()
                let kinds = try cluster.events(cluster.nodes[0]).map { $0.text("kind") }
                #expect(Set(["elected", "joined", "ready"]).isSubset(of: kinds), "\(kinds)")
            }
        }

        @Test func `logs and events are read and followed from any node`() throws {
            try TestCluster.run { cluster in
                let ready = try cluster.waitUntilReady()
                let (first, last) = (cluster.nodes[0], cluster.nodes[3])
                let says = [
                    "prefill-0/0": "node rank 0 of 2", "decode-0/1": "node rank 1 of 2",
                    "decode-0.g1.r1": "node rank 1 of 2", "router": "router listens on",
                ]
                for (shard, words) in says.sorted(by: { $0.key < $1.key }) {
                    let (code, text) = try cluster.ask(first, ["logs", shard])
                    #expect(code == 0 && text.contains(words), "\(shard): \(code) \(text)")
                }
                let json = try cluster.ask(first, ["logs", "router", "-n", "2", "--json"])
                for line in json.output.split(separator: "\n") {
                    let fact = try JSONValue(parsing: String(line))
                    #expect(fact["shard"] == "router" && fact["line"]?.stringValue != nil)
                }
                let none = try cluster.ask(first, ["logs", "prefill-9/0"])
                #expect(none.code == 2 && none.output.contains("decode-0/1"), "\(none.output)")

                let log = try cluster.begin(
                    ["logs", "decode-0/0", "-f", "-n", "1", "--socket", first.socket])
                let events = try cluster.begin(["events", "-f", "--socket", last.socket])
                try cluster.wait(for: "what there is") {
                    log.lines.count == 1 && events.lines.count >= 5
                }
                let url = ready.group("decode-0")?.url ?? ""
                _ = try HTTPClient.sendAndWait(
                    .json(.post, "\(url)/rehearsal/fault", ["fault": "wedge"]))
                try cluster.wait(for: "the log to be followed") {
                    log.output.contains("told to wedge")
                }
                _ = try cluster.ask(first, ["restart", "decode-0"])
                try cluster.wait(for: "the events to be followed") {
                    events.output.contains("restarted")
                }
                try cluster.wait(for: "the log's end") {
                    log.process.exit != nil || log.lines.count > 2
                }
            }
        }

        @Test func `an engine command of the operator's own is given the published words`() throws {
            let directory = try TestCluster.makeDirectory()
            defer { try? Files.removeTree(directory) }
            let script = "\(directory)/engine"
            try Files.replace(
                script,
                with: Array(
                    """
                    #!/bin/sh
                    printf '%s\\n' "$@" > "\(directory)/$GLM_AGENT_SHARD.argv"
                    env > "\(directory)/$GLM_AGENT_SHARD.env"
                    exec \(Command.program) rehearsal-engine "$@"

                    """.utf8), permissions: 0o700)
            var settings = ClusterSettings()
            settings.engine = "{command: [\(script)]}"
            settings.profileFile = """
                profile: of-our-own
                extends: [\(settings.topology.rawValue)]
                source: []
                """
            try TestCluster.run(settings) { cluster in
                let ready = try cluster.waitUntilReady()
                try cluster.checkAnswers(
                    ready, KnownAnswers(cluster, on: cluster.nodes[0]))
                let addresses = cluster.nodes.map(\.address).joined(separator: ",")
                let render = try cluster.begin([
                    "render", settings.topology.rawValue, "--nodes", addresses,
                    "--interface", "lo", "--model", ClusterSettings.modelPath, "--json",
                ])
                #expect(try render.exitCode() == 0)
                for shard in try JSONValue(parsing: render.output).elements("shards") {
                    let name = "\(shard.text("group")).g1.r\(shard.number("node_rank"))"
                    let argv = shard.elements("argv").compactMap(\.stringValue)
                    #expect(try lines("\(directory)/\(name).argv") == argv, "\(name)")
                    let environment = Set(try lines("\(directory)/\(name).env"))
                    for variable in shard["environment"]?.objectValue ?? [] {
                        let line = "\(variable.name)=\(variable.value.stringValue ?? "")"
                        #expect(environment.contains(line), "\(name): \(line)")
                    }
                }
            }
        }

        private func lines(_ path: String) throws -> [String] {
            String(decoding: try Files.read(path), as: UTF8.self).split(separator: "\n")
                .map(String.init)
        }
    }
}

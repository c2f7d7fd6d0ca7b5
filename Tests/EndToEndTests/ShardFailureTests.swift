// An engine dies, hangs or never starts; its agents are well.

import Base
import EventLoop
import Glibc
import HTTP
import Host
import Testing

extension EndToEnd {
    @Suite struct ShardFailureTests {
        @Test func `a killed shard restarts its whole group, and no other`() throws {
            // The others of its group fall after it, a moment later.
            try TestCluster.run { cluster in
                let before = try cluster.waitUntilReady()
                let known = try KnownAnswers(cluster, on: cluster.nodes[0])
                try cluster.checkAnswers(before, known)
                let killed = try #require(before.group("decode-0"))
                try cluster.kill(killed.pids[1])
                let after = try cluster.wait(for: "decode-0 ready again") {
                    $0.isReady && $0.group("decode-0")?.generation == 2
                }
                #expect(
                    Set(killed.pids).isDisjoint(with: after.group("decode-0")?.pids ?? []))
                #expect(after.group("prefill-0")?.generation == 1)
                #expect(after.group("prefill-0")?.pids == before.group("prefill-0")?.pids)
                #expect(after.router?.pids == before.router?.pids)
                try cluster.wait(for: "the router to follow") {
                    known.all.contains(cluster.complete(after))
                }
                try cluster.checkAnswers(after, known)
                let told = try cluster.events(cluster.nodes[3])
                    .filter { $0.text("group") == "decode-0" }
                #expect(
                    told.map { $0.text("kind") } == [
                        "launched", "ready", "ended", "launched", "ready",
                    ])
                #expect(told[2].text("text").contains("rank 1 on node-4"), "\(told[2].compact)")
                let group = after.json.elements("groups").last
                let failure = group?["last_failure"]
                #expect(failure?.text("node") == "node-4" && failure?.number("rank") == 1)
                #expect(failure?.number("generation") == 1)
                #expect(group?.number("restarts") == 1)
                let restart = group?["last_restart"]
                #expect(restart?.text("cause") == "failure" && restart?.number("rank") == 1)
                #expect(restart?.text("asked_by") == "leader \(after.leader ?? "")")
                for part in ["detect", "stop", "start", "ready"] {
                    let seconds = restart?["seconds"]?[part]?.numberValue ?? -1
                    #expect((0...15).contains(seconds), "\(part): \(restart?.compact ?? "")")
                }
                #expect(group?["repairs"]?.number("count") == 1)
                let table = try cluster.ask(cluster.nodes[1], ["events", "--restarts"]).output
                #expect(table.contains("MEAN TIME TO REPAIR"), "\(table)")
                #expect(table.contains("node-4/1"), "\(table)")
                #expect(told[4]["restart"] == restart)
                let shown = try cluster.ask(cluster.nodes[2], ["status"]).output
                #expect(
                    shown.contains("last failure: generation 1, rank 1 on node-4 ended"),
                    "\(shown)")
            }
        }

        @Test
        func `the owner of the transfer store takes with it who shares the store, and says so`()
            throws
        {
            try TestCluster.run { cluster in
                let before = try cluster.waitUntilReady()
                try cluster.kill(before.group("prefill-0")?.pids[1])
                let after = try cluster.wait(for: "both groups ready again") {
                    $0.isReady && $0.group("prefill-0")?.generation == 2
                        && $0.group("decode-0")?.generation == 2
                }
                #expect(after.router?.pids == before.router?.pids)
                let events = try cluster.events(cluster.nodes[0])
                let ended = events.first {
                    $0.text("kind") == "ended" && $0.text("group") == "decode-0"
                }
                let text = ended?.text("text") ?? ""
                #expect(
                    text.hasPrefix(
                        "shares the transfer store of prefill-0, whose generation 1 ended: "
                            + "rank 1 on node-2 ended"), "\(text)")
                let launched = events.filter {
                    $0.text("kind") == "launched" && $0.number("generation") == 2
                }
                #expect(launched.map { $0.text("group") } == ["prefill-0", "decode-0"])
                let known = try KnownAnswers(cluster, on: cluster.nodes[0])
                try cluster.wait(for: "the router to follow") {
                    known.all.contains(cluster.complete(after))
                }
            }
        }

        @Test func `a store of its own is taken along by no engine, and takes all when it ends`()
            throws
        {
            var settings = ClusterSettings()
            settings.hasOwnStore = true
            try TestCluster.run(settings) { cluster in
                let before = try cluster.waitUntilReady()
                let known = try KnownAnswers(cluster, on: cluster.nodes[0])
                try cluster.checkAnswers(before, known)
                try cluster.kill(before.group("prefill-0")?.pids[1])
                let after = try cluster.wait(for: "prefill-0 ready again") {
                    $0.isReady && $0.group("prefill-0")?.generation == 2
                }
                #expect(after.group("decode-0")?.pids == before.group("decode-0")?.pids)
                #expect(after.group("store")?.pids == before.group("store")?.pids)
                try cluster.wait(for: "the router to follow") {
                    known.all.contains(cluster.complete(after))
                }

                try cluster.kill(after.group("store")?.pids[0])
                let again = try cluster.wait(for: "all that shared it ready again") { status in
                    status.isReady && status.group("store")?.generation == 2
                        && status.group("prefill-0")?.generation == 3
                        && status.group("decode-0")?.generation == 2
                }
                try cluster.wait(for: "the router to follow again") {
                    known.all.contains(cluster.complete(again))
                }
            }
        }

        @Test func `a killed scheduler restarts its group, though every main process goes on`()
            throws
        {
            try TestCluster.run { cluster in
                let before = try cluster.waitUntilReady()
                let known = "\(cluster.nodes[3].directory)/shards/decode-0.g1.r1/schedulers.json"
                try cluster.wait(for: "the agent to know them") {
                    let file = try? JSONValue(parsing: Files.read(known))
                    return file?.elements("schedulers").count == 16
                }
                let main = try #require(before.group("decode-0")?.pids[1])
                let schedulers = ProcessTable().descendants(of: main)
                    .filter { $0.title.hasPrefix("sglang::scheduler") }
                #expect(schedulers.count == 16)
                let victim = try #require(schedulers.first { $0.title.contains("_TP19_") })
                victim.identity.send(signal: SIGKILL)
                let after = try cluster.wait(for: "decode-0 ready again") {
                    $0.isReady && $0.group("decode-0")?.generation == 2
                }
                #expect(after.group("prefill-0")?.pids == before.group("prefill-0")?.pids)
                let ended = try cluster.events(cluster.nodes[0])
                    .first { $0.text("kind") == "ended" && $0.text("group") == "decode-0" }
                let text = ended?.text("text") ?? ""
                for part in ["rank 1 on node-4 has lost", "TP19", "(die 3)", "15 of 16 run"] {
                    #expect(text.contains(part), "\(text)")
                }
            }
        }

        @Test func `a shard that never starts is given up, and a restart tries again`() throws {
            var settings = ClusterSettings()
            settings.timing = [
                "backoff_initial": "400ms", "backoff_limit": "10s", "restart_budget": "4",
            ]
            let start = { (cluster: TestCluster) in
                for node in cluster.nodes.dropLast() { try cluster.start(node) }
                try cluster.start(
                    cluster.nodes[3],
                    environment: [
                        "GLM_REHEARSAL_FAULT": "crash-at-start@\(cluster.nodes[3].address)/decode"
                    ])
            }
            try TestCluster.run(settings, prepare: start) { cluster in
                try cluster.wait(for: "backoff") { $0.group("decode-0")?.state == "backoff" }
                let given = try cluster.wait(for: "failed") {
                    $0.group("decode-0")?.state == "failed"
                }
                let why = given.group("decode-0")?.why ?? ""
                for part in ["4 failures", "rank 1 on node-4"] {
                    #expect(why.contains(part), "\(why)")
                }
                #expect(!why.contains("told to crash at start"), "a log is no reason: \(why)")
                #expect("\(given.json)".contains("told to crash at start"), "its tail has it")
                #expect(given.group("prefill-0")?.generation == 1)
                let waits = try waitsBetweenLaunches(of: "decode-0", cluster)
                #expect(waits.count == 3)
                #expect(waits[2] > waits[0], "milliseconds: \(waits)")

                try cluster.end(cluster.nodes[3], signal: 15)
                try cluster.start(cluster.nodes[3])
                try cluster.wait(for: "node-4") { $0.members["node-4"] == "alive" }
                // Its agent may have led, and then an order is refused until another does.
                try cluster.wait(for: "the restart to be agreed on") {
                    try cluster.ask(cluster.nodes[0], ["restart", "decode-0"]).code == 0
                }
                let after = try cluster.waitUntilReady()
                #expect(after.group("decode-0")?.generation == 5)
            }
        }

        @Test
        func `a load that stands still is ended long before its limit, and the rank is named`()
            throws
        {
            var settings = ClusterSettings()
            settings.timing = [
                "load_stall": "3s", "backoff_initial": "10s", "backoff_limit": "10s",
            ]
            let start = { (cluster: TestCluster) in
                for node in cluster.nodes.dropLast() { try cluster.start(node) }
                try cluster.start(
                    cluster.nodes[3],
                    environment: [
                        "GLM_REHEARSAL_FAULT": "hang-in-load@\(cluster.nodes[3].address)/decode"
                    ])
            }
            try TestCluster.run(settings, prepare: start) { cluster in
                try cluster.wait(for: "backoff") { $0.group("decode-0")?.state == "backoff" }
                let ended = try cluster.events(cluster.nodes[0])
                    .first { $0.text("kind") == "ended" && $0.text("group") == "decode-0" }
                let text = ended?.text("text") ?? ""
                #expect(text.contains("rank 1 on node-4 is stuck in its load: weights"), "\(text)")
            }
        }

        /// Milliseconds from each end of a generation to the launch of the next.
        private func waitsBetweenLaunches(
            of group: String, _ cluster: TestCluster
        ) throws -> [Int] {
            let events = try cluster.events(cluster.nodes[0]).filter {
                $0.text("group") == group
            }
            return zip(events, events.dropFirst()).compactMap { first, second in
                guard first.text("kind") == "ended", second.text("kind") == "launched",
                    let from = millisecondOfDay(first.text("time")),
                    let to = millisecondOfDay(second.text("time"))
                else { return nil }
                return (to - from + 86_400_000) % 86_400_000
            }
        }

        @Test func `an engine that hangs is found out, and its group restarted`() throws {
            try TestCluster.run { cluster in
                let before = try cluster.waitUntilReady()
                let url = before.group("decode-0")?.url ?? ""
                let order = HTTPClientRequest.json(
                    .post, "\(url)/rehearsal/fault", ["fault": "wedge"], timeout: .seconds(5))
                #expect(try HTTPClient.sendAndWait(order).status == .ok)
                let after = try cluster.wait(for: "decode-0 ready again") {
                    $0.isReady && $0.group("decode-0")?.generation == 2
                }
                #expect(after.group("prefill-0")?.pids == before.group("prefill-0")?.pids)
                let ended = try cluster.events(cluster.nodes[0])
                    .first { $0.text("kind") == "ended" && $0.text("group") == "decode-0" }
                #expect(ended?.text("text").contains("rank 0 on node-3") == true, "\(ended as Any)")
                let known = try KnownAnswers(cluster, on: cluster.nodes[0])
                try cluster.wait(for: "the router to follow") {
                    known.all.contains(cluster.complete(after))
                }
            }
        }
    }
}

/// Of a time such as `2026-11-24T19:05:28.120Z`.
private func millisecondOfDay(_ time: String) -> Int? {
    let fields = time.dropFirst(11).dropLast().split { ":.".contains($0) }.compactMap { Int($0) }
    guard fields.count == 4 else { return nil }
    return ((fields[0] * 60 + fields[1]) * 60 + fields[2]) * 1000 + fields[3]
}

// Agents die, and what they look after goes on.

import Base
import EventLoop
import Glibc
import Host
import Testing

extension EndToEnd {
    @Suite struct AgentFailureTests {
        @Test func `another leads when the leader's agent is killed, and no shard restarts`() throws
        {
            try TestCluster.run { cluster in
                let before = try cluster.waitUntilReady()
                let known = try KnownAnswers(cluster, on: cluster.nodes[0])
                let leader = try cluster.node(before.leader)
                let witness = cluster.nodes[leader == cluster.nodes[0] ? 1 : 0]
                try cluster.end(leader, signal: SIGKILL)
                let next = try cluster.wait(for: "a leader", on: witness, within: .seconds(5)) {
                    ![nil, leader.name].contains($0.leader)
                }
                #expect(next.term > before.term)
                #expect(next.hasQuorum)
                // Longer than the stable view, after which a lost node would be a lost node.
                try cluster.checkAnswers(before, known, for: .seconds(4))
                let calm = try cluster.status(witness)
                expectSameGenerations(calm, before)
                try expectAlive(before, cluster)

                try cluster.start(leader)
                let after = try cluster.wait(for: "adopted", on: leader) {
                    $0.isReady && $0.members.values.allSatisfy { $0 == "alive" }
                }
                #expect(after.launches == before.launches)
            }
        }

        @Test
        func `an agent that is told to stop leaves its shards, and its successor adopts them`()
            throws
        {
            try TestCluster.run { cluster in
                let before = try cluster.waitUntilReady()
                let node = cluster.nodes[2]
                try cluster.end(node, signal: SIGTERM)
                #expect(!Files.exists(node.socket))
                try cluster.wait(for: "the goodbye") { $0.members[node.name] == "left" }
                // It is the agent of decode's rank 0: the leader itself must ask the engine.
                let known = try KnownAnswers(cluster, on: cluster.nodes[0])
                try cluster.checkAnswers(before, known, for: .seconds(5))
                try expectAlive(before, cluster)
                try cluster.start(node)
                let after = try cluster.wait(for: "adopted", on: node) {
                    $0.isReady && $0.members[node.name] == "alive"
                }
                #expect(after.launches == before.launches)
            }
        }

        @Test func `every agent tells the same, and a lonely one tells that it is lonely`() throws {
            try TestCluster.run { cluster in
                let before = try cluster.waitUntilReady()
                try cluster.wait(for: "one story from all") {
                    let stories = try cluster.nodes.map { story(try cluster.status($0)) }
                    return Set(stories).count == 1
                }
                let last = cluster.nodes[3]
                for node in cluster.nodes.dropLast() { try cluster.end(node, signal: SIGKILL) }
                let lonely = try cluster.wait(for: "no quorum", on: last) { !$0.hasQuorum }
                #expect(lonely.exitCode == 3)
                #expect(lonely.reasons.first?.contains("no quorum") == true, "\(lonely.reasons)")
                try cluster.wait(for: "age", on: last) { ($0.ageSeconds ?? 0) > 3 }
                expectSameGenerations(lonely, before)
                try expectAlive(before, cluster)
                let known = try KnownAnswers(cluster, on: last)
                try cluster.checkAnswers(before, known)
                let (code, text) = try cluster.ask(cluster.nodes[0], ["status"])
                #expect(code == 4, "\(text)")
                #expect(text.contains("no agent answers"), "\(text)")
                let stop = try cluster.ask(last, ["stop"])
                #expect(stop.code == 1, "\(stop.output)")
            }
        }

        @Test func `a lonely agent with stop-after stops its engines, and they come back with it`()
            throws
        {
            var settings = ClusterSettings()
            settings.isolation = "stop-after 10s"
            try TestCluster.run(settings) { cluster in
                let before = try cluster.waitUntilReady()
                let decode = before.groups.first { $0.name == "decode-0" }
                let last = try cluster.node(decode?.ranks.first?.node)
                let others = cluster.nodes.filter { $0 != last }
                for node in others { try cluster.end(node, signal: SIGKILL) }
                let lonely = try cluster.wait(for: "no quorum", on: last) { !$0.hasQuorum }
                #expect(lonely.reasons.first?.contains("is stopped at 20") == true)
                cluster.pause(.seconds(6))
                #expect(!cluster.shards(on: last).isEmpty, "not before its time")
                try cluster.wait(for: "the end of its engines", on: last) { _ in
                    cluster.shards(on: last).isEmpty
                }
                let told = try cluster.status(last).reasons.first ?? ""
                #expect(told.contains("was stopped after 10 s (isolation: stop-after)"), "\(told)")
                for node in others { try cluster.start(node) }
                let after = try cluster.waitUntilReady(on: last)
                let known = try KnownAnswers(cluster, on: last)
                try cluster.checkAnswers(after, known)
                let reasons = try cluster.events(last).map { $0.text("text") }
                #expect(reasons.contains { $0.contains("isolation: stop-after") }, "\(reasons)")
            }
        }

        /// A status without what each node sees by itself, and without how old what it sees is.
        private func story(_ status: Status) -> [JSONValue?] {
            [
                "cluster", "term", "leader", "epoch", "profile", "wanted", "groups", "router",
                "ready",
            ]
            .map { key in
                guard let groups = status.json[key]?.arrayValue else {
                    return status.json[key].map(Self.withoutAge)
                }
                return .array(groups.map(Self.withoutAge))
            }
        }

        private static func withoutAge(_ value: JSONValue) -> JSONValue {
            guard case .object(let members) = value else { return value }
            return .object(members.filter { $0.name != "age_seconds" })
        }

        private func expectSameGenerations(_ status: Status, _ before: Status) {
            #expect(status.launches.map(\.generation) == before.launches.map(\.generation))
        }

        private func expectAlive(_ before: Status, _ cluster: TestCluster) throws {
            for launch in before.launches {
                for pid in launch.pids {
                    let process = try #require(pid.flatMap { ProcessEntry(processID: $0) })
                    #expect(
                        process.environment.contains("GLM_AGENT_GROUP=\(launch.group)"),
                        "process \(process.processID) is no shard of \(launch.group)")
                }
            }
        }
    }
}

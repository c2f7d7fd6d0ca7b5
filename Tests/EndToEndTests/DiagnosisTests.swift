// An engine dies in the words of HCCL or SGLang, its peers a moment later in those of victims; the agents
// find out who was first, on all nodes alike.

import Base
import EventLoop
import Testing

extension EndToEnd {
    @Suite struct DiagnosisTests {
        @Test func `why names the rank that failed first, its die, the line and the remedy`() throws
        {
            var settings = ClusterSettings()
            settings.topology = .mixed
            try TestCluster.run(settings) { cluster in
                let before = try cluster.waitUntilReady()
                let group = try #require(before.groups.first)
                #expect(try why(group.name, of: cluster)["last_failure"] == .null)
                try cluster.injectFault("fail:npu-memory", into: cluster.nodes[1])
                let after = try cluster.wait(for: "the next generation to serve") {
                    $0.isReady && $0.groups.first?.generation == 2
                }
                let answer = try why(group.name, of: cluster)
                let told = answer["last_failure"]?["diagnosis"]
                #expect(told?.text("kind") == "npu-memory", "\(answer.compact)")
                #expect(told?.text("node") == "node-2" && told?.number("rank") == 1)
                #expect(told?.number("die") == 15 && told?.number("world_rank") == 31)
                #expect(told?.text("line").contains("NPU out of memory") == true)
                #expect(told?.text("remedy").contains("--mem-fraction-static") == true)
                let others = told?.elements("others") ?? []
                #expect(others.first?.number("rank") == 0)
                #expect(others.first?.text("role") == "consequence", "\(answer.compact)")
                try checkPeople(group.name, cluster, after)
            }
        }

        private func why(_ group: String, of cluster: TestCluster) throws -> JSONValue {
            let answers = try cluster.nodes.map { node in
                let (code, text) = try cluster.ask(node, ["why", group, "--json"])
                try cluster.check(code == 0, "why: \(text)")
                return try JSONValue(parsing: text)
            }
            #expect(Set(answers.map { $0["last_failure"]?.compact }).count == 1, "all say the same")
            return answers[0]
        }

        /// An engine that ends at once in its first life, as HCCL does when a rank does not come: CANN's own
        /// log alone says which.
        @Test func `whom CANN's own log blames is named by rank, node and die`() throws {
            let directory = try TestCluster.makeDirectory()
            defer { try? Files.removeTree(directory) }
            let command = "\(directory)/engine"
            let fault =
                "TopoDetect ERROR occur !!! fault_type[1], "
                + "fault_info[\\\"Failed to connect agent[17,]\\\"]"
            let script = """
                #!/bin/sh
                if [ "$GLM_AGENT_SHARD" = mixed-0.g1.r0 ]; then
                    mkdir -p "$ASCEND_PROCESS_LOG_PATH/debug/plog"
                    echo "[ERROR] HCCL($$,python3):$(date +%F-%T).000.000 [a.cc:1] [$$]\(fault)" \
                        >"$ASCEND_PROCESS_LOG_PATH/debug/plog/plog-$$_1.log"
                    sleep 1
                    exit 1
                fi
                exec \(Command.program) rehearsal-engine "$@"

                """
            try Files.replace(command, with: Array(script.utf8), permissions: 0o700)
            var settings = ClusterSettings()
            settings.topology = .mixed
            settings.engine = "{command: [\(command)]}"
            settings.environment["ASCEND_PROCESS_LOG_PATH"] = "\(directory)/ascend"
            settings.profileFile = """
                profile: with-a-log-of-cann
                extends: [\(Topology.mixed.rawValue)]
                source: []
                """
            try TestCluster.run(settings) { cluster in
                var told: JSONValue?
                let status = try cluster.wait(for: "the verdict to be what CANN says") {
                    guard $0.groups.first?.generation == 2 else { return false }
                    let (_, text) = try cluster.ask(cluster.nodes[1], ["why", "mixed-0", "--json"])
                    told = try JSONValue(parsing: text)["last_failure"]?["diagnosis"]
                    return told?.text("kind") == "EI0015"
                }
                #expect(told?.text("node") == "node-2" && told?.number("rank") == 1)
                #expect(told?.number("world_rank") == 17 && told?.number("die") == 1)
                #expect(told?.number("said_by_rank") == 0, "\(told?.compact ?? "")")
                #expect(!status.groups.isEmpty)
                let why = try cluster.ask(cluster.nodes[0], ["why", "mixed-0"]).output
                #expect(why.contains("rank 1 on node-2, die 1 (rank 17 of the world)"), "\(why)")
            }
        }

        private func checkPeople(
            _ group: String, _ cluster: TestCluster, _ status: Status
        ) throws {
            let node = cluster.nodes[0]
            let why = try cluster.ask(node, ["why", group]).output
            for part in [
                "\(group) is ready (generation 2)",
                "rank 1 on node-2, die 15 (rank 31 of the world)",
                "out of memory on the NPU (npu-memory)", "It usually means:", "What to do:",
                "consequence: another rank closed its connection",
            ] {
                #expect(why.contains(part), "\(part) is missing in\n\(why)")
            }
            let shown = try cluster.ask(node, ["status"]).output
            #expect(shown.contains("first: rank 1 on node-2, die 15: out of memory"), "\(shown)")
            let events = try cluster.ask(node, ["events"]).output
            #expect(events.contains("first: rank 1 on node-2, die 15: out of memory"), "\(events)")
            #expect(try cluster.ask(node, ["why", "nothing"]).code == 2)
        }

        @Test func `a rank that HCCL blames is named, with who says so`() throws {
            var settings = ClusterSettings()
            settings.topology = .mixed
            try TestCluster.run(settings) { cluster in
                let before = try cluster.waitUntilReady()
                let group = try #require(before.groups.first)
                try cluster.injectFault("fail:heartbeat", into: cluster.nodes[1])
                try cluster.wait(for: "the next generation") {
                    $0.groups.first?.generation == 2
                }
                let told = try why(group.name, of: cluster)["last_failure"]?["diagnosis"]
                #expect(told?.text("kind") == "heartbeat-lost", "\(told?.compact ?? "")")
                #expect(told?.text("node") == "node-1" && told?.number("rank") == 0)
                #expect(told?.number("said_by_rank") == 1)
            }
        }
    }
}

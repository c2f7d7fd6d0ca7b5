// What engines of a real cluster are started with, and what every agent shows of every node: agents of
// pretend nodes, and an engine that writes its environment down.

import Base
import EventLoop
import PretendNode
import Testing

extension EndToEnd {
    @Suite struct EnvironmentTests {
        /// Names that the agents themselves are started with.
        private static let leaked = ["LD_LIBRARY_PATH": "/of/the/agent", "GLM_TEST_LEAK": "1"]

        /// A mixed cluster of these hosts, whose engines write their environment into a directory.
        private func run(
            on hosts: [PretendNode], _ body: (TestCluster, String) throws -> Void
        ) throws {
            let directory = try TestCluster.makeDirectory()
            defer { try? Files.removeTree(directory) }
            var settings = ClusterSettings()
            settings.topology = .mixed
            settings.engine = "{command: [\(try writeEngine(in: directory))]}"
            settings.hostRoots = hosts.map(\.directory)
            try TestCluster.run(
                settings,
                prepare: { cluster in
                    for node in cluster.nodes { try cluster.start(node, environment: Self.leaked) }
                }
            ) { try body($0, directory) }
        }

        private func writeEngine(in directory: String) throws -> String {
            let script = "\(directory)/engine"
            let text = """
                #!/bin/sh
                env -0 > "\(directory)/$GLM_AGENT_SHARD.env"
                exec \(Command.program) rehearsal-engine "$@"

                """
            try Files.replace(script, with: Array(text.utf8), permissions: 0o700)
            return script
        }

        private func environment(_ path: String) throws -> [String: String] {
            let text = String(decoding: try Files.read(path), as: UTF8.self)
            let pairs = text.split(separator: "\0").compactMap { entry -> (String, String)? in
                let parts = entry.split(
                    separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                return parts.count == 2 ? (String(parts[0]), String(parts[1])) : nil
            }
            return Dictionary(pairs, uniquingKeysWith: { $1 })
        }

        @Test func `engines start from what the vendor's scripts make of a clean shell`() throws {
            let hosts = try [
                PretendNode(["server": "1", "layout": "cann"]),
                PretendNode(["server": "2", "layout": "toolkit"]),
            ]
            try run(on: hosts) { cluster, directory in
                let ready = try cluster.waitUntilReady()
                try cluster.checkAnswers(ready, KnownAnswers(cluster, on: cluster.nodes[0]))
                for rank in 0..<2 {
                    let found = try environment("\(directory)/mixed-0.g1.r\(rank).env")
                    let home = try #require(found["ASCEND_HOME_PATH"], "rank \(rank)")
                    #expect(home.contains(rank == 0 ? "/cann-" : "/ascend-toolkit/"))
                    #expect(found["ATB_FOUND_CANN"] == home, "NNAL's script came after CANN's")
                    #expect(found["GLM_TEST_LEAK"] == nil)
                    #expect(
                        found["LD_LIBRARY_PATH"]?.split(separator: ":").map(String.init) == [
                            "/usr/local/Ascend/nnal/atb/latest/atb/cxx_abi_1/lib",
                            "\(home)/lib64", "/usr/local/Ascend/driver/lib64/driver",
                        ])
                    // What the profile sets comes on top.
                    #expect(
                        found["HCCL_BUFFSIZE"] != nil && found["GLM_REHEARSAL_LOAD_SECONDS"] != nil)
                }
                #expect(hosts.map(\.sourced.count) == [2, 2], "each script is sourced once")
            }
        }

        @Test func `a node without scripts inherits, and says so`() throws {
            let hosts = try (1...2).map { try PretendNode(["server": "\($0)", "scripts": "0"]) }
            try run(on: hosts) { cluster, directory in
                _ = try cluster.waitUntilReady()
                let found = try environment("\(directory)/mixed-0.g1.r0.env")
                #expect(
                    found["GLM_TEST_LEAK"] == "1" && found["LD_LIBRARY_PATH"] == "/of/the/agent")
                let document = try document(cluster, ["status", "--json"])
                let notes = document.elements("notes").compactMap(\.stringValue)
                for node in cluster.nodes {
                    #expect(
                        notes.contains {
                            $0.prefix { $0 != ":" }.contains("\(node.name)")
                                && $0.contains("set_env.sh")
                                && $0.contains("inherit the environment of the agent")
                        }, "\(notes)")
                }
            }
        }

        @Test func `every agent shows what every node is, without a leader too`() throws {
            let hosts = try (1...4).map { try PretendNode(["server": "\($0)"]) }
            try hosts[1].set(["alarm": "5"])
            var settings = ClusterSettings()
            settings.hostRoots = hosts.map(\.directory)
            try TestCluster.run(settings) { cluster in
                _ = try cluster.waitUntilReady()
                func inventories() throws -> [JSONValue] {
                    try document(cluster, ["members", "--json"]).elements("members")
                        .compactMap { $0["inventory"] }.filter { $0 != .null }
                }
                func waitForAll() throws -> [JSONValue] {
                    for _ in 0..<300 {
                        let told = try inventories()
                        if told.count == 4 { return told }
                        cluster.pause(.milliseconds(200))
                    }
                    return try inventories()
                }
                let told = try waitForAll()
                #expect(told.map { $0.number("dies") } == [16, 16, 16, 16])
                #expect(told.map { $0.number("server_index") } == [1, 2, 3, 4])
                #expect(told.map { $0["unhealthy_dies"] } == [[], [5], [], []])
                for name in ["software", "environment", "kernel"] {
                    #expect(Set(told.map { $0.text(name) }).count == 1, "\(name)")
                }
                for node in cluster.nodes.dropFirst() { try cluster.end(node, signal: 9) }
                cluster.pause(.seconds(2))
                #expect(try inventories() == told, "what they told last")
            }
        }

        private func document(_ cluster: TestCluster, _ words: [String]) throws -> JSONValue {
            let command = try cluster.begin(words + ["--socket", cluster.nodes[0].socket])
            _ = try command.exitCode()
            return try JSONValue(parsing: command.output)
        }
    }
}

// The router of the published deployments, sglang-router from PyPI, between real agents and rehearsal
// engines. It is in the Python environment that `Tests/run` makes; without that the suite is left out.

import Base
import EventLoop
import HTTP
import Testing

extension EndToEnd {
    @Suite(.enabled(if: PythonEnvironment.hasRouter, "Tests/run makes .build/venv"))
    struct RealRouterTests {
        @Test func `a killed prefill group is taken from the real router, and put back`() throws {
            try run(.fourPrefills) { cluster, known in
                let before = try cluster.waitUntilReady()
                let url = try #require(before.group("prefill-1")?.url)
                #expect(try workers(before).contains(url))
                try cluster.kill(before.group("prefill-1")?.pids[0])
                try cluster.wait(for: "the router to be told that it is gone") {
                    try !workers(before).contains(url)
                }
                let after = try cluster.wait(for: "prefill-1 to be back") {
                    $0.isReady && $0.group("prefill-1")?.generation == 2
                }
                #expect(after.router?.pids == before.router?.pids, "the router is left alone")
                try cluster.wait(for: "the router to be told that it is back") {
                    try workers(after).contains(url)
                }
                try cluster.checkAnswers(after, known, times: 8)
            }
        }

        /// One prefill group after the other is killed, while a client asks all the time. Of the four
        /// there are always some that serve.
        @Test func `completions go through the real router while shards are killed`() throws {
            try run(.fourPrefills) { cluster, known in
                let ready = try cluster.waitUntilReady()
                var asked = 0
                var failed: [String] = []
                let ask = {
                    let answer = cluster.complete(ready)
                    asked += 1
                    if !known.all.contains(answer) { failed.append(answer) }
                }
                for round in 0..<4 {
                    let name = "prefill-\(round)"
                    let status = try cluster.status(cluster.nodes[5])
                    try cluster.kill(status.group(name)?.pids[0])
                    try cluster.wait(for: "\(name) to be back") {
                        ask()
                        return try cluster.status(cluster.nodes[5]).isReady
                            && cluster.status(cluster.nodes[5]).group(name)?.generation == 2
                    }
                }
                print("kill storm: \(failed.count) of \(asked) requests failed: \(failed)")
                #expect(asked > 20)
                #expect(failed.count <= 4, "at most what a killed shard had in hand: \(failed)")
                let after = try cluster.waitUntilReady()
                try cluster.checkAnswers(after, known, times: 8)
            }
        }

        @Test func `a killed real router comes back with the full list`() throws {
            try run(.onePrefill) { cluster, known in
                let before = try cluster.waitUntilReady()
                try cluster.kill(before.router?.pids[0])
                let after = try cluster.wait(for: "the router to be back") {
                    $0.isReady && $0.router?.generation == 2
                }
                #expect(try workers(after).sorted() == workers(before).sorted())
                #expect(after.group("prefill-0")?.pids == before.group("prefill-0")?.pids)
                try cluster.checkAnswers(after, known)
            }
        }

        @Test func `a real router whose node is lost serves on another, with the full list`() throws
        {
            try run(.onePrefill, spares: 1) { cluster, _ in
                let before = try cluster.waitUntilReady()
                let lost = try cluster.node(before.router?.ranks.first?.node)
                try cluster.lose(lost)
                let after = try cluster.wait(for: "all to serve without the lost node") {
                    $0.isReady && $0.epoch > before.epoch
                }
                let now = try cluster.node(after.router?.ranks.first?.node)
                #expect(now != lost && after.router?.pids != before.router?.pids)
                let engines = ["prefill-0", "decode-0"].compactMap { after.group($0)?.url }
                #expect(engines.count == 2)
                #expect(try workers(after).sorted() == engines.sorted())
                let known = try KnownAnswers(cluster, on: now)
                try cluster.wait(for: "the router to follow") {
                    known.all.contains(cluster.complete(after))
                }
                try cluster.checkAnswers(after, known, times: 4)
            }
        }

        /// A cluster whose engines rehearse and whose router is the real one.
        private func run(
            _ topology: Topology, spares: Int = 0,
            _ body: (TestCluster, KnownAnswers) throws -> Void
        ) throws {
            let directory = try TestCluster.makeDirectory()
            defer { try? Files.removeTree(directory) }
            let command = "\(directory)/engine"
            let script = """
                #!/bin/sh
                # Of the published words the first is the interpreter.
                if [ "$3" = sglang_router.launch_router ]; then
                    shift
                    exec \(PythonEnvironment.python) "$@"
                fi
                exec \(Command.program) rehearsal-engine "$@"

                """
            try Files.replace(command, with: Array(script.utf8), permissions: 0o700)
            var settings = ClusterSettings()
            settings.topology = topology
            settings.spares = spares
            // With its owner, all four groups would be gone at once.
            settings.hasOwnStore = topology == .fourPrefills
            settings.engine = "{command: [\(command)]}"
            settings.profileFile = """
                profile: with-the-real-router
                extends: [\(topology.rawValue)]
                source: []
                """
            try TestCluster.run(settings) { cluster in
                try cluster.waitUntilReady()
                try body(cluster, try KnownAnswers(cluster, on: cluster.nodes[0]))
            }
        }

        /// The URLs that the router knows.
        private func workers(_ status: Status) throws -> [String] {
            let url = status.router?.url ?? ""
            let response = try HTTPClient.sendAndWait(
                HTTPClientRequest(.get, "\(url)/workers", timeout: .seconds(5)))
            return try JSONValue(parsing: response.body).elements("workers").map { $0.text("url") }
        }
    }
}

/// The interpreter with the packages of Tests/requirements.txt.
enum PythonEnvironment {
    static let python = repository + "/.build/venv/bin/python"

    static let hasRouter: Bool = {
        let libraries = repository + "/.build/venv/lib"
        let versions = (try? Files.list(libraries)) ?? []
        return versions.contains {
            Files.exists("\(libraries)/\($0.name)/site-packages/sglang_router")
        }
    }()
}

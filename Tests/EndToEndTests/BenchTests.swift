// `glm-agent bench`: the built-in client against a rehearsed cluster, and the published benchmark where
// SGLang is installed.

import Base
import EventLoop
import Testing

extension EndToEnd {
    @Suite struct BenchTests {
        @Test(arguments: [Topology.onePrefill, .mixed, .twoPrefills])
        func `against a rehearsal every answer comes and is the known one`(
            topology: Topology
        ) throws {
            var settings = ClusterSettings()
            settings.topology = topology
            settings.environment = ["GLM_REHEARSAL_TOKEN_SECONDS": "0.002"]
            try TestCluster.run(settings) { cluster in
                try cluster.waitUntilReady()
                let command = try cluster.begin(
                    ["bench", "--json", "--socket", cluster.nodes[1].socket])
                let code = try command.exitCode(within: .seconds(60))
                #expect(code == 0, "\(command.output)\(command.errorOutput)")
                let report = try JSONValue(parsing: command.output)
                #expect(report["ok"] == true && report["wrong_answers"] == 0)
                #expect(report["failed"] == 0 && report["client"] == "built-in")
                let requests = report["load"]?["requests"]
                #expect(report["completed"] == requests && requests != .integer(0))
                #expect(report["verdict"] == "not judged")
                #expect(report["target_tpot_ms"]?.numberValue ?? 0 >= 20)
                #expect(report["published_load"]?["output_tokens"]?.integerValue ?? 0 >= 1024)
                for name in ["ttft_ms", "tpot_ms", "itl_ms", "e2e_latency_ms"] {
                    let summary = report[name]
                    #expect(summary?["mean"]?.numberValue ?? 0 > 0, "\(name): \(report.compact)")
                    #expect(
                        summary?["p99"]?.numberValue ?? 0 >= summary?["median"]?.numberValue ?? 0)
                }
                // The pace of the engines is what is measured.
                #expect(report["tpot_ms"]?["mean"]?.numberValue ?? 0 >= 2)
            }
        }

        @Test func `people are told what a rehearsal says nothing about`() throws {
            try TestCluster.run { cluster in
                try cluster.waitUntilReady()
                let words = ["bench", "--requests", "5", "--scale", "256"]
                let (code, text) = try cluster.ask(cluster.nodes[0], words)
                #expect(code == 0, "\(text)")
                // A dry run says the same beforehand, and names no command that would not be run.
                let (dryCode, dry) = try cluster.ask(cluster.nodes[0], words + ["--dry-run"])
                #expect(dryCode == 0 && text.hasPrefix(dry), "\(dry)")
                #expect(dry.contains("by the built-in client") && !dry.contains("bench_serving"))
                for part in [
                    "5 requests, 1 at a time, 256 tokens in and 4 out",
                    "published: 1 request, 1 at a time, 65536 tokens in and 1024 out",
                    "5 of 5 answered", "every answer is the known one",
                    "rehearsal: figures say nothing about NPUs; target (20 ms) not judged",
                ] { #expect(text.contains(part), "\(part): \(text)") }
            }
        }

        @Test func `a deployment that is not ready is not measured`() throws {
            try TestCluster.run { cluster in
                try cluster.waitUntilReady()
                _ = try cluster.ask(cluster.nodes[0], ["stop", "decode-0"])
                let (code, text) = try cluster.ask(cluster.nodes[0], ["bench"])
                #expect(code == 3)
                #expect(text.contains("the deployment is not ready"), "\(text)")
            }
        }

        @Test func `the published benchmark is run repaired, and judged by its target`() throws {
            let directory = try TestCluster.makeDirectory()
            defer { try? Files.removeTree(directory) }
            let python = try StandInPython(in: "\(directory)/python")
            var settings = ClusterSettings()
            settings.engine = "sglang"
            settings.launchGate = "off"
            settings.profileFile = python.profile(extending: settings.topology.rawValue)
            try TestCluster.run(settings) { cluster in
                try cluster.waitUntilReady()
                let node = cluster.nodes[0]
                let (code, text) = try cluster.ask(node, ["bench"])
                #expect(code == 0, "\(text)")
                let arguments = python.benchmarkArguments
                #expect(arguments.starts(with: ["-m", "sglang.bench_serving", "--dataset-name"]))
                let pairs = zip(arguments, arguments.dropFirst()).map { "\($0) \($1)" }
                for pair in [
                    "--dataset-name random", "--tokenizer \(ClusterSettings.modelPath)",
                    "--host \(node.address)", "--port 6688", "--random-input-len 65536",
                ] { #expect(pairs.contains(pair), "\(pair): \(arguments)") }
                for part in [
                    "Starting benchmark", "# benchmark argument --tokenizer",
                    "asks Hugging Face for a tokenizer of the served name",
                    "target met: mean TPOT 12.50 ms, published 20 ms",
                ] { #expect(text.contains(part), "\(part): \(text)") }

                try python.setTPOT("31.25")
                let missed = try cluster.begin(["bench", "--json", "--socket", node.socket])
                #expect(try missed.exitCode() == 5)
                let report = try JSONValue(parsing: missed.output)
                #expect(report["verdict"] == "missed" && report["ok"] == true)
                #expect(report["client"] == "sglang.bench_serving 0.5.12")
                #expect(report["tpot_ms"]?["mean"] == .number(31.25))
                #expect(report["wrong_answers"] == .null)
                #expect(missed.errorOutput.contains("Starting benchmark"))

                // Another load than the published one is not judged.
                let (shortCode, short) = try cluster.ask(node, ["bench", "--scale", "2"])
                #expect(shortCode == 0)
                #expect(short.contains("target (20 ms) not judged"), "\(short)")
                let scaled = python.benchmarkArguments
                #expect(scaled.contains("32768") && scaled.contains("512"))
            }
        }
    }
}

// The doctor on a cluster whose nodes each have an illness of their own, while engines serve.

import Base
import EventLoop
import Glibc
import PretendNode
import Testing

extension EndToEnd {
    @Suite struct DoctorTests {
        /// What is ill on each node, the number of the check that finds it, and what it must say.
        static let illnesses:
            [(state: [String: String], check: Int64, dies: [Int64], says: String)] =
                [
                    (["alarm": "5"], 8, [5], "health is Alarm: 81078603"),
                    (
                        ["processes": "4711:4:58953:python3"], 1, [4],
                        "held by process 4711 (python3)"
                    ),
                    (["vnic_down": "3"], 5, [3], "virtual NIC is DOWN"),
                    (["cann": "9.0.0"], 7, [], "CANN: 9.0.0, while most have 8.5.1"),
                    (
                        ["tls_on": "7 8"], 6, [7, 8],
                        "TLS switch is on, while most dies have it off"
                    ),
                ]

        private func pretendNodes() throws -> [PretendNode] {
            try Self.illnesses.enumerated().map { index, illness in
                let place = ["server": "\(index + 1)", "hostname": "a3-\(index + 1)"]
                return try PretendNode(illness.state.merging(place) { $1 })
            }
        }

        @Test func `five illnesses on five nodes are found from any node`() throws {
            let hosts = try pretendNodes()
            var settings = ClusterSettings()
            settings.spares = 1
            settings.hostRoots = hosts.map(\.directory)
            try TestCluster.run(settings) { cluster in
                _ = try cluster.waitUntilReady()
                let (code, document) = try diagnosis(cluster, cluster.nodes[4])
                #expect(code == 3)
                let findings = document["findings"]?.arrayValue ?? []
                for (index, illness) in Self.illnesses.enumerated() {
                    let found = findings.filter { $0["check"]?.integerValue == illness.check }
                    #expect(
                        found.contains { finding in
                            finding["severity"]?.stringValue == "error"
                                && finding["node"]?.stringValue == "node-\(index + 1)"
                                && finding["dies"] == .array(illness.dies.map { .integer($0) })
                                && (finding["evidence"]?.stringValue ?? "").contains(illness.says)
                                && finding["remedy"]?.stringValue?.isEmpty == false
                        }, "\(illness): \(found)")
                }
                // Everything answers, is reached, and the ports are those of the shards that serve.
                for check in [0, 3, 4] {
                    let state = document["checks"]?[check]?["state"]?.stringValue
                    #expect(state == "ok", "check \(check): \(findings)")
                }
                let status = try cluster.status(cluster.nodes[0])
                #expect(status.isReady, "the doctor has disturbed the shards")
            }
            #expect(hosts.flatMap(\.violations).isEmpty)
        }

        @Test func `a node without an agent is a finding`() throws {
            try TestCluster.run { cluster in
                _ = try cluster.waitUntilReady()
                try cluster.end(cluster.nodes[3], signal: 9)
                cluster.pause(.seconds(3))
                let (code, document) = try diagnosis(cluster, cluster.nodes[0])
                #expect(code == 3)
                let found = (document["findings"]?.arrayValue ?? []).filter {
                    $0["check"]?.integerValue == 0
                }
                #expect(found.map { $0["node"]?.stringValue } == ["node-4"], "\(found)")
            }
        }

        @Test func `a shard whose record was lost is told with the command that ends it`() throws {
            try TestCluster.run { cluster in
                _ = try cluster.waitUntilReady()
                let node = cluster.nodes[3]
                try cluster.end(node, signal: SIGKILL)
                try Files.removeTree("\(node.directory)/shards")
                try cluster.start(node)
                try cluster.wait(for: "its agent to be heard again") {
                    $0.json.compact.contains("is held by process")
                }
                var found: JSONValue?
                try cluster.wait(for: "the doctor to find what is left") {
                    let (_, document) = try diagnosis(cluster, cluster.nodes[0])
                    found = document["findings"]?.arrayValue?.first {
                        ($0["evidence"]?.stringValue ?? "").contains("decode-0.g1.r1 still runs")
                    }
                    return found != nil
                }
                #expect(found?["check"] == 1 && found?["severity"] == "error")
                #expect(found?["node"] == "node-4", "\(found?.compact ?? "")")
                let remedy = try #require(found?["remedy"]?.stringValue)
                let command = try #require(remedy.split(separator: ": ").last)
                #expect(system(String(command)) == 0, "\(remedy)")
                try cluster.wait(for: "the next generation to serve") {
                    $0.isReady && ($0.group("decode-0")?.generation ?? 0) > 1
                }
            }
        }

        @Test func `a port that keeps a shard waiting is an error, with who holds it`() throws {
            var stranger: StreamListener?
            try TestCluster.run(
                prepare: { cluster in
                    let port = Endpoint(host: cluster.nodes[2].address, port: 8001)
                    stranger = try StreamListener(cluster.loop, on: port) { $0.close() }
                    try cluster.startAll()
                },
                { cluster in
                    defer { stranger?.close() }
                    let holder = "is held by process \(getpid()) "
                    try cluster.wait(for: "a shard to wait for its port") {
                        $0.json.compact.contains(holder)
                    }
                    let (code, document) = try diagnosis(cluster, cluster.nodes[0])
                    let found = (document["findings"]?.arrayValue ?? []).filter {
                        $0["check"]?.integerValue == 4 && $0["severity"] == "error"
                    }
                    #expect(code == 3 && found.map { $0["node"] } == ["node-3"], "\(found)")
                    #expect(found.first?["evidence"]?.stringValue?.contains(holder) == true)
                    let weights = document["checks"]?[12]?["state"]
                    #expect(weights == "info", "a rehearsal needs none")
                    stranger?.close()
                    stranger = nil
                    _ = try cluster.waitUntilReady()
                })
        }

        /// A mixed group of the real engine, on these hosts: its launch gate looks at them.
        private func gated(_ hosts: [PretendNode]) -> ClusterSettings {
            var settings = ClusterSettings()
            settings.topology = .mixed
            settings.engine = "sglang"
            settings.weights = "/data/glm-5.1"
            settings.hostRoots = hosts.map(\.directory)
            return settings
        }

        @Test
        func `a held die on one node keeps its whole group from starting, and status says why`()
            throws
        {
            let hosts = try (1...2).map { try PretendNode(["server": "\($0)"]) }
            try hosts[1].set(["processes": "4711:5:58953:python3"])
            let settings = gated(hosts)
            try TestCluster.run(settings, prepare: { try start($0, on: hosts) }) { cluster in
                let held = "for node-2: die 5 held by process 4711 (python3)"
                try cluster.wait(for: "the gate to close") {
                    $0.group("mixed-0")?.why.contains(held) ?? false
                }
                let started = cluster.nodes.flatMap { cluster.shards(on: $0) }
                #expect(started.isEmpty, "\(started)")
                // Cleared away, nothing is in the way any more.
                try hosts[1].set(["processes": ""])
                try cluster.wait(for: "the first launch") {
                    ($0.group("mixed-0")?.generation ?? 0) > 0
                }
            }
        }

        @Test func `dies that npu-smi cannot list, and one is held, keep the group from starting`()
            throws
        {
            let hosts = try (1...2).map { try PretendNode(["server": "\($0)"]) }
            try hosts[1].set(["npu_smi": "8005", "processes": "4711:4:58953:python3"])
            let settings = gated(hosts)
            try TestCluster.run(settings, prepare: { try start($0, on: hosts) }) { cluster in
                let held = "die 4 held by process 4711 (python3)"
                try cluster.wait(for: "the gate to close") {
                    let gate = $0.json.elements("groups").flatMap { $0.elements("gate") }
                    let blocking = gate.filter { $0.text("standing") == "blocks" }
                    return blocking.contains { $0.text("evidence").contains("ret is -8005") }
                        && blocking.contains { $0.text("evidence").contains("process 4711") }
                }
                cluster.pause(.seconds(3))
                let shown = try cluster.ask(cluster.nodes[0], ["status"]).output
                #expect(shown.contains(held), "\(shown)")
                let status = try cluster.status(cluster.nodes[0])
                #expect(status.group("mixed-0")?.generation == 0, "nothing is launched")
                #expect(cluster.nodes.flatMap { cluster.shards(on: $0) }.isEmpty)
                let (code, document) = try diagnosis(cluster, cluster.nodes[0])
                #expect(code == 3 && document["checks"]?[8]?["state"] == "error")
                try hosts[1].set(["npu_smi": "ok", "processes": ""])
                try cluster.wait(for: "the first launch") {
                    ($0.group("mixed-0")?.generation ?? 0) > 0
                }
            }
        }

        @Test func `what differs between two nodes keeps both from starting unless it is accepted`()
            throws
        {
            let hosts = try [
                PretendNode(["server": "1", "cann": "8.5.1"]),
                PretendNode(["server": "2", "cann": "9.0.0", "alarm": "5"]),
            ]
            var settings = ClusterSettings()
            settings.topology = .mixed
            settings.engine = "sglang"
            settings.weights = "/data/glm-5.1"
            settings.launchGate = "{accept: [{check: 8, node: node-2, die: 5}]}"
            settings.hostRoots = hosts.map(\.directory)
            try TestCluster.run(settings, prepare: { try start($0, on: hosts) }) { cluster in
                try cluster.wait(for: "the gate to close") {
                    $0.group("mixed-0")?.why.contains("CANN: ") ?? false
                }
                let status = try cluster.status(cluster.nodes[0])
                let gate = status.json.elements("groups").flatMap { $0.elements("gate") }
                let blocking = gate.filter { $0.text("standing") == "blocks" }
                // CANN, and HCCL which comes with it.
                #expect(
                    !blocking.isEmpty
                        && blocking.allSatisfy {
                            $0.number("check") == 7 && !$0.text("remedy").isEmpty
                        }, "\(blocking)")
                #expect(
                    gate.contains {
                        $0.text("standing") == "accepted" && $0.number("check") == 8
                            && $0["dies"] == [5]
                    }, "\(gate)")
                #expect(
                    status.notes.contains {
                        $0.hasPrefix("accepted by launch_gate: die 5 health is Alarm")
                    }, "\(status.notes)")
                let shown = try cluster.ask(cluster.nodes[1], ["status"]).output
                #expect(shown.contains("check 7: node-1: CANN: "), "\(shown)")
                try hosts[1].set(["cann": "8.5.1"])
                try cluster.wait(for: "the first launch") {
                    ($0.group("mixed-0")?.generation ?? 0) > 0
                }
            }
            #expect(hosts.flatMap(\.violations).isEmpty)
        }

        /// With the Python of their nodes, which has SGLang.
        private func start(_ cluster: TestCluster, on hosts: [PretendNode]) throws {
            for (node, host) in zip(cluster.nodes, hosts) {
                try cluster.start(node, environment: host.environment)
            }
        }

        private func diagnosis(
            _ cluster: TestCluster, _ node: TestNode
        ) throws -> (code: Int32, document: JSONValue) {
            let command = try cluster.begin(["doctor", "--json", "--socket", node.socket])
            let code = try command.exitCode(within: .seconds(90))
            return (code, try JSONValue(parsing: command.output))
        }
    }
}

// Every check with a healthy cluster and with one thing ill on the third of three nodes.

import Ascend
import Base
import Testing

@testable import Doctor

/// One thing ill and what must be said of it.
struct Illness: Sendable, CustomTestStringConvertible {
    let check: Check
    let severity: Severity
    let path: String
    let value: JSONValue
    /// A part of the evidence.
    let evidence: String
    var dies: [Int] = []

    init(
        _ check: Check, _ severity: Severity, _ path: String, _ value: JSONValue,
        _ evidence: String, dies: [Int] = []
    ) {
        self.check = check
        self.severity = severity
        self.path = path
        self.value = value
        self.evidence = evidence
        self.dies = dies
    }

    var testDescription: String { "\(path) = \(value.compact)" }

    static let gap: JSONValue = [
        "unknown": "timed-out", "subject": "the tool", "detail": "gave no answer", "complaint": nil,
    ]

    static let refused: JSONValue = [
        "unknown": "refused", "subject": "npu-smi info", "complaint": "not-initialized",
        "detail": "dcmi module initialize failed. ret is -8005",
    ]

    static let forbidden: JSONValue = [
        "unknown": "not-permitted", "subject": "npu-smi info", "detail": "Permission denied",
        "complaint": "not-permitted",
    ]

    static let missing: JSONValue = [
        "unknown": "not-installed", "subject": "/data/glm-5.1", "detail": "", "complaint": nil,
    ]

    static let all = [
        Illness(
            .holders, .error, "inventory.holders",
            [["pid": 4711, "name": "python3", "command": "x", "devices": ["davinci5"]]],
            "held by process 4711 (python3)", dies: [5]),
        Illness(
            .holders, .error, "abandoned",
            [["shard": "decode-0.g3.r1", "processes": [70, 71], "command": "kill 69"]],
            "decode-0.g3.r1 still runs (process 70 and 1 more), and the agent that started it has no "
                + "record of it"),
        Illness(
            .holders, .error, "inventory.dies.9.memory", ["used_mb": 41000, "total_mb": 65536],
            "41000 MB of memory in use that no process owns", dies: [9]),
        Illness(.holders, .unknown, "inventory.holders", gap, "the tool: gave no answer"),
        Illness(.interface, .error, "address", "10.20.0.9", "no interface has the address"),
        Illness(.interface, .error, "inventory.interfaces.0.up", false, "is down"),
        Illness(.interface, .error, "interface", "eth1", "engines are told the interface eth1"),
        Illness(
            .reachability, .warning, "inventory.firewall.running", ["firewalld"], "firewalld"),
        Illness(
            .reachability, .warning, "inventory.firewall.starting_at_boot", ["firewalld"],
            "after a boot"),
        Illness(
            .reachability, .warning, "inventory.firewall.rules",
            [["text": "iptables: -P INPUT DROP", "for_all": true]], "iptables: -P INPUT DROP"),
        Illness(
            .reachability, .info, "inventory.firewall.rules",
            [["text": "nft: ip t in: ip saddr 10.0.0.1 drop", "for_all": false]], "10.0.0.1 drop"),
        Illness(.reachability, .info, "inventory.firewall.rules", gap, "packet filter not known"),
        Illness(
            .ports, .error, "ports",
            [
                [
                    "endpoint": ["host": "10.20.0.3", "port": 8000], "state": "taken",
                    "reason": "is held by process 99 (nginx)",
                ]
            ], "10.20.0.3:8000 is held by process 99"),
        Illness(
            .ports, .warning, "inventory.kernel.reserved_ports", [], "60000-60031"),
        Illness(.ports, .unknown, "inventory.kernel.ephemeral_ports", gap, "gave no answer"),
        Illness(
            .fabric, .error, "inventory.dies.3.fabric.vnic.link", "DOWN", "virtual NIC is DOWN",
            dies: [3]),
        Illness(
            .fabric, .unknown, "inventory.dies.3.fabric.vnic", gap, "gave no answer", dies: [3]),
        Illness(.fabric, .unknown, "inventory.dies.7.place", gap, "super pod not known", dies: [7]),
        Illness(
            .fabric, .error, "inventory.dies.7.place.super_pod_id", 4,
            "different super pods or servers"),
        Illness(
            .tls, .error, "inventory.dies.2.fabric.tls", true, "TLS switch is on", dies: [2]),
        Illness(.tls, .unknown, "inventory.dies.2.fabric.tls", gap, "not known", dies: [2]),
        Illness(
            .versions, .error, "inventory.software.cann.0.version", "9.0.0",
            "CANN: 9.0.0, while most have 8.5.1"),
        Illness(.versions, .error, "inventory.software.driver", "24.1", "driver: 24.1"),
        Illness(
            .versions, .error, "inventory.software.driver", "24.1.rc1",
            "driver 24.1.rc1 is older than 24.1.RC2"),
        Illness(.versions, .unknown, "inventory.software.firmware", gap, "firmware: the tool"),
        Illness(
            .versions, .error, "inventory.software.python",
            [["name": "torch_npu", "version": "1"]],
            "sglang: not installed, while most have 1.0"),
        Illness(.dies, .error, "inventory.dies.5.health", "Alarm", "health is Alarm", dies: [5]),
        Illness(.dies, .warning, "inventory.dies.5.health", "Warning", "is Warning", dies: [5]),
        Illness(.dies, .unknown, "inventory.dies.5.health", "UNKNOWN", "UNKNOWN", dies: [5]),
        Illness(
            .dies, .error, "inventory.pci_functions", [["device": "d803", "count": 17]],
            "lists 16 dies, and there should be 17", dies: [16]),
        Illness(
            .holders, .unknown, "inventory.unread_processes", [gap], "the tool: gave no answer"),
        Illness(.dies, .error, "inventory.dies", gap, "gave no answer"),
        Illness(.holders, .error, "inventory.dies", gap, "gave no answer"),
        Illness(.dies, .error, "inventory.dies", refused, "ret is -8005"),
        Illness(.holders, .error, "inventory.dies", refused, "ret is -8005"),
        Illness(.dies, .unknown, "inventory.dies", forbidden, "Permission denied"),
        Illness(
            .holders, .info, "inventory.holders",
            [["pid": 99, "name": "monitor", "command": "x", "devices": ["davinci_manager"]]],
            "davinci_manager held by process 99 (monitor)"),
        Illness(
            .dies, .warning, "inventory.dies.5.error_codes", ["81078603"],
            "health is OK, and yet: 81078603", dies: [5]),
        Illness(
            .dies, .warning, "inventory.dies.5.ecc.uncorrected", 2,
            "2 memory errors since the boot", dies: [5]),
        Illness(
            .dies, .info, "inventory.dies.5.ecc.uncorrected_ever", 3,
            "3 memory errors before this boot", dies: [5]),
        Illness(.dies, .info, "inventory.dies.5.ecc", gap, "ECC counts not known", dies: [5]),
        Illness(
            .environment, .warning, "environment",
            [["name": "HCCL_SOCKET_TFNAME", "value": "eth0"]], "HCCL_SOCKET_IFNAME is"),
        Illness(
            .environment, .warning, "environment.1.value", "200",
            "HCCL_BUFFSIZE of the agent: 200, while most have 400"),
        Illness(
            .environment, .warning, "environment.0",
            ["name": "http_proxy", "value": "http://proxy"], "http_proxy is set"),
        Illness(
            .environment, .warning, "inventory.interfaces.1.name", "eth01",
            "HCCL_SOCKET_IFNAME=eth0 is a prefix, and fits eth0, eth01"),
        Illness(
            .environment, .error, "shards.0.environment.1",
            ["name": "HCCL_CONNECT_TIMEOUT", "value": "60"], "not within 120 to 7200"),
        Illness(
            .store, .error, "shards.0.environment.0.value", "tcp://10.20.0.2:26670",
            "ASCEND_MF_STORE_URL: tcp://10.20.0.2:26670, while most"),
        Illness(.limits, .warning, "inventory.shared_memory_bytes", 17_179_869_184, "16 GiB"),
        Illness(.limits, .error, "inventory.shared_memory_bytes", 67_108_864, "0 GiB"),
        Illness(
            .limits, .warning, "inventory.open_files", ["soft": 1024, "hard": 1024], "to 1024"),
        Illness(
            .limits, .warning, "inventory.locked_memory", ["soft": 65536, "hard": 65536], "65536"),
        Illness(.limits, .unknown, "inventory.locked_memory", gap, "gave no answer"),
        Illness(.weights, .error, "inventory.weights.config_sha256", "def", "config.json: def"),
        Illness(
            .weights, .error, "inventory.weights.files", [["name": "config.json", "bytes": 99]],
            "files: 1 with 99 bytes"),
        Illness(.weights, .unknown, "inventory.weights", gap, "gave no answer"),
        Illness(
            .weights, .error, "inventory.weights", missing,
            "there is no /data/glm-5.1, where the weights should be"),
        Illness(
            .fabric, .warning, "inventory.dies.3.fabric.vnic.address", "192.9.9.9",
            "virtual NIC has 192.9.9.9, and 192.3.3.196 follows from its SDID", dies: [3]),
        Illness(
            .settings, .warning, "inventory.kernel.transparent_huge_pages", "always",
            "transparent huge pages: always, while most have madvise"),
        Illness(
            .settings, .unknown, "inventory.kernel.transparent_huge_pages", gap, "gave no answer"),
        Illness(
            .settings, .warning, "inventory.kernel.governors", ["powersave"], "is powersave"),
        Illness(
            .settings, .warning, "inventory.kernel.parameters.1.value", "60", "vm.swappiness is 60"),
        Illness(
            .settings, .info, "inventory.kernel.governors", missing, "no CPU here has a governor"),
        Illness(
            .settings, .info, "untuned",
            [["wanted": "CPU governor performance", "found": "none here", "settable": false]],
            "CPU governor performance: none here"),
        Illness(
            .settings, .unknown, "inventory.kernel.parameters.0.value", nil, "cannot be read"),
        Illness(.settings, .warning, "inventory.kernel.release", "4.19.90", "older than 5.10"),
        Illness(
            .settings, .warning, "inventory.kernel.virtualization", "kvm", "virtual machine (kvm)"),
        Illness(.settings, .unknown, "inventory.kernel.virtualization", gap, "gave no answer"),
        Illness(
            .settings, .warning, "untuned",
            [["wanted": "kernel.sched_migration_cost_ns=50000", "found": "the file is 500000"]],
            "kernel.sched_migration_cost_ns=50000: the file is 500000"),
        Illness(
            .environment, .warning, "inventory.environment.variables.0.value",
            "/usr/local/Ascend/cann/lib64:/opt/other",
            "LD_LIBRARY_PATH, sourced: has /opt/other, lacks /usr/local/Ascend/driver/lib64"),
        Illness(
            .environment, .warning, "inventory.environment.variables.1.value", "/opt/cann",
            "ASCEND_HOME_PATH, sourced: /opt/cann, while most have /usr/local/Ascend/cann"),
        Illness(
            .environment, .warning, "inventory.environment.variables.1.name", "ASCEND_HOME",
            "ASCEND_HOME, sourced: /usr/local/Ascend/cann, while most have none; "
                + "also ASCEND_HOME_PATH"),
        Illness(
            .environment, .warning, "inventory.environment",
            ["unknown": "not-installed", "subject": "x", "detail": "", "complaint": nil],
            "there is no set_env.sh"),
        Illness(.environment, .unknown, "inventory.environment", gap, "gave no answer"),
        Illness(
            .hostName, .warning, "inventory.own_addresses_in_hosts", ["127.0.1.1"], "127.0.1.1"),
    ]
}

@Suite struct DoctorTests {
    private func speeds(_ values: [Int?]) -> Diagnosis {
        let speeds = values.enumerated().map { index, value in
            NodeSpeed(
                NodeID("node-\(index + 1)"),
                value.map {
                    .known(SpeedMeasure(millionStepsPerSecond: $0, memoryMegabytesPerSecond: 9000))
                } ?? .unknown(Gap(.timedOut, "speed", "gave no answer")))
        }
        return Diagnosis(
            of: ClusterExamination(
                nodes: speeds.map { ExaminedNode($0.node, .silent("")) }, speeds: speeds))
    }

    @Test func `a node that is a fifth slower than the others is found`() {
        let slow = speeds([1000, 990, 790, 1010]).findings.filter {
            $0.check == .speed && $0.severity == .warning
        }
        #expect(slow.map(\.node) == [NodeID("node-3")])
        #expect(slow.first?.evidence.contains("790 million steps/s") == true)
        #expect(speeds([1000, 810]).worst(of: .speed) != .warning)
        let ofTwo = speeds([700, 1000]).findings.filter {
            $0.check == .speed && $0.severity == .warning
        }
        #expect(ofTwo.map(\.node) == [NodeID("node-1")])
        #expect(
            speeds([1000, nil]).findings.contains {
                $0.check == .speed && $0.severity == .unknown && $0.node == NodeID("node-2")
            })
    }

    @Test func `huge pages that are off everywhere are told, and no fault`() throws {
        let node = try Healthy.node(1).json.setting(
            "inventory.kernel.transparent_huge_pages".split(separator: ".")[...], to: "never")
        #expect(try worst(of: .settings, node) == .info)
    }

    @Test func `settings that were compared with the profile are not judged again`() throws {
        let cluster = try Healthy.cluster("inventory.kernel.parameters.1.value", "60")
        let nodes = try cluster.told.map { told in
            let json = told.found.json.setting(["untuned"], to: [])
            return ExaminedNode(told.node, .told(try NodeExamination(json: json)))
        }
        #expect(Diagnosis(of: ClusterExamination(nodes: nodes)).worst(of: .settings) == .ok)
    }

    @Test func `a healthy cluster is told so, check by check`() throws {
        let diagnosis = Diagnosis(of: try Healthy.cluster())
        for check in Check.allCases where check != .speed {
            #expect(diagnosis.worst(of: check) == .ok, "\(check): \(diagnosis.findings)")
        }
        #expect(diagnosis.worst(of: .speed) == .info)
        #expect(diagnosis.findings.map(\.check) == Check.allCases)
    }

    @Test(arguments: Illness.all)
    func `one ill thing is found, on its node and its dies`(illness: Illness) throws {
        let cluster = try Healthy.cluster(illness.path, illness.value)
        let diagnosis = Diagnosis(of: cluster)
        let found = diagnosis.findings.filter { $0.check == illness.check }
        #expect(
            found.contains {
                $0.severity == illness.severity && $0.node == NodeID("node-3")
                    && $0.evidence.contains(illness.evidence)
                    && $0.dies.map(\.value) == illness.dies
            }, "\(found)")
        #expect(!found.contains { $0.severity == .ok })
        // The healthy nodes are not accused.
        #expect(
            !diagnosis.findings.contains { finding in
                finding.severity > .info && (finding.node.map { $0 != NodeID("node-3") } ?? false)
            }, "\(diagnosis.findings)")
        // Whoever reads an error learns what to do, and nobody what would do nothing.
        #expect(!found.contains { $0.severity >= .warning && $0.remedy.isEmpty }, "\(found)")
        #expect(illness.severity > .info || found.allSatisfy(\.remedy.isEmpty), "\(found)")
    }

    @Test func `a failed dial names both ends`() throws {
        let cluster = ClusterExamination(
            nodes: try Healthy.cluster().nodes, dials: [Healthy.dial("timed out")])
        let found = Diagnosis(of: cluster).findings.filter { $0.check == .reachability }
        #expect(found.map(\.severity) == [.error])
        #expect(found[0].evidence == "cannot reach 10.20.0.2:8000 of node-2: timed out")
        #expect(found[0].node == NodeID("node-1"))
    }

    @Test func `a failed dial of a searched range names the range`() throws {
        let range = PortRange(first: 60000, last: 60031).map(\.json) ?? .null
        let endpoint: JSONValue = ["host": "10.20.0.3", "port": 60031]
        let port: JSONValue = [
            "endpoint": endpoint, "state": "free", "reason": "",
            "searched": ["range": range, "purpose": "prefill-0 HCCL"],
        ]
        let nodes = try Healthy.cluster("ports", [port]).nodes
        let dial = Dial(
            from: NodeID("node-1"), to: NodeID("node-3"),
            endpoint: Endpoint(host: "10.20.0.3", port: 60031), failure: "timed out")
        let found = Diagnosis(of: ClusterExamination(nodes: nodes, dials: [dial])).findings
            .filter { $0.check == .reachability }
        #expect(
            found.map(\.evidence) == [
                "cannot reach 10.20.0.3:60031 of node-3 (prefill-0 HCCL takes one of 60000-60031): "
                    + "timed out"
            ])
        #expect(found.first?.remedy.contains("all of 60000-60031 must be open") == true)
    }

    @Test func `a failed ping and one that was not made are not the same`() throws {
        let gap = Gap(.timedOut, "hccn_tool", "no answer")
        let cluster = ClusterExamination(
            nodes: try Healthy.cluster().nodes,
            pings: [Healthy.ping(.known(false), "0 of 3"), Healthy.ping(.unknown(gap), "")])
        let found = Diagnosis(of: cluster).findings.filter { $0.check == .fabric }
        #expect(found.map(\.severity) == [.error, .unknown])
        #expect(found.allSatisfy { $0.dies == [DieID(4)] && $0.node == NodeID("node-1") })
    }

    @Test func `a wrong clock is told, and how far it is off`() throws {
        let found = Diagnosis(of: try Healthy.cluster(clockAhead: .seconds(-7))).findings
            .filter { $0.check == .clock }
        #expect(found.map(\.severity) == [.warning] && found[0].node == NodeID("node-3"))
        #expect(found[0].evidence == "its clock is 7 s behind the others")
    }

    @Test func `a node that says nothing is a finding`() throws {
        let nodes = try Healthy.cluster().nodes
        let silent = ExaminedNode(NodeID("node-4"), .silent("did not answer in time"))
        let diagnosis = Diagnosis(
            of: ClusterExamination(nodes: nodes + [silent], dials: [Healthy.dial()]))
        let found = diagnosis.findings.filter { $0.check == .answers }
        #expect(found.map(\.node) == [NodeID("node-4")] && diagnosis.worst == .error)
        let none = Diagnosis(of: ClusterExamination(nodes: [silent]))
        #expect(!none.findings.contains { $0.severity == .ok }, "nothing is well unseen")
    }

    @Test func `the store is not judged where its node told nothing`() throws {
        let silent = ExaminedNode(NodeID("node-1"), .silent("connection refused"))
        let others = Array(try Healthy.cluster().nodes.suffix(2))
        func store(_ nodes: [ExaminedNode]) -> [Finding] {
            Diagnosis(of: ClusterExamination(nodes: nodes)).findings.filter { $0.check == .store }
        }
        let unknown = store([silent] + others)
        #expect(unknown.map(\.severity) == [.unknown])
        #expect(
            unknown[0].evidence
                == "whether tcp://10.20.0.1:26670 is on a prefill node: node-1 did not tell")
        #expect(store(others).map(\.severity) == [.error])
        // It told, and has no prefill: who else is silent does not matter.
        let decode = try Healthy.node(1).json.setting(
            "shards.0.role".split(separator: ".")[...], to: "decode")
        let told = ExaminedNode(NodeID("node-4"), .told(try NodeExamination(json: decode)))
        #expect(store([silent, told] + others).map(\.severity) == [.error])
    }

    @Test(arguments: [
        ("sglang", Severity.error), ("rehearsal", .unknown), ("command", .unknown),
    ])
    func `SGLang that is on no node is an error where engines are started by it`(
        engine: String, severity: Severity
    ) throws {
        let packages = "inventory.software.python".split(separator: ".")[...]
        let nodes = try Healthy.cluster().told.map { told in
            let json = told.found.json.setting(["engine"], to: .string(engine))
                .setting(packages, to: [["name": "torch", "version": "1.0"]])
            return ExaminedNode(told.node, .told(try NodeExamination(json: json)))
        }
        let found = Diagnosis(of: ClusterExamination(nodes: nodes)).findings.filter {
            $0.check == .versions && $0.evidence.contains("found on any node")
        }
        let ofSGLang = found.filter { $0.evidence.contains("sglang") }
        #expect(ofSGLang.map(\.severity) == [severity] && ofSGLang[0].remedy.isEmpty == false)
        let others = found.filter { $0.severity == .unknown }
        #expect(others.count == 1, "what else is missing is one finding: \(found)")
        #expect(others[0].evidence.contains(" and memfabric-hybrid were not found on any node"))
    }

    @Test func `nodes that are silent in the same way have the same finding`() throws {
        let nodes = ["node-1", "node-2"].map { name in
            ExaminedNode(NodeID(name), .silent("\(name): its agent was stopped"))
        }
        let found = Diagnosis(of: ClusterExamination(nodes: nodes)).findings.filter {
            $0.check == .answers
        }
        #expect(found.map(\.evidence) == ["its agent was stopped", "its agent was stopped"])
    }

    @Test func `a rehearsal needs no weights`() throws {
        let node = try Healthy.node(1).json.setting(["engine"], to: "rehearsal")
            .setting("inventory.weights".split(separator: ".")[...], to: Illness.missing)
        #expect(try worst(of: .weights, node) == .info)
    }

    @Test func `where nobody is odd, everybody is named`() throws {
        let other = try Healthy.cluster("inventory.software.driver", "24.1").nodes.suffix(2)
        let found = Diagnosis(of: ClusterExamination(nodes: Array(other))).findings
            .filter { $0.check == .versions && $0.severity == .error }
        #expect(found.map(\.node?.name) == ["node-2", "node-3"])
        #expect(found[0].evidence == "driver: 25.5.2 on node-2, 24.1 on node-3")
    }

    @Test func `running shards hold their dies by right`() throws {
        let holder: JSONValue = [
            "pid": 4711, "name": "python3", "command": "x", "devices": ["davinci5"],
        ]
        let path = "inventory.holders"
        var node = try Healthy.node(1).json.setting(
            path.split(separator: ".")[...], to: [holder])
        #expect(try worst(of: .holders, node) == .error)
        node = node.setting(["own_processes"], to: [4711])
        #expect(try worst(of: .holders, node) == .ok)
    }

    private func worst(of check: Check, _ node: JSONValue) throws -> Severity {
        try diagnosis(node).worst(of: check)
    }

    private func diagnosis(_ node: JSONValue) throws -> Diagnosis {
        let examined = ExaminedNode(NodeID("node-1"), .told(try NodeExamination(json: node)))
        return Diagnosis(of: ClusterExamination(nodes: [examined]))
    }

    @Test func `ports are at risk where the plan has them, and nowhere else`() throws {
        var node = try Healthy.node(1).json
        node = node.setting(
            "inventory.kernel.reserved_ports".split(separator: ".")[...], to: [])
        #expect(try worst(of: .ports, node) == .warning)
        // HCCL was told to search elsewhere, below the ephemeral range.
        let elsewhere = PortRange(first: 20000, last: 20031).map(\.json) ?? .null
        let shards = "shards.0.reserved_ports".split(separator: ".")[...]
        #expect(try worst(of: .ports, node.setting(shards, to: [elsewhere])) == .ok)
        #expect(try worst(of: .ports, node.setting(["shards"], to: [])) == .ok, "a spare")
        // Two neighbouring ranges that are reserved cover one that lies across both.
        let halves = [(60000, 60015), (60016, 60040)].map {
            PortRange(first: $0.0, last: $0.1).map(\.json) ?? .null
        }
        let reserved = "inventory.kernel.reserved_ports".split(separator: ".")[...]
        #expect(try worst(of: .ports, node.setting(reserved, to: .array(halves))) == .ok)
    }

    @Test func `a small process without a die of its own is left over`() throws {
        func process(_ megabytes: Int) -> JSONValue {
            [
                "pid": 4711, "name": "python3", "memory_mb": megabytes.json, "container_pid": nil,
            ]
        }
        func path(_ die: Int) -> ArraySlice<Substring> {
            "inventory.dies.\(die).processes".split(separator: ".")[...]
        }
        let small = try Healthy.node(1).json.setting(path(5), to: [process(126)])
        #expect(try dies(heldOn: small) == [5])
        // A rank visits the dies of its peers, and is found on its own.
        let rank = small.setting(path(7), to: [process(41000)])
        #expect(try dies(heldOn: rank) == [7])
        let own = small.setting(["own_processes"], to: [4711])
        #expect(try dies(heldOn: own).isEmpty, "a shard that has just begun")
    }

    @Test func `who has a die by its device file is found also where npu-smi lists none`() throws {
        func holder(_ processID: Int, _ devices: JSONValue) -> JSONValue {
            ["pid": processID.json, "name": "python3", "command": "x", "devices": devices]
        }
        let dies = "inventory.dies".split(separator: ".")[...]
        let holders = "inventory.holders".split(separator: ".")[...]
        let blind = try Healthy.node(1).json.setting(dies, to: Illness.refused)
        let held = blind.setting(holders, to: [holder(4711, ["davinci4", "davinci_manager"])])
        #expect(try self.dies(heldOn: held) == [4])
        #expect(try self.dies(heldOn: held.setting(["own_processes"], to: [4711])).isEmpty)
        // A card that npu-smi leaves out.
        let all = try Healthy.node(1).json[path: dies].arrayValue ?? []
        let fewer = try Healthy.node(1).json.setting(dies, to: .array(Array(all.prefix(14))))
            .setting(holders, to: [holder(4711, ["davinci15"])])
        #expect(try self.dies(heldOn: fewer) == [15])
        let manager = blind.setting(holders, to: [holder(4712, ["hisi_hdc"])])
        let found = try diagnosis(manager).findings.filter { $0.check == .holders }
        #expect(
            found.contains {
                $0.severity == .warning && !$0.remedy.isEmpty
                    && $0.evidence == "hisi_hdc held by process 4712 (python3), which has no die"
            }, "\(found)")
    }

    @Test(arguments: [
        (Illness.gap, Severity.error), (Illness.refused, .error), (Illness.forbidden, .unknown),
        (Illness.missing, .unknown),
    ])
    func `dies that are there and cannot be listed are told of, and no others`(
        gap: JSONValue, severity: Severity
    ) throws {
        let blind = try Healthy.node(1).json.setting(
            "inventory.dies".split(separator: ".")[...], to: gap)
        #expect(try worst(of: .dies, blind) == severity)
        #expect(try diagnosis(blind).unexamined == (severity == .error ? [] : [NodeID("node-1")]))
        let bare = blind.setting("inventory.device_files".split(separator: ".")[...], to: [])
        #expect(try worst(of: .dies, bare) == .unknown)
        #expect(try diagnosis(bare).unexamined.isEmpty)
        #expect(try diagnosis(Healthy.node(1).json).unexamined.isEmpty)
    }

    private func dies(heldOn node: JSONValue) throws -> [Int] {
        try diagnosis(node).findings
            .filter { $0.check == .holders && $0.severity == .error }.flatMap(\.dies).map(\.value)
    }

    @Test func `memory is compared with what the node itself has seen idle`() throws {
        let path = "inventory.dies.9.memory".split(separator: ".")[...]
        var node = try Healthy.node(1).json.setting(
            path, to: ["used_mb": 4500, "total_mb": 65536])
        #expect(try worst(of: .holders, node) == .ok)
        node = node.setting(["idle_memory"], to: [["die": 9, "used_mb": 3100]])
        #expect(try worst(of: .holders, node) == .error)
    }

    @Test func `dies are written in ranges`() {
        #expect([3, 0, 1, 2, 7].map { DieID($0) }.shown == "dies 0-3, 7")
        #expect([DieID(5)].shown == "die 5")
    }

    @Test func `documents come back as they were`() throws {
        let node = try Healthy.node(1)
        #expect(try NodeExamination(json: JSONValue(parsing: node.json.compact)) == node)
        for dial in [Healthy.dial(), Healthy.dial("refused")] {
            #expect(try Dial(json: dial.json) == dial)
        }
        let ping = Healthy.ping(.unknown(Gap(.timedOut, "a", "b")), "x")
        #expect(try FabricProbe(json: ping.json) == ping)
    }
}

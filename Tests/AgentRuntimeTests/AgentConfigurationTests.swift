// The operator's file: what it means, and that every mistake in it is told at once with its line.

import Ascend
import Base
import ClusterState
import Doctor
import Glibc
import Node
import Planning
import Profiles
import Supervision
import Testing
import WireProtocol
import YAML

@testable import AgentRuntime
@testable import Host

@Suite struct AgentConfigurationTests {
    static let profile = "glm-5.1-w4a8-16p-in3k5-out1k5-50ms"
    static let secretText = String(repeating: "s", count: 32)

    /// The smallest file that says everything.
    static let smallest = """
        cluster: glm
        nodes: [10.0.0.1, 10.0.0.2]
        secret_file: secret
        profile: \(profile)
        model_path: /data/glm

        """

    private func parse(
        _ text: String, files: [String: ConfigurationFile] = ["/etc/x/secret": .init(secretText)]
    ) throws(ConfigurationError) -> AgentConfiguration {
        try AgentConfiguration.parse(text, file: "/etc/x/agent.yaml") {
            path throws(FileReadError) in
            guard let file = files[path] else {
                throw FileReadError(path: path, reason: "No such file or directory")
            }
            return file
        }
    }

    private func complaints(
        _ text: String, files: [String: ConfigurationFile] = ["/etc/x/secret": .init(secretText)]
    ) -> [String] {
        do {
            _ = try parse(text, files: files)
            return []
        } catch {
            return error.diagnostics.map(\.description)
        }
    }

    @Test func `the smallest file has documented defaults`() throws {
        let configuration = try parse(Self.smallest)
        #expect(configuration.cluster == "glm")
        #expect(
            configuration.nodes
                == ["10.0.0.1", "10.0.0.2"].map {
                    ConfiguredNode(node: NodeID($0), address: $0)
                })
        #expect(configuration.secret == Array(Self.secretText.utf8))
        #expect(configuration.stateDirectory == "/var/lib/glm-agent")
        #expect(configuration.controlSocket == "/run/glm-agent/agent.sock")
        #expect(configuration.peerPort == 7600)
        #expect(configuration.httpListen == Endpoint(host: "127.0.0.1", port: 7601))
        #expect(configuration.engine == .sglang)
        #expect(configuration.hostTuning == .check)
        #expect(configuration.ascendEnvironment == .source)
        #expect(configuration.launchGate == .check(accepting: []))
        #expect(configuration.preflight == .off)
        #expect(configuration.hostRoot == "/")
        #expect(configuration.supervision == SupervisionPolicy())
        #expect(configuration.ownNode == nil)
        #expect(configuration.deployment.profileName == Self.profile)
        #expect(configuration.deployment.modelPath == "/data/glm")
    }

    @Test func `a nearly known name is warned of, in the file and in the own profile`() throws {
        let own = "profile: mine\nextends: [\(Self.profile)]\nhost: {governor: perfomance}\n"
        let configuration = try parse(
            Self.smallest.replacing("profile: \(Self.profile)", with: "profile_file: mine.yaml")
                + "overrides:\n  environment: {TASK_QUEUE_ENABEL: 9}\n",
            files: ["/etc/x/secret": .init(Self.secretText), "/etc/x/mine.yaml": .init(own)])
        #expect(
            configuration.warnings.map(\.description) == [
                "/etc/x/agent.yaml:7:17: overrides.environment.TASK_QUEUE_ENABEL: "
                    + "\"TASK_QUEUE_ENABEL\" is not known; did you mean \"TASK_QUEUE_ENABLE\"?",
                "/etc/x/mine.yaml:3:18: host.governor: \"perfomance\" is not known; "
                    + "did you mean \"performance\"?",
            ])
        #expect(try parse(Self.smallest).warnings.isEmpty)
    }

    @Test func `no group is placed across two super pods`() throws {
        let pods = { (second: String) in
            Self.smallest.replacing(
                "nodes: [10.0.0.1, 10.0.0.2]",
                with: "nodes: [{address: 10.0.0.1, super_pod: 7}, "
                    + "{address: 10.0.0.2, super_pod: \(second)}]")
        }
        #expect(try parse(pods("7")).nodes.map(\.superPod) == ["7", "7"])
        let told = complaints(pods("8"))
        #expect(told.first?.contains("needs 2 nodes of one super pod") == true, "\(told)")
    }

    @Test func `every field is read`() throws {
        let configuration = try parse(
            Self.smallest.replacing(
                "nodes: [10.0.0.1, 10.0.0.2]",
                with: """
                    nodes: [{name: a, address: 10.0.0.1}, {name: b, address: "fd00:0::2"}]
                    node: b
                    interface: eth7
                    state_directory: state
                    control_socket: /tmp/a.sock
                    peer_port: 7700
                    http_listen: "[::1]:7701"
                    engine: {command: [/bin/wrap, -x]}
                    ascend_environment: inherit
                    host_tuning: "off"
                    launch_gate: "off"
                    preflight: check
                    isolation: stop-after 10m
                    host_root: /srv/pretend
                    timing: {load_limit: 2h, backoff_initial: 500ms, backoff_limit: 1m,
                      restart_budget: 3, stable_view: 2s, plan_grace: 7s}
                    """))
        #expect(configuration.nodes.map(\.node.name) == ["a", "b"])
        #expect(configuration.nodes[1].address == "fd00::2")
        #expect(configuration.ownNode == NodeID("b"))
        #expect(configuration.interface == "eth7")
        #expect(configuration.stateDirectory == "/etc/x/state")
        #expect(configuration.controlSocket == "/tmp/a.sock")
        #expect(configuration.peerPort == 7700)
        #expect(configuration.httpListen == Endpoint(host: "::1", port: 7701))
        #expect(configuration.engine == .command(["/bin/wrap", "-x"]))
        #expect(configuration.hostTuning == .off)
        #expect(configuration.ascendEnvironment == .inherit)
        #expect(configuration.preflight == .check)
        #expect(configuration.isolation == .seconds(600))
        #expect(configuration.launchGate == .off && configuration.hostRoot == "/srv/pretend")
        #expect(configuration.supervision.loadLimit == .seconds(7200))
        #expect(
            configuration.supervision.backoff
                == Backoff(initial: .milliseconds(500), limit: .seconds(60)))
        #expect(configuration.supervision.restartBudget == 3)
        #expect(configuration.supervision.stableView == .seconds(2))
        #expect(configuration.planGrace == .seconds(7))
        let told = Dictionary(
            uniqueKeysWithValues: configuration.settings.map { ($0.name, $0.value) })
        #expect(told["timing.stable_view"] == "2s" && told["timing.load_limit"] == "7200s")
        #expect(told["timing.backoff_initial"] == "500ms" && told["timing.restart_budget"] == "3")
        #expect(told["preflight"] == "check" && told["launch_gate.always"] == "false")
    }

    @Test func `every time that a file can set is among what nodes compare`() throws {
        let standard = try parse(Self.smallest).settings
        for name in ConfigurationReader.times + ["restart_budget"] {
            let value = name == "restart_budget" ? "77" : "77s"
            // Two limits that belong together are set together.
            let pair = name == "backoff_initial" ? ", backoff_limit: 600s" : ""
            let other = try parse(Self.smallest + "timing: {\(name): \(value)\(pair)}\n").settings
            let changed = zip(standard, other).filter { $0 != $1 }.map { $0.1 }
            #expect(changed == [FileSetting("timing.\(name)", value)])
        }
    }

    @Test func `the file of a node that joins need not name enough nodes for the profile`() throws {
        #expect(try !parse(Self.smallest).joins)
        let one = Self.smallest.replacing(", 10.0.0.2", with: "")
        #expect(!complaints(one).isEmpty)
        #expect(try parse("join: true\n" + one).joins)
        #expect(!complaints("join: maybe\n" + Self.smallest).isEmpty)
    }

    @Test func `findings of the launch gate are accepted by check, node and die`() throws {
        let node = try parse(Self.smallest).nodes[0].node
        let gate = "launch_gate: {accept: [{check: 8, node: \(node), die: 5}, {check: 13}]}\n"
        #expect(
            try parse(Self.smallest + gate).launchGate
                == .check(accepting: [
                    AcceptedFinding(check: .dies, node: node, die: DieID(5)),
                    AcceptedFinding(check: .settings),
                ]))
    }

    @Test(arguments: [
        ("{always: true}", LaunchGateMode.check(accepting: [], always: true)),
        ("{always: false}", .check(accepting: [])),
        (
            "{accept: [{check: 13}], always: true}",
            .check(accepting: [AcceptedFinding(check: .settings)], always: true)
        ),
    ])
    func `the launch gate can be had for an own command, too`(text: String, mode: LaunchGateMode)
        throws
    {
        #expect(try parse(Self.smallest + "launch_gate: \(text)\n").launchGate == mode)
    }

    @Test func `the listener can be off`() throws {
        #expect(try parse(Self.smallest + "http_listen: off\n").httpListen == nil)
    }

    @Test func `overrides change the profile that is deployed`() throws {
        let configuration = try parse(
            Self.smallest + """
                overrides:
                  environment: {HCCL_BUFFSIZE: 77}
                  roles: {mixed: {arguments: {--mem-fraction-static: 0.5}}}
                """)
        #expect(configuration.deployment.profileYAML.contains("HCCL_BUFFSIZE: 77"))
        let mixed = try #require(configuration.profile.role(.mixed))
        #expect(mixed.arguments.contains(Argument("--mem-fraction-static", ["0.5"])))
    }

    @Test func `a profile of one's own is a file`() throws {
        let own = "profile: mine\nextends: [\(Self.profile)]\n"
        let text = Self.smallest.replacing("profile: \(Self.profile)", with: "profile_file: p.yaml")
        let files = [
            "/etc/x/secret": ConfigurationFile(Self.secretText), "/etc/x/p.yaml": .init(own),
        ]
        #expect(try parse(text, files: files).profile.name == "mine")
        let broken = [
            "/etc/x/secret": ConfigurationFile(Self.secretText), "/etc/x/p.yaml": .init("a: b"),
        ]
        #expect(complaints(text, files: broken).contains { $0.hasPrefix("/etc/x/p.yaml:1:1: a: ") })
    }

    @Test(arguments: [
        ("cluster: glm", "", "2:1: expected the field \"cluster\""),
        ("cluster: glm", "clustre: glm", "1:1: clustre: unknown field; did you mean \"cluster\"?"),
        ("cluster: glm", "cluster: a b", "1:10: cluster: expected a name of letters"),
        ("[10.0.0.1, 10.0.0.2]", "[]", "2:8: nodes: expected at least one node"),
        ("10.0.0.2]", "10.0.0.1]", "2:19: nodes[1]: the address 10.0.0.1 is given twice"),
        ("10.0.0.2]", "host-2]", "2:19: nodes[1]: expected an IPv4 or IPv6 address"),
        (", 10.0.0.2", "", "needs 2 nodes, 1 configured"),
        ("secret_file: secret", "secret_file: gone", "3:14: secret_file: cannot read /etc/x/gone"),
        ("in3k5", "in3k6", "4:10: profile: unknown profile"),
        ("/data/glm", "data/glm", "5:13: model_path: expected a path from /"),
        ("/data/glm", "/data/glm\nnode: x", "6:7: node: there is no node \"x\" in nodes"),
        ("/data/glm", "/data/glm\nengine: vllm", "6:9: engine: unknown value \"vllm\""),
        (
            "/data/glm", "/data/glm\nengine: {command: []}",
            "engine.command: expected at least one word"
        ),
        (
            "/data/glm", "/data/glm\npeer_port: 0",
            "6:12: peer_port: expected an integer from 1 to 65535"
        ),
        (
            "/data/glm", "/data/glm\nhttp_listen: localhost",
            "6:14: http_listen: expected ADDRESS:PORT"
        ),
        ("/data/glm", "/data/glm\nhost_tuning: aply", "did you mean \"apply\"?"),
        ("/data/glm", "/data/glm\nlaunch_gate: chek", "did you mean \"check\"?"),
        ("/data/glm", "/data/glm\nisolation: stop", "isolation: expected fail-static, or"),
        ("/data/glm", "/data/glm\nisolation: stop-after 5s", "isolation: expected at least 10s"),
        ("/data/glm", "/data/glm\nlaunch_gate: {accept: [{check: 17}]}", "from 1 to 16"),
        ("/data/glm", "/data/glm\nlaunch_gate: {accept: [{node: a}]}", "check"),
        (
            "/data/glm", "/data/glm\nlaunch_gate: {accept: [{check: 8, node: nobody}]}",
            "there is no node"
        ),
        (
            "/data/glm", "/data/glm\nlaunch_gate: {accept: [{check: 8, die: 3}]}",
            "expected node beside die"
        ),
        ("/data/glm", "/data/glm\nlaunch_gate: {accpt: []}", "accpt"),
        ("/data/glm", "/data/glm\nlaunch_gate: {always: perhaps}", "launch_gate.always"),
        ("/data/glm", "/data/glm\nlaunch_gate: {}", "accept"),
        ("/data/glm", "/data/glm\nhost_root: pretend", "path"),
        ("/data/glm", "/data/glm\nprofile_file: p", "profile_file: expected either"),
        (
            "/data/glm", "/data/glm\ntiming: {backoff_limit: 1s}",
            "expected backoff_limit to be at least"
        ),
        ("/data/glm", "/data/glm\ntiming: {load_limit: 5}", "expected a duration such as"),
        ("/data/glm", "/data/glm\noverrides: {cards: 3}", "overrides.cards: unknown field"),
    ])
    func `a mistake is told with its place`(old: String, new: String, complaint: String) {
        let found = complaints(Self.smallest.replacing(old, with: new, maxReplacements: 1))
        #expect(found.contains { $0.contains(complaint) }, "\(found)")
        #expect(found.allSatisfy { $0.hasPrefix("/etc/x/agent.yaml:") })
    }

    @Test func `all mistakes are told at once, in the order of the text`() {
        let found = complaints(
            """
            cluster: ""
            nodes: [nowhere]
            secret_file: gone
            profile: nothing
            model_path: x
            """)
        #expect(found.count == 5)
        #expect(found.map { $0.split(separator: ":")[1] } == ["1", "2", "3", "4", "5"], "\(found)")
    }

    @Test(arguments: [UInt32(0o640), 0o604, 0o660, 0o644])
    func `a secret that others can read is refused`(mode: UInt32) {
        let files = ["/etc/x/secret": ConfigurationFile(Self.secretText, mode: mode)]
        let found = complaints(Self.smallest, files: files)
        #expect(found.count == 1)
        #expect(found.first?.contains("chmod 600 /etc/x/secret") == true, "\(found)")
    }

    @Test func `white space around a secret is not part of it, nor of its length`() throws {
        let long = ["/etc/x/secret": ConfigurationFile("\n \(Self.secretText)\r\n")]
        #expect(try parse(Self.smallest, files: long).secret.count == 32)
        let short = ["/etc/x/secret": ConfigurationFile(String(repeating: "s", count: 31) + "\n")]
        #expect(complaints(Self.smallest, files: short).first?.contains("has 31 bytes") == true)
    }

    @Test func `a misspelt role hides no other mistake of the overrides`() {
        let found = complaints(
            Self.smallest + """
                overrides:
                  environment: {HCCL_BUFSIZE: 3}
                  roles: {mixd: {arguments: {}}}

                """)
        #expect(found.count == 2, "\(found)")
        #expect(found.contains { $0.contains("overrides.roles.mixd: unknown field") })
        #expect(found.contains { $0.contains("HCCL_BUFSIZE: unknown variable") })
    }

    @Test func `a missing secret hides nothing of the rest`() throws {
        let text = Self.smallest + "http_listen: 192.0.2.1:1\n"
        #expect(complaints(text, files: [:]).count == 1)
        let rest = try AgentConfiguration.parse(text, file: "/etc/x/agent.yaml", needsSecret: false)
        {
            path throws(FileReadError) in throw FileReadError(path: path, reason: "No such file")
        }
        let found = rest.check(on: OwnNodeTests.host).errors.map(\.description)
        #expect(found.count == 1 && found[0].contains("http_listen: this host has not the address"))
    }

    @Test(arguments: [
        ("state_directory: /etc/passwd", "state_directory: /etc/passwd is no directory"),
        ("state_directory: /etc/passwd/deeper", "state_directory: /etc/passwd is no directory"),
        ("http_listen: 8.8.8.8:1", "http_listen: this host has not the address 8.8.8.8"),
        ("host_root: /nope", "host_root: there is no directory /nope"),
    ])
    func `what run would fail at is an error of check`(line: String, expected: String) throws {
        let configuration = try parse(Self.smallest + "engine: rehearsal\n" + line + "\n")
        let found = configuration.check(on: OwnNodeTests.host).errors.map(\.description)
        #expect(found.count == 1 && found[0].contains("agent.yaml:7:"), "\(found)")
        #expect(found.first?.contains(expected) == true, "\(found)")
    }

    @Test(arguments: ["http_listen: 0.0.0.0:1", "http_listen: 10.0.0.2:1", "http_listen: off"])
    func `a listener on addresses of this host is right`(line: String) throws {
        let configuration = try parse(Self.smallest + "engine: rehearsal\n" + line + "\n")
        #expect(configuration.check(on: OwnNodeTests.host).errors.isEmpty)
    }

    @Test func `what SGLang needs of the host and is not there is warned of`() throws {
        let configuration = try parse(Self.smallest + "host_root: /tmp\n")
        let found = configuration.check(on: OwnNodeTests.host).warnings.map(\.description)
        #expect(
            found.contains { $0.contains("engine: there is no npu-smi on this host") }, "\(found)")
        #expect(
            found.contains { $0.contains("what the profile sources is not on this host: /usr") })
    }

    @Test func `a missing file says how to begin`() {
        let error = #expect(throws: ConfigurationError.self) {
            try AgentConfiguration.load("/nonexistent/agent.yaml")
        }
        #expect(error?.description.contains("Deploy/agent.yaml") == true)
    }

    @Test func `the example is a right configuration`() throws {
        let repository = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let example = try readConfigurationFile("\(repository)/Deploy/agent.yaml")
        let text = String(decoding: example.bytes, as: UTF8.self)
        let configuration = try parse(text)
        #expect(configuration.nodes.count == 4)
        // What is commented out is right too. Alternatives stand after what they replace.
        let alternatives = ["# profile_file", "# engine: {"]
        let everything = text.split(separator: "\n").compactMap { line -> String? in
            let isField = line.firstMatch(of: /^# {1,11}[a-zA-Z_-]+:( |$)/) != nil
            if alternatives.contains(where: line.hasPrefix) { return nil }
            return isField ? String(line.dropFirst(2)) : String(line)
        }
        let full = try parse(everything.joined(separator: "\n"))
        #expect(full.ownNode == NodeID("node-1"))
        #expect(full.supervision == SupervisionPolicy())
        #expect(full.planGrace == configuration.planGrace)
    }
}

@Suite struct OwnNodeTests {
    static let host = HostFacts(
        hostName: "h",
        interfaces: [
            NetworkInterface(name: "lo", addresses: ["127.0.0.1"], isUp: true, isLoopback: true),
            NetworkInterface(name: "eth0", addresses: ["10.0.0.2"], isUp: true, isLoopback: false),
        ])

    private func configuration(_ nodes: String, _ more: String = "") throws -> AgentConfiguration {
        try AgentConfiguration.parse(
            AgentConfigurationTests.smallest
                .replacing("[10.0.0.1, 10.0.0.2]", with: nodes) + more, file: "agent.yaml"
        ) { _ throws(FileReadError) in ConfigurationFile(AgentConfigurationTests.secretText) }
    }

    @Test func `the entry with an address of this host is this node`() throws {
        let own = try configuration("[10.0.0.1, 10.0.0.2]").findOwnNode(on: Self.host)
        #expect(own.node.address == "10.0.0.2")
        #expect(own.interface == "eth0")
    }

    @Test func `the file decides where it says so`() throws {
        let own = try configuration("[127.0.0.1, 127.0.0.2]", "node: 127.0.0.2\n")
            .findOwnNode(on: Self.host)
        #expect(own.node.address == "127.0.0.2")
        #expect(own.interface == "lo")
        let named = try configuration("[10.0.0.1, 10.0.0.2]", "interface: bond0\n")
            .findOwnNode(on: Self.host)
        #expect(named.interface == "bond0")
    }

    @Test(arguments: [
        (
            "[10.0.0.8, 10.0.0.9]",
            "none of the configured nodes has an address of this host (10.0.0.2)"
        ),
        ("[127.0.0.1, 127.0.0.2]", "several configured nodes have addresses of this host"),
    ])
    func `none or several is an error that names the field`(nodes: String, message: String) throws {
        let configuration = try configuration(nodes)
        let error = #expect(throws: OwnNodeError.self) {
            try configuration.findOwnNode(on: Self.host)
        }
        #expect(error?.description.contains(message) == true)
        #expect(error?.description.contains("`nodes`") == true)
    }
}

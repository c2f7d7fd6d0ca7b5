// Names that are nearly known ones: each with its place, and none where nothing is wrong.

import Base
import Profiles
import Testing
import YAML

@Suite struct ProfileSpellingTests {
    /// A profile on the published base, with `lines` in its only role and `top` beside the roles.
    private func warnings(role lines: [String] = [], top: [String] = []) throws -> [String] {
        var text = """
            profile: mine
            extends: [glm-5.1-w4a8]
            cards: 1
            devices_per_card: 1
            roles:
              mixed:
                groups: 1
                nodes: 1
                devices: 1
                ports: {http: 30000}

            """
        text += lines.map { "    \($0)\n" }.joined() + top.map { "\($0)\n" }.joined()
        let log = DiagnosticLog()
        let profile = try Profile.parse(text, file: "p.yaml", suspicions: log)
        #expect(profile.name == "mine", "a suspicious name is legal")
        return log.warnings.map(\.description)
    }

    @Test(arguments: [
        ("GLOO_SOCKET_TFNAME", "GLOO_SOCKET_IFNAME"),
        ("PYTHORCH_NPU_ALLOC_CONF", "PYTORCH_NPU_ALLOC_CONF"),
        ("TASK_QUEUE_ENABEL", "TASK_QUEUE_ENABLE"),
        ("STREAM_PER_DEVICES", "STREAMS_PER_DEVICE"),
    ])
    func `a misspelt variable is told with its line and the known one`(
        name: String, known: String
    ) throws {
        #expect(
            try warnings(role: ["environment:", "  A: 1", "  \(name): 2"]) == [
                "p.yaml:13:7: roles.mixed.environment.\(name): \"\(name)\" is not known; "
                    + "did you mean \"\(known)\"?"
            ])
    }

    @Test func `flags, governor, hardware and unset names are compared too`() throws {
        #expect(
            try warnings(
                role: ["arguments: {--tp-size: 1, --mem-fraction-statik: 0.8}"],
                top: [
                    "hardware: Atlas 800 A3", "host: {governor: perfomance}",
                    "unset: [http_poxy]", "benchmark: {arguments: {--num-promts: 1}}",
                ]) == [
                    "p.yaml:11:31: roles.mixed.arguments.--mem-fraction-statik: "
                        + "\"--mem-fraction-statik\" is not known; "
                        + "did you mean \"--mem-fraction-static\"?",
                    "p.yaml:12:11: hardware: \"Atlas 800 A3\" is not known; "
                        + "did you mean \"Atlas 800I A3\"?",
                    "p.yaml:13:18: host.governor: \"perfomance\" is not known; "
                        + "did you mean \"performance\"?",
                    "p.yaml:14:9: unset: \"http_poxy\" is not known; did you mean \"http_proxy\"?",
                    "p.yaml:15:25: benchmark.arguments.--num-promts: "
                        + "\"--num-promts\" is not known; did you mean \"--num-prompts\"?",
                ])
    }

    @Test func `misspelt values of flags with a known set are told`() throws {
        #expect(
            try warnings(
                role: [
                    "arguments:", "  --tp-size: 1", "  --attention-backend: asend",
                    "  --dtype: bfloat61", "  --moe-a2a-backend: ours",
                    "  --quantization: modelslim",
                ]) == [
                    "p.yaml:13:28: roles.mixed.arguments.--attention-backend: "
                        + "\"asend\" is not known; did you mean \"ascend\"?",
                    "p.yaml:14:16: roles.mixed.arguments.--dtype: "
                        + "\"bfloat61\" is not known; did you mean \"bfloat16\"?",
                ])
    }

    @Test func `misspelt policies of a router are told`() throws {
        let log = DiagnosticLog()
        let text = """
            profile: mine
            extends: [\(ProfileCatalog.names[0])]
            router:
              arguments: {--policy: cache_awere, --decode-policy: robin}
            """
        _ = try Profile.parse(text, file: "p.yaml", suspicions: log)
        #expect(
            log.warnings.map(\.description) == [
                "p.yaml:4:25: router.arguments.--policy: \"cache_awere\" is not known; "
                    + "did you mean \"cache_aware\"?"
            ])
    }

    @Test func `a name that is near to nothing is nobody's mistake`() throws {
        #expect(
            try warnings(
                role: [
                    "environment: {OUR_OWN_SWITCH: 1, HCCL_ALGO: ring}",
                    "arguments: {--tp: 1, --disable-radix-cache: true, --max-total-tokens: 9}",
                ], top: ["hardware: Atlas 800I A2"]) == [])
    }

    @Test(arguments: ProfileCatalog.names)
    func `the published profiles use known names only`(name: String) throws {
        let log = DiagnosticLog()
        let text = try #require(ProfileCatalog.text(named: name))
        _ = try Profile.parse(text, file: name, suspicions: log)
        #expect(log.warnings.isEmpty)
    }

    @Test func `overrides are compared where they stand`() throws {
        let log = DiagnosticLog()
        let text = "overrides:\n  roles: {decode: {environment: {HCCL_BUFFSIZES: 9}}}\n"
        let document = try YAMLNode(parsing: text, file: "agent.yaml")
        let node = try #require(document["overrides"])
        #expect(ProfileOverrides(YAMLReader(node, field: "overrides", log: log)) != nil)
        #expect(
            log.warnings.map(\.description) == [
                "agent.yaml:2:34: overrides.roles.decode.environment.HCCL_BUFFSIZES: "
                    + "\"HCCL_BUFFSIZES\" is not known; did you mean \"HCCL_BUFFSIZE\"?"
            ])
    }

    @Test func `a profile as JSON has numbers where they count and words elsewhere`() throws {
        let profile = try ProfileCatalog.profile(named: ProfileCatalog.names[0])
        let json = profile.json
        #expect(json["profile"]?.stringValue == profile.name)
        #expect(json["cards"] == 32)
        #expect(json["roles"]?["decode"]?["ports"]?["dist_init"] == 5000)
        #expect(json["environment"]?["STREAMS_PER_DEVICE"] == "32")
        #expect(json["roles"]?["decode"]?["arguments"]?["--enable-dp-attention"] == true)
        #expect(json["roles"]?["decode"]?["arguments"]?["--tp-size"] == "32")
        #expect(try JSONValue(parsing: json.pretty) == json)
    }
}

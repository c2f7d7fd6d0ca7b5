// Every mistake that an operator can make in a profile, with the exact message that it gets.

import Base
import Profiles
import Testing
import YAML

/// A small correct profile; each case replaces lines of it.
private let correct = """
    profile: small
    model: M
    hardware: H
    cards: 4
    devices_per_card: 2
    sglang: ">=0.5.9"
    command: [python3, -m, sglang.launch_server]
    environment: {STORE: "tcp://{store}"}
    store: {port: 24670}
    roles:
      prefill:
        groups: 2
        nodes: 1
        devices: 2
        ports: {http: 8000, bootstrap: 8998}
        arguments:
          --disaggregation-mode: prefill
          --tp-size: 2
      decode:
        groups: 1
        nodes: 2
        devices: 2
        ports: {http: 8001, dist_init: 5000}
        arguments:
          --disaggregation-mode: decode
          --dist-init-addr: "{dist_init}"
          --nnodes: "{nodes}"
          --node-rank: "{rank}"
          --tp-size: 4
    router:
      command: [router]
      host: 127.0.0.1
      port: 6688
      arguments: {--prefill: ["{prefill_url}", "{bootstrap_port}"], --decode: "{decode_url}"}
    """

private func messages(_ text: String) -> [String] {
    do {
        _ = try Profile.parse(text, file: "p.yaml")
        return []
    } catch {
        return error.diagnostics.map(\.description)
    }
}

/// One mistake: the text to replace, what replaces it, the messages.
struct Mistake: Sendable, CustomTestStringConvertible {
    let text: String
    let replacement: String
    let expected: [String]

    init(_ text: String, _ replacement: String, _ expected: String...) {
        self.text = text
        self.replacement = replacement
        self.expected = expected
    }

    var testDescription: String { replacement }
}

@Suite struct ProfileValidationTests {
    @Test func `the small profile is correct`() {
        #expect(messages(correct) == [])
    }

    @Test(arguments: [
        Mistake(
            "model: M", "modle: M",
            "p.yaml:1:1: expected the field \"model\"",
            "p.yaml:2:1: modle: unknown field; did you mean \"model\"?"),
        Mistake(
            "profile: small", "profile: Small One",
            "p.yaml:1:10: profile: expected a name of lower-case letters, digits, \"-\", \".\" and "
                + "\"_\", found \"Small One\""),
        Mistake(
            "  decode:\n", "  decoder:\n",
            "p.yaml:11:3: roles: expected mixed alone, or prefill and decode",
            "p.yaml:19:3: roles.decoder: unknown field; did you mean \"decode\"?"),
        Mistake(
            "nodes: 1", "nodes: one",
            "p.yaml:13:12: roles.prefill.nodes: expected an integer from 1 to 1024, found \"one\""),
        Mistake(
            "cards: 4", "cards: 5",
            "p.yaml:4:8: cards: expected the cards of all groups: the roles take 8 devices, "
                + "5 cards of 2 have 10"),
        Mistake(
            "\">=0.5.9\"", "newest",
            "p.yaml:6:9: sglang: expected version conditions such as \">=0.5.9 <0.5.20\", "
                + "found \"newest\""),
        Mistake(
            "{store}", "{stor}",
            "p.yaml:8:22: environment.STORE: unknown placeholder {stor}; did you mean \"store\"?"),
        Mistake(
            "store: {port: 24670}\n", "summary: s\n",
            "p.yaml:8:22: environment.STORE: {store} has no value here: expected store.port"),
        Mistake(
            "{decode_url}", "{decode_ulr}",
            "p.yaml:34:75: router.arguments.--decode: unknown placeholder {decode_ulr}; "
                + "did you mean \"decode_url\"?"),
        Mistake(
            "\"{bootstrap_port}\"", "\"{decode_url}\"",
            "p.yaml:34:26: router.arguments.--prefill: expected placeholders of prefill or of decode "
                + "workers, found both"),
        Mistake(
            "--tp-size: 2", "--tp-size: 4",
            "p.yaml:18:18: roles.prefill.arguments.--tp-size: expected one rank for each device: "
                + "tp 4 x pp 1 is 4 ranks, 1 nodes of 2 have 2 devices"),
        Mistake(
            "--tp-size: 2", "--tp-size: 2\n      --dp-size: 2",
            "p.yaml:18:18: roles.prefill.arguments.--tp-size: expected one rank for each device: "
                + "tp 2 x pp 1 x dp 2 is 4 ranks, 1 nodes of 2 have 2 devices"),
        Mistake(
            "--tp-size: 2", "--tp-size: two",
            "p.yaml:18:18: roles.prefill.arguments.--tp-size: expected an integer from 1 to 65536"),
        Mistake(
            "{nodes}", "3",
            "p.yaml:27:17: roles.decode.arguments.--nnodes: expected {nodes}, which is 2, found 3"),
        Mistake(
            "      --node-rank: \"{rank}\"\n", "",
            "p.yaml:25:7: roles.decode.arguments: expected --node-rank {rank}: 2 nodes cannot meet "
                + "without it"),
        Mistake(
            "--tp-size: 4", "--tp-size: 4\n      --dp-size: 3\n      --enable-dp-attention: true",
            "p.yaml:29:18: roles.decode.arguments.--tp-size: expected a multiple of dp x attention "
                + "cp, 3, found 4"),
        Mistake(
            "--tp-size: 4", "--tp-size: 2\n      --dp-size: 2",
            "p.yaml:30:18: roles.decode.arguments.--dp-size: expected --enable-dp-attention too: "
                + "2 data parallel ranks over 2 nodes need it"),
        Mistake(
            "--tp-size: 4", "--tp-size: 4\n      --attn-cp-size: 2",
            "p.yaml:30:23: roles.decode.arguments.--attn-cp-size: expected no context parallelism: "
                + "decode refuses it"),
        Mistake(
            "--tp-size: 2",
            "--tp-size: 1\n      --pp-size: 2\n      --speculative-algorithm: NEXTN",
            "p.yaml:20:32: roles.prefill.arguments.--speculative-algorithm: expected no speculative "
                + "decoding: pipeline stages refuse it"),
        Mistake(
            "--tp-size: 2", "--tp-size: 2\n      --moe-dense-tp: 2",
            "p.yaml:19:23: roles.prefill.arguments.--moe-dense-tp: expected 1, found 2"),
        Mistake(
            "--tp-size: 2", "--tp-size: 2\n      --served-model-name: a:b",
            "p.yaml:19:28: roles.prefill.arguments.--served-model-name: expected a name without "
                + "\":\""),
        Mistake(
            "--disaggregation-mode: decode", "--disaggregation-mode: prefill",
            "p.yaml:25:30: roles.decode.arguments.--disaggregation-mode: expected "
                + "--disaggregation-mode decode, found prefill"),
        Mistake(
            "--tp-size: 2", "tp-size: 2",
            "p.yaml:17:7: roles.prefill.arguments.--tp-size: expected one rank for each device: "
                + "tp 1 x pp 1 is 1 ranks, 1 nodes of 2 have 2 devices",
            "p.yaml:18:16: roles.prefill.arguments.tp-size: expected a flag such as --tp-size, "
                + "found \"tp-size\""),
        Mistake(
            "--tp-size: 2", "--tp-size: false",
            "p.yaml:18:18: roles.prefill.arguments.--tp-size: expected a value, or true for a flag "
                + "alone; null removes a flag",
            "p.yaml:18:18: roles.prefill.arguments.--tp-size: expected one rank for each device: "
                + "tp 1 x pp 1 is 1 ranks, 1 nodes of 2 have 2 devices"),
        Mistake(
            "http: 8001", "http: 5000",
            "p.yaml:23:12: roles.decode.ports: decode-0 dist-init and decode-0 HTTP meet on "
                + "port 5000"),
        Mistake(
            "http: 8000", "http: 7601",
            "p.yaml:15:12: roles.prefill.ports: prefill-0 HTTP and the agent's HTTP meet on "
                + "port 7601",
            "p.yaml:15:12: roles.prefill.ports: prefill-1 HTTP and the agent's HTTP meet on "
                + "port 7601"),
        Mistake(
            "port: 6688", "port: 8998",
            "p.yaml:33:9: router.port: router HTTP and prefill-0 bootstrap meet on port 8998"),
        Mistake(
            ", bootstrap: 8998", "",
            "p.yaml:15:12: roles.prefill.ports: expected the field \"bootstrap\""),
        Mistake(
            "dist_init: 5000", "bootstrap: 5000",
            "p.yaml:23:36: roles.decode.ports.bootstrap: expected no bootstrap port: only prefill "
                + "has one",
            "p.yaml:26:25: roles.decode.arguments.--dist-init-addr: {dist_init} has no value here: "
                + "expected roles.decode.ports.dist_init"),
        Mistake(
            "    devices: 2\n    ports: {http: 8000",
            "    devices: [[0, 1], [2, 2]]\n    ports: {http: 8000",
            "p.yaml:14:23: roles.prefill.devices[1]: expected device numbers, each once"),
        Mistake(
            "    devices: 2\n    ports: {http: 8000",
            "    devices: [[0, 1]]\n    ports: {http: 8000",
            "p.yaml:14:14: roles.prefill.devices: expected 2 device lists, one for each group"),
        Mistake(
            "model: M", "model: M\nextends: [glm-5.1-w4a9]",
            "p.yaml:3:11: extends[0]: unknown profile \"glm-5.1-w4a9\"; did you mean "
                + "\"glm-5.1-w4a8\"?"),
        Mistake(
            "model: M", "model: M\nsummary: null",
            "p.yaml:3:1: summary: null removes, but nothing of this name is inherited; known: "
                + "profile, model"),
        Mistake(
            "model: M", "model: M\npaths: {rank: /x}",
            "p.yaml:3:8: paths: \"rank\" is a placeholder already"),
        Mistake(
            "model: M", "model: M\ndeviations: {--host: {published: a, ours: b, why: c}}",
            "p.yaml:3:22: deviations.--host: expected a place such as \"prefill argument --host\""),
        Mistake(
            "model: M", "model: [",
            "p.yaml:2:8: expected YAML: did not find expected ',' or ']'"
                + " while parsing a flow sequence, which begins here; missed in line 4"),
    ])
    func `a mistake is told with its place, its field and what was expected`(mistake: Mistake) {
        let parts = correct.split(
            separator: mistake.text, maxSplits: 1, omittingEmptySubsequences: false)
        #expect(parts.count == 2, "\"\(mistake.text)\" is not in the correct profile")
        let found = messages(parts.joined(separator: mistake.replacement))
        #expect(found == mistake.expected)
    }

    @Test func `mistakes of one field and between fields are told at once`() {
        let text = correct.split(separator: "\n").map { line -> String in
            switch line {
            case "hardware: H": "hardware: H\nhardwere: H"
            case "      --nnodes: \"{nodes}\"": "      --nnodes: \"{nods}\""
            case "  port: 6688": "  port: 8000"
            default: String(line)
            }
        }.joined(separator: "\n")
        #expect(
            messages(text) == [
                "p.yaml:4:1: hardwere: unknown field; did you mean \"hardware\"?",
                "p.yaml:28:17: roles.decode.arguments.--nnodes: unknown placeholder {nods}; "
                    + "did you mean \"nodes\"?",
                "p.yaml:34:9: router.port: router HTTP and prefill-0 HTTP meet on port 8000",
            ])
    }

    @Test func `several mistakes are told at once`() {
        let text = correct.split(separator: "\n").map { line -> String in
            switch line {
            case "cards: 4": "cards: many"
            case "model: M": "modell: M"
            case "    nodes: 1": "    nodes: 0"
            default: String(line)
            }
        }.joined(separator: "\n")
        #expect(messages(text).count == 4)
    }

    @Test func `a base that extends itself is refused`() {
        let texts = ["a": "extends: [b]\n", "b": "extends: [a]\n"]
        let error = #expect(throws: ConfigurationError.self) {
            try Profile.parse("profile: x\nextends: [a]\n", file: "x.yaml", loading: { texts[$0] })
        }
        #expect(
            error?.description == "b.yaml:1:11: extends[0]: \"a\" extends itself: a > b > a")
    }

    @Test func `a mistake in a base is told with the base's file`() {
        let error = #expect(throws: ConfigurationError.self) {
            try Profile.parse(
                "profile: x\nextends: [a]\n", file: "x.yaml", loading: { _ in "cards: no\n" })
        }
        #expect(
            error?.diagnostics.map(\.description).contains(
                "a.yaml:1:8: cards: expected an integer from 1 to 65536, found \"no\"") == true)
    }

    @Test func `overrides refuse what a deployment is`() {
        let error = #expect(throws: ConfigurationError.self) {
            try ProfileOverrides(
                "model: X\nroles:\n  prefill: {nodes: 3, argument: {}}\n", file: "agent.yaml")
        }
        #expect(
            error?.diagnostics.map { "\($0.location): \($0.field)" } == [
                "agent.yaml:1:1: model", "agent.yaml:3:13: roles.prefill.nodes",
                "agent.yaml:3:23: roles.prefill.argument",
            ])
    }

    @Test func `an override that removes nothing or breaks a rule is told with its own place`()
        throws
    {
        let base = try ProfileCatalog.profile(named: ProfileCatalog.names[0])
        let overrides = try ProfileOverrides(
            """
            roles:
              decode:
                arguments:
                  --no-such: null
            """, file: "agent.yaml")
        let error = #expect(throws: ConfigurationError.self) { try base.applying(overrides) }
        #expect(
            error?.description
                == "agent.yaml:4:7: roles.decode.arguments.--no-such: null removes, but nothing of "
                + "this name is inherited")
        let wrong = try ProfileOverrides(
            "roles: {decode: {arguments: {--tp-size: 16}}}", file: "agent.yaml")
        let second = #expect(throws: ConfigurationError.self) { try base.applying(wrong) }
        #expect(second?.diagnostics.first?.location.description == "agent.yaml:1:41")
    }
}

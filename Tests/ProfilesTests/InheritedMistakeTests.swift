// A rule that an inherited value breaks is told at the operator's own line.

import Profiles
import Testing
import YAML

@Suite struct InheritedMistakeTests {
    private func messages(_ lines: [String], over base: String) -> [String] {
        let text = (["profile: mine", "extends: [\(base)]"] + lines).joined(separator: "\n") + "\n"
        do {
            _ = try Profile.parse(text, file: "mine.yaml")
            return []
        } catch {
            return error.diagnostics.map(\.description)
        }
    }

    private let twoPrefills = "glm-5.1-w4a8-2p1d-48p-in128k-out1k-prefix90-50ms"

    @Test func `fewer nodes break the shape at the line that says so`() {
        let found = messages(["cards: 32", "roles: {prefill: {nodes: 1}}"], over: twoPrefills)
        #expect(
            found == [
                "mine.yaml:4:26: roles.prefill.nodes: expected one rank for each device: "
                    + "tp 4 x pp 8 is 32 ranks, 1 nodes of 16 have 16 devices"
            ])
    }

    @Test func `what no own line takes part in is told where it is inherited`() {
        let text = "profile: mine\nextends: [theirs]\n"
        #expect {
            try Profile.parse(text, file: "mine.yaml") { name in
                name == "theirs"
                    ? "profile: theirs\nextends: [\(twoPrefills)]\ncards: 47\n"
                    : ProfileCatalog.text(named: name)
            }
        } throws: { error in
            "\(error)"
                == "mine.yaml:2:11: cards: expected the cards of all groups: the roles take 96 "
                + "devices, 47 cards of 2 have 94; inherited through theirs (theirs.yaml:3:8)"
        }
    }

    @Test(arguments: [
        ("environment: {ASCEND_MF_STORE_URL: null}", 15, "environment.ASCEND_MF_STORE_URL"),
        ("store: null", 1, "store"),
    ])
    func `the ascend backend needs a store and its address`(
        line: String, column: Int, field: String
    ) {
        let found = messages([line], over: twoPrefills)
        #expect(!found.isEmpty)
        #expect(found.allSatisfy { $0.hasPrefix("mine.yaml:3:\(column): \(field): ") }, "\(found)")
        #expect(found.contains { $0.contains("--disaggregation-transfer-backend ascend needs") })
    }

    @Test func `another backend needs no store`() {
        let backend = "arguments: {--disaggregation-transfer-backend: mooncake}"
        let found = messages(
            [
                "store: null", "environment: {ASCEND_MF_STORE_URL: null}",
                "roles: {prefill: {\(backend)}, decode: {\(backend)}}",
            ], over: twoPrefills)
        #expect(found == [])
    }

    @Test func `an override that breaks a rule is told at its own line`() throws {
        let profile = try ProfileCatalog.profile(named: twoPrefills)
        let overrides = try ProfileOverrides(
            "roles: {prefill: {arguments: {--pp-size: 4}}}\n", file: "agent.yaml")
        #expect {
            try profile.applying(overrides)
        } throws: { "\($0)".hasPrefix("agent.yaml:1:42: roles.prefill.arguments.--pp-size: ") }
    }
}

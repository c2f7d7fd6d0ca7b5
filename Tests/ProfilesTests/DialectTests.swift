import Testing

@testable import Profiles

@Suite struct DialectTests {
    private func profile(
        _ arguments: String, environment: String = "{}", sglang: String = ">=0.5.9 <0.5.20"
    ) throws -> Profile {
        try Profile.parse(
            """
            profile: one
            model: m
            hardware: h
            cards: 1
            command: [run]
            sglang: "\(sglang)"
            environment: \(environment)
            roles:
              mixed:
                groups: 1
                nodes: 1
                devices: 1
                ports: {http: 8000}
                arguments: \(arguments)
            """, file: "one.yaml")
    }

    private func translated(_ profile: Profile, _ version: String) throws -> TranslatedRole {
        try profile.translated(profile.roles[0], for: try #require(Version(version)))
    }

    private func words(_ arguments: String, _ version: String = "0.5.23") throws -> String {
        try translated(try profile(arguments), version).arguments
            .flatMap { [$0.flag] + $0.values }.joined(separator: " ")
    }

    @Test(arguments: [
        ("{--cuda-graph-bs: [1, 2]}", "--cuda-graph-bs-decode 1 2"),
        ("{--cuda-graph-max-bs: 8}", "--cuda-graph-max-bs-decode 8"),
        ("{--moe-dense-tp: 1}", "--moe-dense-tp-size 1"),
        ("{--prefill-round-robin-balance: true, --host: h}", "--host h"),
        (
            "{--enable-nsa-prefill-context-parallel: true, --nsa-prefill-cp-mode: in-seq-split}",
            "--enable-prefill-cp --cp-strategy zigzag"
        ),
        (
            "{--enable-nsa-prefill-context-parallel: true}",
            "--enable-prefill-cp --cp-strategy interleave"
        ),
        (
            "{--enable-nsa-prefill-context-parallel: true, --nsa-prefill-cp-mode: round-robin-split}",
            "--enable-prefill-cp --cp-strategy interleave"
        ),
        ("{--enable-dp-attention: true, --dp-size: 1}", "--attn-dp-size 1"),
        ("{--dp-size: 1}", "--dp-size 1"),
        (
            "{--disable-cuda-graph: true}",
            "--cuda-graph-backend-decode disabled --cuda-graph-backend-prefill disabled"
        ),
        ("{--ours: 3}", "--ours 3"),
    ])
    func `an argument is said in the words of 0.5.23`(old: String, new: String) throws {
        #expect(try words(old) == new)
    }

    @Test func `DP attention is left as it is before 0_5_22`() throws {
        let old = "{--dp-size: 1, --enable-dp-attention: true}"
        #expect(try words(old, "0.5.21") == "--dp-size 1 --enable-dp-attention")
        #expect(try words(old, "0.5.22") == "--attn-dp-size 1")
    }

    @Test func `a variable that does nothing any more is left out, another value is refused`()
        throws
    {
        let on = try profile("{}", environment: "{SGLANG_ENABLE_SPEC_V2: 1, OTHER: 1}")
        #expect(try translated(on, "0.5.23").environment == [NamedValue("OTHER", "1")])
        let off = try profile("{}", environment: "{SGLANG_ENABLE_SPEC_V2: 0}")
        #expect(throws: DialectRefusal.self) { try translated(off, "0.5.23") }
    }

    @Test func `what has no words is refused, and the refusal tells why`() throws {
        let refused = #expect(throws: DialectRefusal.self) {
            try words("{--torchao-config: int8wo}")
        }
        #expect(refused?.description.hasPrefix("--torchao-config cannot be said to SGLang") == true)
        #expect(throws: DialectRefusal.self) {
            try words("{--nsa-prefill-cp-mode: \"{rank}\"}")
        }
    }

    @Test func `an older version than the range is refused, a newer one than the table warns`()
        throws
    {
        let one = try profile("{}")
        #expect(throws: DialectRefusal.self) { try translated(one, "0.5.8") }
        #expect(try translated(one, "0.5.24").translations == [])
        #expect(one.dialectWarning(for: try #require(Version("0.5.24"))) != nil)
        #expect(one.dialectWarning(for: try #require(Version("0.5.23"))) == nil)
        let own = try profile("{}", sglang: ">=0.5.24")
        #expect(own.dialectWarning(for: try #require(Version("0.5.24"))) == nil)
        #expect(throws: DialectRefusal.self) { try translated(own, "0.5.23") }
    }

    /// What the parser of 0.5.12.post1 knows and that of 0.5.23 does not.
    @Test(arguments: [
        "--collect-tokens-histogram", "--cuda-graph-bs", "--cuda-graph-max-bs",
        "--custom-sigquit-handler", "--debug-tensor-dump-inject", "--disable-piecewise-cuda-graph",
        "--elastic-ep-rejoin", "--enable-breakable-cuda-graph", "--enable-deepep-waterfill",
        "--enable-expert-distribution-metrics", "--enable-nan-detection",
        "--enable-nsa-prefill-context-parallel", "--enable-piecewise-cuda-graph",
        "--enable-prefill-context-parallel", "--enforce-piecewise-cuda-graph",
        "--hybrid-kvcache-ratio", "--keep-mm-feature-on-device", "--mamba-scheduler-strategy",
        "--no-record-nolora-graph", "--nsa-decode-backend", "--nsa-prefill-backend",
        "--nsa-prefill-cp-mode", "--piecewise-cuda-graph-compiler",
        "--piecewise-cuda-graph-max-tokens", "--piecewise-cuda-graph-tokens", "--prefill-cp-mode",
        "--prefill-round-robin-balance", "--record-nolora-graph",
        "--speculative-dflash-draft-window-size", "--speculative-skip-dp-mlp-sync",
        "--stream-output", "--torchao-config",
    ])
    func `the table has a row for every argument that is gone`(flag: String) {
        #expect(DialectTable.arguments.contains { $0.names.contains(flag) })
    }
}

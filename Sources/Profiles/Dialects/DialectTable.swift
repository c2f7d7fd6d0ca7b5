// The table. `from` is the first version whose parser refuses the old name, or, where the old name
// still works, the first that is worth leaving it for. Values are mapped as SGLang's own deprecated
// aliases did (0.5.19 server_args.py and arg_groups/parallel_hook.py, handle_legacy_cp_arguments).
// To extend it: compare the options of two parsers (Tests/Preflight/README.md tells how), add a row
// for each that is gone, and raise `newestRead`.

enum DialectTable {
    /// The newest version whose parser was compared.
    static let newestRead = "0.5.23"

    private static let gone = "0.5.20 removed the deprecated alias"

    /// The first row that applies to an argument is the one that counts.
    static let arguments: [DialectRule] = published + graphs + attention + others

    /// What the published commands use.
    private static let published: [DialectRule] = [
        DialectRule(
            "0.5.20", .removed, ["--prefill-round-robin-balance"],
            instead: .nothing,
            why: "a deprecated argument without effect since before 0.5.12; 0.5.20 removed it"),
        DialectRule(
            "0.5.20", .renamed, ["--enable-nsa-prefill-context-parallel"],
            when: .with(["--nsa-prefill-cp-mode"]),
            instead: .arguments([Argument("--enable-prefill-cp", [])]),
            why: gone),
        DialectRule(
            "0.5.20", .changed, ["--enable-nsa-prefill-context-parallel"],
            instead: .arguments([
                Argument("--enable-prefill-cp", []), Argument("--cp-strategy", ["interleave"]),
            ]),
            why:
                "\(gone); the layout has no default any more, and the old one was round-robin-split, "
                + "now interleave"),
        DialectRule(
            "0.5.20", .changed, ["--nsa-prefill-cp-mode"],
            instead: .values(
                "--cp-strategy", ["in-seq-split": "zigzag", "round-robin-split": "interleave"]),
            why: "\(gone); in-seq-split is zigzag, round-robin-split is interleave"),
        DialectRule(
            "0.5.20", .ambiguous, ["--cuda-graph-bs"],
            instead: .name("--cuda-graph-bs-decode"),
            why: "\(gone); the parser takes it for the beginning of --cuda-graph-bs-decode or "
                + "--cuda-graph-bs-prefill; it always meant decode"),
        DialectRule(
            "0.5.20", .ambiguous, ["--cuda-graph-max-bs"],
            instead: .name("--cuda-graph-max-bs-decode"),
            why: "\(gone); the parser takes it for the beginning of --cuda-graph-max-bs-decode or "
                + "--cuda-graph-max-bs-prefill; it always meant decode"),
        DialectRule(
            "0.5.20", .changed, ["--disable-cuda-graph"],
            instead: .arguments([
                Argument("--cuda-graph-backend-decode", ["disabled"]),
                Argument("--cuda-graph-backend-prefill", ["disabled"]),
            ]),
            why: "deprecated and still understood by 0.5.23, which sets these two for it"),
        DialectRule(
            "0.5.20", .ambiguous, ["--moe-dense-tp"],
            instead: .name("--moe-dense-tp-size"),
            why: "not an argument but the beginning of one: it works while no other begins so"),
        DialectRule(
            "0.5.22", .changed, ["--dp-size", "--data-parallel-size", "--dp"],
            when: .with(["--enable-dp-attention"]),
            instead: .name("--attn-dp-size"),
            why:
                "0.5.22 counts attention groups with --attn-dp-size alone; --dp-size counts replicas"
        ),
        DialectRule(
            "0.5.22", .removed, ["--enable-dp-attention"],
            instead: .nothing,
            why:
                "deprecated by 0.5.22, which turns it and --dp-size into --attn-dp-size; its source "
                + "says that it goes after 2026-12-31"),
    ]

    private static let graphs: [DialectRule] = [
        DialectRule(
            "0.5.20", .changed, ["--disable-piecewise-cuda-graph"],
            instead: .arguments([Argument("--cuda-graph-backend-prefill", ["disabled"])]),
            why: gone),
        DialectRule(
            "0.5.20", .changed, ["--enable-breakable-cuda-graph"],
            instead: .arguments([Argument("--cuda-graph-backend-prefill", ["breakable"])]),
            why: gone),
        DialectRule(
            "0.5.13", .removed, ["--enable-piecewise-cuda-graph"],
            instead: .nothing,
            why: "a deprecated argument without effect in 0.5.12; 0.5.14 does not know it"),
        DialectRule(
            "0.5.20", .refused, ["--enforce-piecewise-cuda-graph"],
            instead: .none,
            why: "0.5.20 removed it, and 0.5.23 has no piecewise graphs any more"),
        DialectRule(
            "0.5.20", .renamed, ["--piecewise-cuda-graph-tokens"],
            instead: .name("--cuda-graph-bs-prefill"),
            why: gone),
        DialectRule(
            "0.5.20", .renamed, ["--piecewise-cuda-graph-max-tokens"],
            instead: .name("--cuda-graph-max-bs-prefill"),
            why: gone),
        DialectRule(
            "0.5.20", .refused, ["--piecewise-cuda-graph-compiler"],
            instead: .none,
            why: "0.5.20 removed it, and 0.5.23 has no piecewise graphs any more"),
        DialectRule(
            "0.5.13", .refused, ["--record-nolora-graph", "--no-record-nolora-graph"],
            instead: .none,
            why: "0.5.14 does not know it and has nothing like it"),
    ]

    private static let attention: [DialectRule] = [
        DialectRule(
            "0.5.20", .renamed, ["--enable-prefill-context-parallel"],
            when: .with(["--prefill-cp-mode"]),
            instead: .arguments([Argument("--enable-prefill-cp", [])]),
            why: gone),
        DialectRule(
            "0.5.20", .changed, ["--enable-prefill-context-parallel"],
            instead: .arguments([
                Argument("--enable-prefill-cp", []), Argument("--cp-strategy", ["zigzag"]),
            ]),
            why:
                "\(gone); the layout has no default any more, and the old one was in-seq-split, now "
                + "zigzag"),
        DialectRule(
            "0.5.20", .changed, ["--prefill-cp-mode"],
            instead: .values("--cp-strategy", ["in-seq-split": "zigzag"]),
            why: "\(gone); in-seq-split is zigzag"),
        DialectRule(
            "0.5.20", .renamed, ["--nsa-prefill-backend"],
            instead: .name("--dsa-prefill-backend"),
            why: gone),
        DialectRule(
            "0.5.20", .renamed, ["--nsa-decode-backend"],
            instead: .name("--dsa-decode-backend"),
            why: gone),
        DialectRule(
            "0.5.20", .renamed, ["--mamba-scheduler-strategy"],
            instead: .name("--mamba-radix-cache-strategy"),
            why: gone),
    ]

    private static let others: [DialectRule] = [
        DialectRule(
            "0.5.20", .removed, ["--collect-tokens-histogram"],
            instead: .nothing,
            why: "a deprecated argument without effect: --enable-metrics collects them"),
        DialectRule(
            "0.5.20", .renamed, ["--speculative-dflash-draft-window-size"],
            instead: .name("--speculative-draft-window-size"),
            why: gone),
        DialectRule(
            "0.5.20", .renamed, ["--stream-output"],
            instead: .name("--incremental-streaming-output"),
            why: gone),
        DialectRule(
            "0.5.13", .removed, ["--hybrid-kvcache-ratio"],
            instead: .nothing,
            why: "a deprecated argument without effect in 0.5.12; 0.5.14 does not know it"),
        DialectRule(
            "0.5.19", .renamed, ["--enable-deepep-waterfill"],
            instead: .name("--enable-waterfill"),
            why: "0.5.19 knows it under the new name only, since it serves other backends too"),
        DialectRule(
            "0.5.13", .refused, ["--enable-nan-detection"],
            instead: .none,
            why: "0.5.14 does not know it, and 0.5.23 reads no variable in its place either"),
        DialectRule(
            "0.5.13", .refused, ["--custom-sigquit-handler"],
            instead: .none,
            why: "0.5.14 does not know it and has nothing like it"),
        DialectRule(
            "0.5.13", .refused, ["--debug-tensor-dump-inject"],
            instead: .none,
            why: "0.5.14 does not know it and has nothing like it"),
        DialectRule(
            "0.5.19", .refused, ["--torchao-config"],
            instead: .none,
            why: "0.5.19 does not know it and has nothing like it"),
        DialectRule(
            "0.5.20", .refused, ["--enable-expert-distribution-metrics"],
            instead: .none,
            why: "deprecated by 0.5.19 and removed by 0.5.20"),
        DialectRule(
            "0.5.21", .refused, ["--elastic-ep-rejoin"],
            instead: .none,
            why: "0.5.21 removed it; ranks join in another way"),
        DialectRule(
            "0.5.21", .refused, ["--keep-mm-feature-on-device"],
            instead: .none,
            why: "0.5.21 removed it and has nothing like it"),
        DialectRule(
            "0.5.23", .refused, ["--speculative-skip-dp-mlp-sync"],
            instead: .none,
            why: "0.5.23 removed it and has nothing like it"),
    ]

    static let environment: [DialectRule] = [
        DialectRule(
            "0.5.20", .removed, ["SGLANG_ENABLE_SPEC_V2"],
            instead: .nothingFor(["1", "true", "True"]),
            why:
                "on by default since 0.5.12; later versions know nothing else, warn of the variable up "
                + "to 0.5.20 and no longer read it from 0.5.21 on")
    ]
}

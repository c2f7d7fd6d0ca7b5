// What a benchmark tells in the end, for people and for scripts; Protocols/benchmark.md is the form.

import Base
import Planning
import Profiles

/// The result of `glm-agent bench`.
struct BenchmarkReport {
    let profile: String
    let service: String
    /// `sglang`, `rehearsal` or `command`: what answers.
    let engine: String
    /// `sglang.bench_serving 0.5.12`, or `built-in`.
    let client: String
    /// nil for the built-in client.
    let argv: [String]?
    let deviations: [Deviation]
    /// nil where the built-in client has no such data set, and bench_serving has.
    let load: BenchmarkLoad?
    /// As published.
    let publishedLoad: BenchmarkLoad?
    let metrics: BenchmarkMetrics
    /// The reasons; a reason is told once, with how many requests it had.
    var failures: [String] = []
    /// How many answers are not the known one; nil where none is known.
    var wrongAnswers: Int?
    /// The published TPOT in milliseconds, judged or not.
    let target: Double?
    let verdict: BenchmarkVerdict

    /// Requests without a whole answer.
    var failedCount: Int {
        max(0, (load?.requestCount ?? metrics.completed) - metrics.completed)
    }

    var isRight: Bool { failedCount == 0 && metrics.completed > 0 && (wrongAnswers ?? 0) == 0 }

    var json: JSONValue {
        .object(
            [
                .init("ok", .bool(isRight)), .init("profile", .string(profile)),
                .init("service", .string(service)), .init("engine", .string(engine)),
                .init("client", .string(client)),
                .init("argv", argv.map { .array($0.map { .string($0) }) } ?? .null),
                .init("deviations", .array(deviations.map(\.json))),
                .init("load", load?.json ?? .null),
                .init("published_load", publishedLoad?.json ?? .null),
                .init("failed", JSONValue(failedCount)),
                .init("failures", .array(failures.map { .string($0) })),
                .init("wrong_answers", JSONValue(wrongAnswers)),
            ] + metrics.members + [
                .init("target_tpot_ms", target.map { .number($0) } ?? .null),
                .init("verdict", .string(verdict.word)),
                .init("verdict_reason", .string(verdict.sentence)),
            ])
    }

    func text(on console: Console) -> String {
        var table = Table("MILLISECONDS", "MEAN#", "MEDIAN#", "P99#")
        for (name, summary) in [
            ("TTFT, to the first token", metrics.firstToken),
            ("TPOT, for each token behind it", metrics.perOutputToken),
            ("ITL, between tokens", metrics.betweenTokens),
            ("whole request", metrics.wholeRequest),
        ] {
            let cells = [summary?.mean, summary?.median, summary?.p99].map { number in
                Table.Cell(number.map { decimal($0, digits: 2) } ?? "")
            }
            table.add(Table.Cell(name), cells[0], cells[1], cells[2])
        }
        var lines = table.lines(colour: console.hasColour) + [""]
        lines.append("requests    \(requests)")
        lines.append("throughput  \(throughput)")
        for failure in failures.prefix(5) { lines.append("failed      \(failure)") }
        lines.append("verdict     \(console.styled(verdict.sentence, verdict.style))")
        return lines.map { $0 + "\n" }.joined()
    }

    private var requests: String {
        let whole = load.map { " of \($0.requestCount)" } ?? ""
        let seconds = decimal(metrics.durationSeconds, digits: 1)
        let answers =
            switch wrongAnswers {
            case nil: ""
            case 0?: "; every answer is the known one"
            case let count?: "; \(counted(count, "answer")) not the known one"
            }
        return "\(metrics.completed)\(whole) answered in \(seconds) s\(answers)"
    }

    private var throughput: String {
        let open = metrics.concurrency.map { "; \(decimal($0, digits: 1)) open on average" } ?? ""
        return "\(decimal(metrics.throughput(metrics.completed), digits: 2)) requests/s, "
            + "\(decimal(metrics.throughput(metrics.inputTokens), digits: 1)) tokens/s in, "
            + "\(decimal(metrics.throughput(metrics.outputTokens), digits: 1)) tokens/s out\(open)"
    }
}

/// What changed and why, as comments behind a command line.
func deviationLines(_ deviations: [Deviation]) -> [String] {
    deviations.flatMap { deviation in
        [
            "# \(deviation.place)", "#   published: \(deviation.published)",
            "#   ours: \(deviation.ours)", "#   why: \(deviation.why)",
        ]
    }
}

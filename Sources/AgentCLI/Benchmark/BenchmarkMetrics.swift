// What a benchmark measured, in the words of sglang.bench_serving, whose result file is read here too.

import Base

/// The result of a run.
struct BenchmarkMetrics: Hashable, Sendable {
    /// Requests with a whole answer; the others count nowhere.
    let completed: Int
    let durationSeconds: Double
    let inputTokens: Int
    let outputTokens: Int
    /// How many requests were open on average; nil where that is not told.
    let concurrency: Double?
    let firstToken: LatencySummary?
    /// Time for each output token behind the first, a number for each request.
    let perOutputToken: LatencySummary?
    /// Between one token and the next, a number for each token.
    let betweenTokens: LatencySummary?
    let wholeRequest: LatencySummary?

    /// - Parameters:
    ///   - records: the requests that have a whole answer.
    ///   - duration: from the first request's begin to the last one's end.
    init(_ records: [RequestRecord], duration: Duration) {
        completed = records.count
        durationSeconds = duration.inSeconds
        inputTokens = records.map(\.inputTokens).reduce(0, +)
        outputTokens = records.map(\.outputTokens).reduce(0, +)
        let latencies = records.map(\.latencySeconds)
        concurrency = durationSeconds > 0 ? latencies.reduce(0, +) / durationSeconds : nil
        firstToken = LatencySummary(seconds: records.map(\.firstTokenSeconds))
        perOutputToken = LatencySummary(seconds: records.compactMap(\.secondsPerOutputToken))
        betweenTokens = LatencySummary(seconds: records.flatMap(\.gapSeconds))
        wholeRequest = LatencySummary(seconds: latencies)
    }

    /// - Parameter resultFile: what bench_serving wrote with `--output-file`: a JSON object a line, of
    ///   which the last is the newest.
    /// - Throws: where it has no result.
    init(resultFile: String) throws(BenchmarkFailure) {
        guard let line = resultFile.split(separator: "\n").last,
            let json = try? JSONValue(parsing: String(line)),
            let completed = json.integer("completed"), let duration = json.number("duration")
        else {
            throw BenchmarkFailure(
                "sglang.bench_serving wrote no result that can be read",
                whatToDo: "What it printed above tells why.")
        }
        self.completed = completed
        durationSeconds = duration
        inputTokens = json.integer("total_input_tokens") ?? 0
        outputTokens = json.integer("total_output_tokens") ?? 0
        concurrency = json.number("concurrency")
        // Its numbers are 0 where there is nothing to summarize.
        firstToken = completed > 0 ? json.summary("ttft") : nil
        perOutputToken = completed > 0 ? json.summary("tpot") : nil
        betweenTokens = completed > 0 ? json.summary("itl") : nil
        wholeRequest = completed > 0 ? json.summary("e2e_latency") : nil
    }

    /// For each second of the run.
    func throughput(_ count: Int) -> Double {
        durationSeconds > 0 ? Double(count) / durationSeconds : 0
    }

    /// The members of the report.
    var members: [JSONValue.Member] {
        [
            .init("completed", JSONValue(completed)),
            .init("duration_seconds", .number(durationSeconds)),
            .init("input_tokens", JSONValue(inputTokens)),
            .init("output_tokens", JSONValue(outputTokens)),
            .init("request_throughput", .number(throughput(completed))),
            .init("input_throughput", .number(throughput(inputTokens))),
            .init("output_throughput", .number(throughput(outputTokens))),
            .init("concurrency", concurrency.map { .number($0) } ?? .null),
            .init("ttft_ms", firstToken?.json ?? .null),
            .init("tpot_ms", perOutputToken?.json ?? .null),
            .init("itl_ms", betweenTokens?.json ?? .null),
            .init("e2e_latency_ms", wholeRequest?.json ?? .null),
        ]
    }
}

extension JSONValue {
    /// A finite number.
    fileprivate func number(_ name: String) -> Double? {
        self[name]?.numberValue.flatMap { $0.isFinite ? $0 : nil }
    }

    /// A count; bench_serving's numpy may write it as `512.0`.
    fileprivate func integer(_ name: String) -> Int? {
        number(name).flatMap { Int(exactly: $0) }.flatMap { $0 >= 0 ? $0 : nil }
    }

    /// Older versions have no p99 of the whole request; where one number is missing, none is told.
    fileprivate func summary(_ name: String) -> LatencySummary? {
        guard let mean = number("mean_\(name)_ms"), let median = number("median_\(name)_ms"),
            let p99 = number("p99_\(name)_ms")
        else { return nil }
        return LatencySummary(mean: mean, median: median, p99: p99)
    }
}

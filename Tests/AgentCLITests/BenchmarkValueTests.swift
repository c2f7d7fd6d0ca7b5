// The values of a benchmark: statistics, load, the timing of one request, the result of bench_serving,
// the verdict.

import Base
import Profiles
import Testing

@testable import AgentCLI

@Suite struct BenchmarkValueTests {
    // MARK: - Statistics

    /// Of numpy 2: `numpy.percentile(values, p)`.
    @Test(arguments: [
        ([7.0], 99.0, 7.0), ([1, 2], 50, 1.5), ([1, 2, 3, 4], 50, 2.5), ([1, 2, 3, 4], 99, 3.97),
        ([10, 20, 30], 25, 15), ([1, 2, 3, 4, 5], 100, 5), ([1, 2, 3, 4, 5], 0, 1),
        ([0.5, 1.5, 9.5], 95, 8.7),
    ])
    func `percentiles lie where numpy has them`(
        values: [Double], percent: Double, expected: Double
    ) {
        #expect(abs(percentile(percent, of: values) - expected) < 1e-12)
    }

    @Test func `a summary is in milliseconds, of values in any order`() {
        let summary = LatencySummary(seconds: [0.003, 0.001, 0.002])
        #expect(summary?.median == 2)
        #expect(summary.map { abs($0.mean - 2) < 1e-9 && abs($0.p99 - 2.98) < 1e-9 } == true)
        #expect(LatencySummary(seconds: []) == nil)
    }

    // MARK: - Load

    @Test(arguments: ProfileCatalog.published.filter { $0.benchmark != nil })
    func `every published benchmark has a load`(profile: Profile) throws {
        let benchmark = try #require(profile.benchmark)
        let load = try BenchmarkLoad(benchmark)
        let count = { (flag: String) in
            benchmark.arguments.first { $0.flag == flag }?.values.first.flatMap { Int($0) }
        }
        #expect(load.requestCount == count("--num-prompts"))
        #expect(load.concurrency == count("--max-concurrency"))
        #expect(load.outputTokens == count("--random-output-len") ?? count("--gsp-output-len"))
        #expect(load.requestRate == nil)
        #expect(profile.published?.targetMilliseconds != nil, "\(profile.name)")
        let small = load.scaled(requests: 3, lengthsBy: 64)
        #expect(small.requestCount == 3 && small.inputTokens == load.inputTokens / 64)
        let first = small.request(0, seed: 1)
        #expect(first == small.request(0, seed: 1))
        #expect(first.inputTokens.count == small.inputTokens)
        #expect(first.inputTokens != small.request(1, seed: 1).inputTokens)
        #expect(first.inputTokens != small.request(0, seed: 2).inputTokens)
    }

    private func load(_ arguments: KeyValuePairs<String, String>) throws -> BenchmarkLoad {
        var benchmark = try #require(ProfileCatalog.published.first?.benchmark)
        benchmark.arguments = arguments.map { Argument($0.key, [$0.value]) }
        return try BenchmarkLoad(benchmark)
    }

    @Test func `requests of a shared prefix begin alike and end differently`() throws {
        let load = try load([
            "--dataset-name": "generated-shared-prefix", "--gsp-num-groups": "2",
            "--gsp-prompts-per-group": "2", "--gsp-system-prompt-len": "40",
            "--gsp-question-len": "10", "--gsp-output-len": "5",
        ])
        #expect(load.requestCount == 4 && load.inputTokens == 50 && load.openLimit == 4)
        let inputs = (0..<4).map { load.request($0, seed: 7).inputTokens }
        #expect(inputs[0].prefix(40) == inputs[2].prefix(40))
        #expect(inputs[0].prefix(40) != inputs[1].prefix(40))
        #expect(Set(inputs.map { Array($0.suffix(10)) }).count == 4)
    }

    @Test func `lengths of random requests lie in their range`() throws {
        let load = try load([
            "--dataset-name": "random", "--random-input-len": "100", "--random-output-len": "10",
            "--random-range-ratio": "0.5", "--num-prompts": "200",
        ])
        let requests = (0..<200).map { load.request($0, seed: 3) }
        #expect(requests.allSatisfy { (50...100).contains($0.inputTokens.count) })
        #expect(requests.allSatisfy { (5...10).contains($0.outputTokens) })
        #expect(Set(requests.map(\.inputTokens.count)).count > 20)
    }

    @Test func `requests of a rate come at that rate`() throws {
        let load = try load([
            "--dataset-name": "random", "--num-prompts": "2000", "--request-rate": "100",
        ])
        let arrivals = load.arrivals(seed: 11)
        #expect(arrivals.first == .zero && arrivals == arrivals.sorted())
        let seconds = try #require(arrivals.last).inSeconds
        #expect((18...22).contains(seconds), "\(seconds) s for 2000 requests at 100 a second")
    }

    @Test(arguments: [
        ["--dataset-name": "sharegpt"], ["--dataset-name": "random", "--num-prompts": "0"],
        ["--dataset-name": "random", "--random-input-len": "many"],
        ["--dataset-name": "random", "--request-rate": "nan"],
        [
            "--dataset-name": "generated-shared-prefix", "--gsp-num-groups": "1000000000",
            "--gsp-prompts-per-group": "1000000000000000000",
        ],
    ])
    func `a load that makes no sense is refused`(arguments: [String: String]) throws {
        var benchmark = try #require(ProfileCatalog.published.first?.benchmark)
        benchmark.arguments = arguments.map { Argument($0.key, [$0.value]) }
        #expect(throws: BenchmarkFailure.self) { try BenchmarkLoad(benchmark) }
    }

    // MARK: - One request

    private static let request = BenchmarkRequest(
        number: 4, inputTokens: [1, 2, 3], outputTokens: 6)

    private static func event(_ tokens: Int, _ text: String = "word") -> String {
        "{\"text\": \"\(text)\", \"meta_info\": {\"completion_tokens\": \(tokens)}}"
    }

    private func moment(_ number: Int64) -> Instant { .zero + .milliseconds(number) }

    @Test func `times are those of bench_serving`() throws {
        var meter = RequestMeter(Self.request, at: moment(0))
        try meter.take(Self.event(0, ""), at: moment(5))
        try meter.take(Self.event(2), at: moment(10))
        try meter.take(Self.event(3), at: moment(20))
        // The same tokens told again are none.
        try meter.take(Self.event(3), at: moment(25))
        // Three tokens at once share the time since the last new one.
        try meter.take(Self.event(6, "all of it"), at: moment(50))
        try meter.take("[DONE]", at: moment(60))
        let record = try meter.finished()
        #expect(record.request == 4 && record.inputTokens == 3 && record.outputTokens == 6)
        #expect(record.text == "all of it")
        #expect(abs(record.firstTokenSeconds - 0.010) < 1e-12)
        #expect(record.gapSeconds.map { ($0 * 1e6).rounded() } == [10_000, 10_000, 10_000, 10_000])
        #expect(abs(record.latencySeconds - 0.060) < 1e-12)
        #expect(record.secondsPerOutputToken.map { abs($0 - 0.010) < 1e-12 } == true)
    }

    @Test(arguments: [
        ["no JSON"], ["{\"error\": {\"message\": \"out of memory\"}}"], [event(-1)],
        [event(2), event(1)],
        ["{\"text\": \"a\"}"], [event(1), event(9)], [event(1), event(1_000_000_000_000)],
        ["[DONE]"],
        [event(6)], [event(3), "[DONE]"],
    ])
    func `what is no whole answer is a failure`(events: [String]) {
        #expect(throws: RequestFailure.self) {
            var meter = RequestMeter(Self.request, at: .zero)
            for event in events { try meter.take(event, at: moment(1)) }
            _ = try meter.finished()
        }
    }

    // MARK: - Results

    @Test func `metrics of no request are none`() {
        let metrics = BenchmarkMetrics([], duration: .zero)
        #expect(metrics.firstToken == nil && metrics.perOutputToken == nil)
        #expect(metrics.throughput(3) == 0)
    }

    @Test func `the last line of the result file counts`() throws {
        let line = { (tpot: String) in
            "{\"completed\": 4.0, \"duration\": 2.5, \"total_input_tokens\": 40, "
                + "\"total_output_tokens\": 20, \"mean_tpot_ms\": \(tpot), \"median_tpot_ms\": 3, "
                + "\"p99_tpot_ms\": 4, \"mean_ttft_ms\": 1, \"accept_length\": null}\n"
        }
        let metrics = try BenchmarkMetrics(resultFile: line("7.5") + line("2.5"))
        #expect(metrics.completed == 4 && metrics.outputTokens == 20)
        #expect(metrics.perOutputToken == LatencySummary(mean: 2.5, median: 3, p99: 4))
        #expect(metrics.firstToken == nil, "without its median")
        #expect(metrics.throughput(metrics.outputTokens) == 8)
        for text in ["", "\n", "{}", "[]", "{\"completed\": -1, \"duration\": 1}", "no JSON"] {
            #expect(throws: BenchmarkFailure.self) { try BenchmarkMetrics(resultFile: text) }
        }
    }

    // MARK: - The verdict

    private func profile(_ name: String) throws -> Profile {
        try #require(ProfileCatalog.published.first { $0.name.hasSuffix(name) })
    }

    @Test func `equal deployments are judged by their own targets`() throws {
        let measured = LatencySummary(mean: 30, median: 1, p99: 1)
        let fast = BenchmarkVerdict(
            measured, of: try profile("in64k-out1k-20ms"), objection: nil)
        let slow = BenchmarkVerdict(
            measured, of: try profile("1p1d-32p-in64k-out1k-50ms"), objection: nil)
        #expect(fast == .missed(measured: 30, target: 20))
        #expect(slow == .met(measured: 30, target: 50))
        let equal = LatencySummary(mean: 20, median: 1, p99: 1)
        #expect(
            BenchmarkVerdict(equal, of: try profile("in64k-out1k-20ms"), objection: nil).word
                == "met")
    }

    @Test func `nothing is judged with an objection, and the target is told all the same`() throws {
        let verdict = BenchmarkVerdict(
            LatencySummary(mean: 1, median: 1, p99: 1), of: try profile("in64k-out1k-20ms"),
            objection: "rehearsal: figures say nothing about NPUs")
        #expect(
            verdict.sentence
                == "rehearsal: figures say nothing about NPUs; target (20 ms) not judged")
        #expect(verdict.word == "not judged")
    }

    @Test(arguments: [
        ("20ms", 20.0), ("25.5 ms", 25.5), ("50ms (TTFT 3s)", nil), ("", nil), ("ms", nil),
    ])
    func `a target is read where it is one`(text: String, expected: Double?) {
        #expect(AgentCLI.milliseconds(text) == expected)
    }
}

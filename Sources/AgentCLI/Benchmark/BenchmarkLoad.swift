// The load that a published benchmark puts on a deployment, read from the arguments of
// sglang.bench_serving. Where an argument is absent, bench_serving's own default stands.

import Base
import Glibc
import Profiles

/// How many requests of which size, and how they come.
struct BenchmarkLoad: Hashable, Sendable {
    enum Dataset: Hashable, Sendable {
        /// Lengths between this part of the full length and all of it.
        case random(rangeRatio: Double)
        /// The requests of a group begin with the same tokens.
        case sharedPrefix(groups: Int, prefixTokens: Int)
    }

    var dataset: Dataset
    var requestCount: Int
    /// How many requests may be open at once; nil for any number.
    var concurrency: Int?
    /// A shared prefix included.
    var inputTokens: Int
    var outputTokens: Int
    /// Requests a second, at random intervals; nil for all at once.
    var requestRate: Double?

    /// - Throws: where the benchmark has another dataset, or a value is no number.
    init(_ benchmark: BenchmarkProfile) throws(BenchmarkFailure) {
        let arguments = BenchmarkArguments(benchmark.arguments)
        let name = arguments.text("--dataset-name") ?? "sharegpt"
        switch name {
        case "random", "random-ids":
            dataset = .random(
                rangeRatio: min(1, max(0, try arguments.number("--random-range-ratio") ?? 0)))
            requestCount = try arguments.count("--num-prompts") ?? 1000
            inputTokens = try arguments.count("--random-input-len") ?? 1024
            outputTokens = try arguments.count("--random-output-len") ?? 1024
        case "generated-shared-prefix":
            let groups = try arguments.count("--gsp-num-groups") ?? 64
            let prefix = try arguments.count("--gsp-system-prompt-len") ?? 2048
            dataset = .sharedPrefix(groups: groups, prefixTokens: prefix)
            let (count, overflows) = groups.multipliedReportingOverflow(
                by: try arguments.count("--gsp-prompts-per-group") ?? 16)
            guard !overflows else { throw BenchmarkFailure("too many prompts: --gsp-num-groups") }
            requestCount = count
            inputTokens = prefix + (try arguments.count("--gsp-question-len") ?? 128)
            outputTokens = try arguments.count("--gsp-output-len") ?? 256
        default:
            throw BenchmarkFailure(
                "the built-in client has no dataset \"\(name)\"; it has random and "
                    + "generated-shared-prefix",
                whatToDo: "Install sglang on this node: sglang.bench_serving has the others.")
        }
        concurrency = try arguments.count("--max-concurrency")
        let rate = try arguments.number("--request-rate") ?? .infinity
        requestRate = rate.isFinite && rate > 0 ? rate : nil
    }

    /// A smaller load of the same form.
    /// - Parameters:
    ///   - requests: how many; nil leaves the number.
    ///   - divisor: lengths become this much shorter, but no shorter than one token.
    /// - Returns: what is to be sent.
    func scaled(requests: Int?, lengthsBy divisor: Int) -> BenchmarkLoad {
        var load = self
        load.requestCount = requests ?? requestCount
        load.inputTokens = max(1, inputTokens / divisor)
        load.outputTokens = max(1, outputTokens / divisor)
        if case .sharedPrefix(let groups, let prefix) = dataset {
            load.dataset = .sharedPrefix(
                groups: max(1, min(groups, load.requestCount)),
                prefixTokens: min(prefix / divisor, load.inputTokens - 1))
        }
        return load
    }

    /// How many requests can be open at once.
    var openLimit: Int { max(1, min(concurrency ?? requestCount, requestCount)) }

    var json: JSONValue {
        let name: JSONValue =
            switch dataset {
            case .random: "random"
            case .sharedPrefix: "generated-shared-prefix"
            }
        return [
            "dataset": name, "requests": JSONValue(requestCount),
            "concurrency": JSONValue(concurrency), "input_tokens": JSONValue(inputTokens),
            "output_tokens": JSONValue(outputTokens),
            "request_rate": requestRate.map { .number($0) } ?? .null,
        ]
    }

    /// `512 requests, 128 at a time, 16384 tokens in and 1024 out`.
    var sentence: String {
        let open = concurrency.map { ", \(min($0, requestCount)) at a time" } ?? ""
        let rate = requestRate.map { ", \(decimal($0, digits: 1)) a second" } ?? ""
        return "\(counted(requestCount, "request"))\(open)\(rate), "
            + "\(counted(inputTokens, "token")) in and \(outputTokens) out"
    }
}

/// One request of a load.
struct BenchmarkRequest: Hashable, Sendable {
    /// Which request of its load.
    let number: Int
    let inputTokens: [UInt32]
    let outputTokens: Int
}

extension BenchmarkLoad {
    /// Ordinary tokens of every large vocabulary; its first and last ones may be special.
    private static let tokens: Range<UInt32> = 1000..<100_000

    /// The request of that number; the same seed gives the same one.
    func request(_ number: Int, seed: UInt64) -> BenchmarkRequest {
        var generator = Self.generator(seed, UInt64(number))
        var length = inputTokens
        var output = outputTokens
        var prefix: [UInt32] = []
        switch dataset {
        case .random(let ratio):
            length = Self.length(inputTokens, ratio, using: &generator)
            output = Self.length(outputTokens, ratio, using: &generator)
        case .sharedPrefix(let groups, let prefixTokens):
            // Far from the numbers of requests.
            var shared = Self.generator(seed, UInt64(number % groups) | 1 << 63)
            prefix = Self.tokens(prefixTokens, using: &shared)
        }
        return BenchmarkRequest(
            number: number,
            inputTokens: prefix + Self.tokens(length - prefix.count, using: &generator),
            outputTokens: output)
    }

    /// When each request comes, counted from the first.
    func arrivals(seed: UInt64) -> [Duration] {
        guard let requestRate else { return Array(repeating: .zero, count: requestCount) }
        var generator = Self.generator(seed, .max)
        var seconds = 0.0
        return (0..<requestCount).map { number in
            // An exponential interval, as between the events of a Poisson process.
            let chance = Double.random(in: Double.leastNonzeroMagnitude..<1, using: &generator)
            if number > 0 { seconds -= log(chance) / requestRate }
            return .seconds(seconds)
        }
    }

    private static func generator(_ seed: UInt64, _ number: UInt64) -> SeededGenerator {
        var root = SeededGenerator(seed: seed)
        return SeededGenerator(seed: root.next() ^ number).splitOnce()
    }

    private static func length(
        _ full: Int, _ ratio: Double, using generator: inout SeededGenerator
    ) -> Int {
        Int.random(in: max(1, Int(Double(full) * ratio))...full, using: &generator)
    }

    private static func tokens(_ count: Int, using generator: inout SeededGenerator) -> [UInt32] {
        (0..<count).map { _ in UInt32.random(in: tokens, using: &generator) }
    }
}

extension SeededGenerator {
    /// Generators of neighbouring seeds give shifted sequences; those split from them do not.
    fileprivate func splitOnce() -> SeededGenerator {
        var copy = self
        return copy.split()
    }
}

/// The arguments of a benchmark, by flag.
private struct BenchmarkArguments {
    private let arguments: [Argument]

    init(_ arguments: [Argument]) {
        self.arguments = arguments
    }

    func text(_ flag: String) -> String? {
        arguments.last { $0.flag == flag }?.values.first
    }

    func number(_ flag: String) throws(BenchmarkFailure) -> Double? {
        guard let text = text(flag) else { return nil }
        guard let number = Double(text), !number.isNaN else {
            throw BenchmarkFailure("\(flag) of the profile's benchmark is \"\(text)\", no number")
        }
        return number
    }

    /// At most a billion: sizes of requests and of their number.
    func count(_ flag: String) throws(BenchmarkFailure) -> Int? {
        guard let text = text(flag) else { return nil }
        guard let number = Int(text), (1...1_000_000_000).contains(number) else {
            throw BenchmarkFailure(
                "\(flag) of the profile's benchmark is \"\(text)\", no number from 1 up")
        }
        return number
    }
}

/// Why a benchmark cannot be run, or has no result.
struct BenchmarkFailure: Error, Hashable, Sendable {
    let message: String
    let exitCode: ExitCode

    init(_ reason: String, whatToDo: String? = nil, exitCode: ExitCode = .failure) {
        message = whatToDo.map { "\(reason)\n  \($0)" } ?? reason
        self.exitCode = exitCode
    }
}

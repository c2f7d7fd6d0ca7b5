// One benchmark from the first word to the report.

import Base
import EventLoop
import Glibc
import Planning
import Profiles

/// A run against a target.
struct BenchmarkRun {
    let invocation: Invocation
    let target: BenchmarkTarget
    let options: BenchmarkOptions

    private var console: Console { invocation.console }
    private var isQuiet: Bool { invocation.arguments.has(.json) }
    /// Every run sends the same requests, as every run of bench_serving does.
    private static let seed: UInt64 = 1

    /// Runs it.
    /// - Throws: why there is no result.
    func report() throws(BenchmarkFailure) -> BenchmarkReport {
        let profile = try target.benchmarked()
        if profile.name != target.deployed.name {
            console.complain(
                "\(target.deployed.name) runs; load and target are those of \(profile.name)")
        }
        switch try client() {
        case .builtIn(let isRehearsal): return try builtIn(profile, isRehearsal: isRehearsal)
        case .published(let version): return try published(profile, version: version)
        }
    }

    private enum Client {
        case builtIn(isRehearsal: Bool)
        /// Of that version of SGLang.
        case published(String)
    }

    /// Who measures; why it is the built-in client where SGLang was to be expected is told.
    private func client() throws(BenchmarkFailure) -> Client {
        if target.isRehearsal { return .builtIn(isRehearsal: true) }
        let version: String?
        do throws(UVError) {
            version = try BenchServing.installedVersion(for: target.deployed)
        } catch {
            throw BenchmarkFailure("\(error)")
        }
        if let version { return .published(version) }
        console.complain(
            "sglang is not installed for \(target.deployed.command.first ?? "python3") on this "
                + "node, so the built-in client measures. It sends random tokens, of which "
                + "speculative decoding guesses fewer than of text.")
        return .builtIn(isRehearsal: false)
    }

    /// Shows what the built-in client would do; false where it is not the one that would measure.
    func showsBuiltIn() throws(BenchmarkFailure) -> Bool {
        let profile = try target.benchmarked()
        guard case .builtIn(let isRehearsal) = try client() else { return false }
        let (load, published) = try loads(of: profile, isRehearsal: isRehearsal)
        invocation.show([
            "profile": .string(profile.name), "client": "built-in", "argv": .null,
            "deviations": [], "load": load.json, "published_load": published.json,
        ]) { sentences(profile, load, published).map { $0 + "\n" }.joined() }
        return true
    }

    // MARK: - sglang.bench_serving

    private func published(
        _ profile: Profile, version: String
    ) throws(BenchmarkFailure) -> BenchmarkReport {
        let directory = try temporaryDirectory()
        defer { try? Files.removeTree(directory) }
        let resultFile = "\(directory)/result.jsonl"
        var interpreted = profile
        // Where another profile is judged by, the engines that run have the interpreter all the same.
        interpreted.command = target.deployed.command
        let repaired = RepairedBenchmark(interpreted, options, resultFile: resultFile)
        let argv = target.argv(of: repaired)
        let deviations = target.deviations(of: repaired)
        for warning in repaired.warnings { console.complain("warning: \(warning)") }
        if !isQuiet {
            console.out(argv.map(shellQuoted).joined(separator: " "))
            for line in deviationLines(deviations) { console.out(line) }
        }
        let serving = BenchServing(argv: argv, profile: target.deployed, resultFile: resultFile)
        let metrics = try serving.run(keepsOutput: isQuiet)
        let published = profile.benchmark.flatMap { try? BenchmarkLoad($0) }
        let load = repaired.profile.benchmark.flatMap { try? BenchmarkLoad($0) }
        return BenchmarkReport(
            profile: profile.name, service: "http://\(target.service)",
            engine: target.engineName, client: "sglang.bench_serving \(version)", argv: argv,
            deviations: deviations,
            load: load, publishedLoad: published, metrics: metrics,
            target: profile.published?.targetMilliseconds,
            verdict: BenchmarkVerdict(
                metrics.perOutputToken, of: profile,
                objection: options.objection
                    ?? load.flatMap { incomplete(metrics.completed, of: $0) }))
    }

    private func temporaryDirectory() throws(BenchmarkFailure) -> String {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/glm-bench-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else {
            throw BenchmarkFailure(
                "cannot make a directory in \(parent): \(String(cString: strerror(errno)))")
        }
        return String(cString: made)
    }

    // MARK: - The built-in client

    private func builtIn(
        _ profile: Profile, isRehearsal: Bool
    ) throws(BenchmarkFailure) -> BenchmarkReport {
        let (load, published) = try loads(of: profile, isRehearsal: isRehearsal)
        if !isQuiet { for line in sentences(profile, load, published) { console.out(line) } }
        let outcome = try run(load)
        let metrics = BenchmarkMetrics(outcome.records, duration: outcome.duration)
        return BenchmarkReport(
            profile: profile.name, service: "http://\(target.service)",
            engine: target.engineName, client: "built-in", argv: nil, deviations: [], load: load,
            publishedLoad: published, metrics: metrics,
            failures: grouped(outcome.failures.map(\.reason)),
            wrongAnswers: isRehearsal ? try wrongAnswers(outcome.records, of: load) : nil,
            target: profile.published?.targetMilliseconds,
            verdict: BenchmarkVerdict(
                metrics.perOutputToken, of: profile,
                objection: isRehearsal
                    ? "rehearsal: figures say nothing about NPUs"
                    : options.objection ?? incomplete(metrics.completed, of: load)))
    }

    /// What the built-in client sends, and what is published.
    private func loads(
        of profile: Profile, isRehearsal: Bool
    ) throws(BenchmarkFailure) -> (ours: BenchmarkLoad, published: BenchmarkLoad) {
        guard let benchmark = profile.benchmark else {
            fatalError("\(profile.name) has lost its benchmark")
        }
        let published = try BenchmarkLoad(benchmark)
        let ours = published.scaled(
            requests: options.requests
                ?? (isRehearsal ? min(published.requestCount, rehearsalRequests) : nil),
            lengthsBy: options.scale ?? (isRehearsal ? rehearsalScale : 1))
        return (ours, published)
    }

    private func sentences(
        _ profile: Profile, _ load: BenchmarkLoad, _ published: BenchmarkLoad
    ) -> [String] {
        [
            "\(profile.name) at http://\(target.service), by the built-in client",
            "  \(load.sentence)",
        ]
            + (load == published ? [] : ["  published: \(published.sentence)"])
    }

    /// Those that were answered had the engine to themselves.
    private func incomplete(_ completed: Int, of load: BenchmarkLoad) -> String? {
        completed == load.requestCount
            ? nil : "\(load.requestCount - completed) of \(load.requestCount) requests failed"
    }

    private func run(_ load: BenchmarkLoad) throws(BenchmarkFailure) -> BenchmarkOutcome {
        let progress = BenchmarkProgress(console, isQuiet: isQuiet, at: currentInstant())
        defer { progress.end() }
        do throws(UVError) {
            let loop = try Loop()
            defer { loop.close() }
            let client = try BenchmarkClient(
                loop, service: "http://\(target.service)", load: load, seed: Self.seed)
            var failure: RequestFailure?
            let ticker = loop.every(.milliseconds(200)) {
                progress.tell(
                    "\(client.finishedCount) of \(counted(load.requestCount, "request")) answered",
                    at: loop.now)
            }
            client.start {
                failure = $0
                loop.stop()
            }
            withExtendedLifetime(ticker) { loop.run() }
            guard let failure else { return client.outcome }
            return BenchmarkOutcome(failures: [(0, failure.description)])
        } catch {
            throw BenchmarkFailure("\(error)")
        }
    }

    /// A completion comes out right only where every rank, size, port and address is.
    private func wrongAnswers(
        _ records: [RequestRecord], of load: BenchmarkLoad
    ) throws(BenchmarkFailure) -> Int {
        let worlds: PlannedWorlds
        do throws(RehearsalFailure) {
            worlds = try PlannedWorlds(
                groups: target.plan["groups"]?.arrayValue ?? [], profile: target.deployed,
                modelPath: target.modelPath)
        } catch {
            throw BenchmarkFailure(error.reason)
        }
        return records.count { record in
            let request = load.request(record.request, seed: Self.seed)
            // The rehearsal engine reads token ids as words.
            let prompt = request.inputTokens.map { String($0) }.joined(separator: " ")
            return !worlds.answers(to: prompt, tokens: request.outputTokens).contains(record.text)
        }
    }

    /// `answered 503: … (3 requests)`, most frequent first.
    private func grouped(_ reasons: [String]) -> [String] {
        var counts: [String: Int] = [:]
        for reason in reasons { counts[reason, default: 0] += 1 }
        return counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
            .map { "\($0.key) (\(counted($0.value, "request")))" }
    }
}

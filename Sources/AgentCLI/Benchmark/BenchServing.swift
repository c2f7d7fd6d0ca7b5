// sglang.bench_serving as a child: in the environment that engines have, with its output where ours
// goes, and the result in a file that is gone afterwards.

import Base
import EventLoop
import Glibc
import Host
import Profiles

/// One run of the published benchmark.
struct BenchServing {
    let argv: [String]
    let profile: Profile
    /// The file named by `--output-file`.
    let resultFile: String

    /// Which SGLang this node has; nil where the engines' Python finds none.
    static func installedVersion(for profile: Profile) throws(UVError) -> String? {
        let loop = try Loop()
        defer { loop.close() }
        let finder = SGLangFinder(loop, environment: environment(for: profile))
        var answer: Result<String, SGLangFinder.Failure>?
        finder.find(
            python: profile.command.first ?? "python3", source: profile.source,
            within: .seconds(30)
        ) { answer = $0 }
        _ = loop.run(within: .seconds(40)) { answer != nil }
        return try? answer?.get()
    }

    /// Runs it to its end.
    /// - Parameter keepsOutput: whether standard output is for the report alone; what the benchmark
    ///   prints then goes to standard error.
    /// - Returns: what it measured.
    /// - Throws: where it fails or is interrupted.
    func run(keepsOutput: Bool) throws(BenchmarkFailure) -> BenchmarkMetrics {
        let exit: ChildExit
        do throws(UVError) {
            exit = try wait(keepsOutput: keepsOutput)
        } catch {
            throw BenchmarkFailure("sglang.bench_serving cannot be started: \(error)")
        }
        guard exit == .exited(code: 0) else {
            throw BenchmarkFailure(
                "sglang.bench_serving \(exit)", whatToDo: "What it printed above tells why.")
        }
        let bytes = (try? Files.read(resultFile, limitBytes: 256 << 20)) ?? []
        return try BenchmarkMetrics(resultFile: String(decoding: bytes, as: UTF8.self))
    }

    private func wait(keepsOutput: Bool) throws(UVError) -> ChildExit {
        let loop = try Loop()
        defer { loop.close() }
        let command = SourcedCommand(argv, source: profile.source)
        let output = keepsOutput ? STDERR_FILENO : STDOUT_FILENO
        let child = try ChildProcess(
            loop,
            ChildSpecification(
                executable: command.executable, arguments: command.arguments,
                environment: Self.environment(for: profile),
                descriptors: [.null, .inherit(output), .inherit(STDERR_FILENO)])
        ) { _ in loop.stop() }
        // Ctrl-C reaches the child by itself; its end is waited for, so that its file can be removed.
        let signals = try [SIGINT, SIGTERM, SIGHUP].map { number throws(UVError) in
            try SignalWatcher(loop, signal: number) { try? child.kill(number) }
        }
        return withExtendedLifetime(signals) {
            while true {
                if let exit = child.exit { return exit }
                loop.run()
            }
        }
    }

    /// Proxies stand between nobody here: what engines must not inherit, the benchmark must not either.
    private static func environment(for profile: Profile) -> [String: String] {
        currentEnvironment().filter { !profile.unset.contains($0.key) }
    }
}

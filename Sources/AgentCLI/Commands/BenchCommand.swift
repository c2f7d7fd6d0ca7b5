// `glm-agent bench`: the profile's published benchmark against what runs. sglang.bench_serving does it
// where it is installed; elsewhere, and for a rehearsal, the built-in client.

import Base
import EventLoop
import Planning
import Profiles
import YAML

/// A rehearsal divides the published lengths by this, and sends at most so many requests: what it
/// proves is that every answer comes and is right.
let rehearsalScale = 64
let rehearsalRequests = 16

extension CommandSpec {
    static let bench = CommandSpec(
        name: "bench", summary: "the published benchmark, judged against the published TPOT",
        discussion: """
            Runs against the deployment that is up, from the node of the router. sglang.bench_serving of
            the engines' Python does it where it is installed, and a built-in client elsewhere. Every
            difference from the publication is listed with its reason. With --requests or --scale the
            target is not judged. A rehearsal is measured with fewer and shorter requests, every answer
            is compared with the known one, and no target is judged. PROFILE takes the load and the
            target of another profile than the one that runs; with --dry-run it needs no agent.
            """,
        options: [
            .socket, .profileFile, .requests, .scale, .dataset, .model, .dryRun, .json,
        ],
        positionals: [
            PositionalSpec("PROFILE", optional: true, completion: .profile, "a published name")
        ],
        exitCodes: [.success, .failure, .usage, .notReady, .noAgent, .targetMissed],
        examples: [
            Example("glm-agent bench", "the benchmark of what runs"),
            Example("glm-agent bench --requests 8 --json", "a short one, for a script"),
            Example(
                "glm-agent bench \(rehearsedByDefault) --dry-run --model /data/glm-5.1",
                "the command, without any agent"),
        ])
}

func benchmark(_ invocation: Invocation) -> ExitCode {
    invocation.withConfiguration { () throws(ConfigurationError) in
        var options = BenchmarkOptions(dataset: invocation.arguments[.dataset])
        if invocation.arguments[.requests] != nil {
            switch invocation.number(.requests, or: 1, in: 1...1_000_000) {
            case .success(let number): options.requests = number
            case .failure(let misuse): return misuse.exitCode
            }
        }
        if invocation.arguments[.scale] != nil {
            switch invocation.number(.scale, or: 1, in: 1...1_000_000) {
            case .success(let number): options.scale = number
            case .failure(let misuse): return misuse.exitCode
            }
        }
        let isNamed =
            invocation.arguments.positional(0) != nil
            || invocation.arguments[.profileFile] != nil
        var named: Profile?
        if isNamed {
            named = try invocation.namedProfile()
            guard named != nil else { return .usage }
        }
        do throws(BenchmarkFailure) {
            return try benchmark(invocation, named, options)
        } catch {
            invocation.console.complain(error.message)
            return error.exitCode
        }
    }
}

private func benchmark(
    _ invocation: Invocation, _ named: Profile?, _ options: BenchmarkOptions
) throws(BenchmarkFailure) -> ExitCode {
    if invocation.arguments.has(.dryRun) {
        let target: BenchmarkTarget
        if let named {
            target = BenchmarkTarget(withoutAgent: named, model: invocation.arguments[.model])
        } else {
            target = try BenchmarkTarget(asking: invocation.control, named: nil)
            let run = BenchmarkRun(invocation: invocation, target: target, options: options)
            if try run.showsBuiltIn() { return .success }
        }
        return try showCommand(invocation, target, options)
    }
    let target = try BenchmarkTarget(asking: invocation.control, named: named)
    try target.check(invocation.control)
    let run = BenchmarkRun(invocation: invocation, target: target, options: options)
    let report = try run.report()
    invocation.show(report.json) { report.text(on: invocation.console) }
    guard report.isRight else { return .failure }
    if case .missed = report.verdict { return .targetMissed }
    return .success
}

/// Prints the command, word by word, and every difference.
private func showCommand(
    _ invocation: Invocation, _ target: BenchmarkTarget, _ options: BenchmarkOptions
) throws(BenchmarkFailure) -> ExitCode {
    let repaired = RepairedBenchmark(try target.benchmarked(), options, resultFile: nil)
    let argv = target.argv(of: repaired)
    let deviations = target.deviations(of: repaired)
    for warning in repaired.warnings { invocation.console.complain("warning: \(warning)") }
    let document: JSONValue = [
        "profile": .string(target.profile.name), "argv": .array(argv.map { .string($0) }),
        "deviations": .array(deviations.map(\.json)),
    ]
    invocation.show(document) {
        ([argv.map(shellQuoted).joined(separator: " ")] + deviationLines(deviations))
            .map { $0 + "\n" }.joined()
    }
    return .success
}

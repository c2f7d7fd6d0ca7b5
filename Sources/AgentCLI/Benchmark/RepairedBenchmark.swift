// The published benchmark as it can be run: what has to differ is listed like the deviations of a
// profile, each with its reason, so that nobody compares figures without knowing.

import Base
import Profiles

/// What the command line changes about the benchmark.
struct BenchmarkOptions: Hashable, Sendable {
    /// How many requests; nil for as many as published.
    var requests: Int?
    /// Lengths become this much shorter; nil where it is not said.
    var scale: Int?
    /// A local copy of the data that the `random` data set is made from.
    var dataset: String?

    /// Why the load is not the published one; nil where it is.
    var objection: String? {
        let changed = [
            requests == nil ? nil : "--requests", (scale ?? 1) == 1 ? nil : "--scale",
        ].compactMap { $0 }
        return changed.isEmpty
            ? nil : "the load is not the published one (\(changed.joined(separator: ", ")))"
    }
}

/// A profile whose benchmark can be run by sglang.bench_serving.
struct RepairedBenchmark {
    /// Differs from the published one in its benchmark alone.
    private(set) var profile: Profile
    /// Those of the profile are not among them.
    private(set) var repairs: [Deviation] = []
    /// What it will need besides.
    private(set) var warnings: [String] = []

    /// - Parameters:
    ///   - profile: one with a benchmark.
    ///   - options: what the command line changes.
    ///   - resultFile: where bench_serving is to write its result; nil for nowhere.
    init(_ profile: Profile, _ options: BenchmarkOptions, resultFile: String?) {
        self.profile = profile
        repairInterpreter()
        if value("--tokenizer") == nil {
            add(
                "--tokenizer", "{model}",
                why:
                    "Without it the benchmark asks Hugging Face for a tokenizer of the served name, "
                    + "and fails.")
        }
        let isRandom = value("--dataset-name") == "random"
        if let dataset = options.dataset {
            add("--dataset-path", dataset, why: "Asked for with --dataset.")
        } else if isRandom, value("--dataset-path") == nil {
            warnings.append(
                "the data set random is made from ShareGPT, which bench_serving downloads from Hugging "
                    + "Face unless it has it; --dataset FILE names a copy")
        }
        scale(options)
        if let resultFile {
            add("--output-file", resultFile, why: "The result is read from there.")
        }
    }

    /// Of several arguments with one flag the last counts, as in argparse.
    private func value(_ flag: String) -> String? {
        profile.benchmark?.arguments.last { $0.flag == flag }?.values.first
    }

    private mutating func repairInterpreter() {
        guard let command = profile.benchmark?.command, command.count > 2, command[1] == "-m",
            let python = profile.command.first, command[0] != python
        else { return }
        profile.benchmark?.command[0] = python
        repairs.append(
            Deviation(
                place: "benchmark command", published: command[0], ours: python,
                why: "The interpreter that the engines are started with has sglang."))
    }

    private mutating func add(_ flag: String, _ value: String, why: String) {
        let published = self.value(flag)
        let argument = Argument(flag, [value])
        var arguments = profile.benchmark?.arguments ?? []
        if let index = arguments.lastIndex(where: { $0.flag == flag }) {
            arguments[index] = argument
        } else {
            arguments.append(argument)
        }
        profile.benchmark?.arguments = arguments
        repairs.append(
            Deviation(
                place: "benchmark argument \(flag)", published: published ?? "absent",
                ours: value, why: why))
    }

    private mutating func scale(_ options: BenchmarkOptions) {
        if let requests = options.requests {
            let why = "Asked for with --requests."
            if value("--dataset-name") == "generated-shared-prefix" {
                // There the number of requests is the product of these.
                add("--gsp-num-groups", "1", why: why)
                add("--gsp-prompts-per-group", String(requests), why: why)
            }
            add("--num-prompts", String(requests), why: why)
        }
        guard let scale = options.scale, scale > 1 else { return }
        for flag in [
            "--random-input-len", "--random-output-len", "--gsp-system-prompt-len",
            "--gsp-question-len", "--gsp-output-len",
        ] {
            guard let length = value(flag).flatMap({ Int($0) }) else { continue }
            add(flag, String(max(1, length / scale)), why: "Asked for with --scale \(scale).")
        }
    }
}

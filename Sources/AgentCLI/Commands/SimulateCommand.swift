// `simulate`: whole clusters in simulated time, a history for each seed. A failing test prints the very
// call that replays its seed.

import Base
import EventLoop
import Planning
import Profiles
import Simulation

extension CommandSpec {
    static let simulate = CommandSpec(
        name: "simulate", summary: "run clusters in simulated time under faults drawn from seeds",
        discussion: """
            The production node runs on a simulated network, disks and engines. The invariants are
            checked after every step; the first that breaks ends the run with exit code 1.
            """,
        options: [
            .seed, .seeds, .simulatedNodes, .simulatedProfile, .simulatedHours, .scenario, .shrink,
            .coverage, .trace, .json,
        ],
        examples: [
            Example("glm-agent simulate --seed 42 --trace", "replay one history and read it"),
            Example("glm-agent simulate --seeds 1000", "a thousand histories"),
            Example(
                "glm-agent simulate --seeds 1..10000 --coverage --shrink",
                "a night's worth, with the states reached; a failure as a small scenario"),
            Example(
                "glm-agent simulate --hours 24",
                "one cluster for a day, in which nothing may grow"),
            Example("glm-agent simulate --scenario FILE --trace", "replay a scenario"),
        ])
}

extension OptionSpec {
    static let seed = OptionSpec("seed", value: "N", "the first seed (1)")
    static let seeds = OptionSpec("seeds", value: "N", "how many seeds (1), or a range: 1..1000")
    static let simulatedNodes = OptionSpec(
        "nodes", value: "N", "how many nodes (what the profile needs, and up to two spares)")
    static let simulatedProfile = OptionSpec(
        "profile", value: "NAME", completion: .profile, "what they serve (drawn from the seed)")
    static let simulatedHours = OptionSpec(
        "hours", value: "N", "each cluster lives so long, and nothing in it may grow")
    static let scenario = OptionSpec(
        "scenario", value: "FILE", completion: .file, "the history of a file in a seed's place")
    static let shrink = OptionSpec("shrink", "make a failing history small, and print its scenario")
    static let coverage = OptionSpec("coverage", "tell which states were reached, and which never")
    static let trace = OptionSpec("trace", "print what happens")
}

func simulate(_ invocation: Invocation) -> ExitCode {
    let arguments = invocation.arguments
    var run = SimulationRun(invocation)
    if let words = arguments[.simulatedHours] {
        guard let hours = Int(words), (1...10_000).contains(hours), arguments[.scenario] == nil,
            !arguments.has(.shrink)
        else {
            return invocation.misused(
                "--hours takes a number, and goes neither with --scenario nor with --shrink")
        }
        run.hours = hours
    }
    if let file = arguments[.scenario] {
        do {
            let bytes = try Files.read(file, limitBytes: 1 << 20)
            let scenario = try SimulationConfiguration(
                text: String(decoding: bytes, as: UTF8.self))
            guard run.holds(scenario) else { return .failure }
        } catch let error as ScenarioError {
            return invocation.misused("\(file), \(error)")
        } catch {
            invocation.console.complain("\(error)")
            return .failure
        }
    } else {
        guard let seeds = arguments.seedRange else {
            return invocation.misused(
                "--seed takes a number, --seeds a number or a range such as 1..1000")
        }
        run.seedCount = seeds.count
        let nodes = arguments[.simulatedNodes].flatMap { Int($0) }
        for seed in seeds {
            do {
                let scenario = try SimulationConfiguration.scenario(
                    seed: seed, profileName: arguments[.simulatedProfile], nodeCount: nodes)
                guard run.holds(scenario) else { return .failure }
            } catch {
                return invocation.misused("\(error)")
            }
        }
    }
    run.show()
    return .success
}

extension ParsedArguments {
    /// The seeds asked for; nil where they are no numbers.
    fileprivate var seedRange: ClosedRange<UInt64>? {
        let first = UInt64(self[.seed] ?? "1")
        guard let words = self[.seeds] else { return first.map { $0...$0 } }
        let ends = words.split(separator: ".", omittingEmptySubsequences: false)
        if ends.count == 3, ends[1].isEmpty, let low = UInt64(ends[0]), let high = UInt64(ends[2]),
            low <= high
        {
            return low...high
        }
        guard let first, let count = UInt64(words), count > 0, count < 1 << 32,
            first < UInt64.max - count
        else { return nil }
        return first...(first + count - 1)
    }
}

/// Histories one after the other, and what they have shown.
private struct SimulationRun {
    private let invocation: Invocation
    private let keepsCoverage: Bool
    var seedCount = 1
    /// nil: half a minute of faults, and what mends them.
    var hours: Int?
    private var histories = 0
    private var steps = 0
    private var simulated = Duration.zero
    private var totals: [String: Int] = [:]
    private var coverage = Coverage()

    /// A long run says so often how far it is.
    private static let progressInterval = 500

    init(_ invocation: Invocation) {
        self.invocation = invocation
        keepsCoverage = invocation.arguments.has(.coverage)
    }

    /// Runs one history.
    /// - Returns: false if an invariant broke; it has been told.
    mutating func holds(_ scenario: SimulationConfiguration) -> Bool {
        let result = result(of: scenario)
        for line in result.transcript { invocation.console.out(line) }
        histories += 1
        steps += result.steps
        simulated += result.simulated
        totals.merge(result.counters) { $0 + $1 }
        coverage.merge(result.coverage)
        if let violation = result.violation {
            complain(scenario, violation)
            return false
        }
        if histories.isMultiple(of: Self.progressInterval), histories < seedCount {
            invocation.console.complain(
                "\(histories) of \(seedCount) seeds, \(simulatedHours) hours of simulated time")
        }
        return true
    }

    private func result(of scenario: SimulationConfiguration) -> SimulationResult {
        var scenario = scenario
        if hours != nil { scenario.endures() }
        var simulation = ClusterSimulation(
            scenario, keepsTranscript: invocation.arguments.has(.trace),
            keepsCoverage: keepsCoverage)
        guard let hours else { return simulation.run() }
        return simulation.endure(.seconds(3600 * hours)) { lived in
            guard Int(lived.inSeconds) % 7200 < Int(ClusterSimulation.mixPeriod.inSeconds) else {
                return
            }
            invocation.console.complain(
                "\(Int(lived.inSeconds) / 3600) of \(hours) hours of seed \(scenario.seed)")
        }
    }

    private func complain(_ scenario: SimulationConfiguration, _ violation: String) {
        invocation.console.complain(
            "seed \(scenario.seed), \(scenario.nodeCount) nodes, "
                + "\(scenario.deployment.profileName): \(violation)\n"
                + "  replay it: \(scenario.replayCommand)"
                + "\(hours.map { " --hours \($0)" } ?? "") --trace")
        guard invocation.arguments.has(.shrink) else { return }
        var shrinker = Shrinker(scenario, violation: violation)
        shrinker.run()
        invocation.console.complain(
            "shrunk from \(scenario.faults.count) faults to \(shrinker.smallest.faults.count) in "
                + "\(shrinker.runs) runs: \(shrinker.violation)")
        invocation.console.outRaw(shrinker.smallest.text)
    }

    private var simulatedHours: Double { (simulated.inSeconds / 36).rounded() / 100 }

    func show() {
        let counters = totals.keys.sorted().map {
            JSONValue.Member($0, .integer(Int64(totals[$0] ?? 0)))
        }
        let reached = Coverage.states.map {
            JSONValue.Member($0, .integer(Int64(coverage.count(of: $0))))
        }
        var members: [JSONValue.Member] = [
            .init("seeds", .integer(Int64(histories))), .init("steps", .integer(Int64(steps))),
            .init("simulated_seconds", .number(simulated.inSeconds)),
            .init("counters", .object(counters)),
        ]
        if keepsCoverage { members.append(.init("coverage", .object(reached))) }
        invocation.show(.object(members)) {
            let counts = counters.map { "\($0.name) \($0.value.integerValue ?? 0)" }
            return "\(counted(histories, "seed")), \(Int(simulated.inSeconds)) s of simulated time "
                + "(\(simulatedHours) h), \(steps) steps: every invariant held\n"
                + "\(counts.joined(separator: ", "))\n" + (keepsCoverage ? coverageText : "")
        }
    }

    private var coverageText: String {
        let lines = Coverage.states.filter { coverage.count(of: $0) > 0 }.map {
            "  \(coverage.count(of: $0)) \($0)\n"
        }
        let missing = coverage.missing.map { "  \($0)\n" }.joined()
        return "\(lines.count) of \(Coverage.states.count) states reached\n\(lines.joined())"
            + (missing.isEmpty ? "" : "never reached\n\(missing)")
    }
}

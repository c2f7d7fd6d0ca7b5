// `simulate`: whole clusters in simulated time, a history for each seed. A failing test prints the very
// call that replays its seed.

import Base
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
        options: [.seed, .seeds, .simulatedNodes, .simulatedProfile, .trace, .json],
        examples: [
            Example("glm-agent simulate --seed 42 --trace", "replay one history and read it"),
            Example("glm-agent simulate --seeds 1000", "a thousand histories"),
        ])
}

extension OptionSpec {
    static let seed = OptionSpec("seed", value: "N", "the first seed (1)")
    static let seeds = OptionSpec("seeds", value: "N", "how many seeds (1)")
    static let simulatedNodes = OptionSpec(
        "nodes", value: "N", "how many nodes (what the profile needs, and up to two spares)")
    static let simulatedProfile = OptionSpec(
        "profile", value: "NAME", completion: .profile, "what they serve (drawn from the seed)")
    static let trace = OptionSpec("trace", "print what happens")
}

func simulate(_ invocation: Invocation) -> ExitCode {
    let arguments = invocation.arguments
    guard let first = UInt64(arguments[.seed] ?? "1"),
        let count = UInt64(arguments[.seeds] ?? "1"), count > 0
    else { return invocation.misused("--seed and --seeds take numbers") }
    let nodes = arguments[.simulatedNodes].flatMap { Int($0) }
    var totals: [String: Int] = [:]
    var steps = 0
    var simulated = Duration.zero
    for seed in first..<first + count {
        let scenario: SimulationConfiguration
        do {
            scenario = try .scenario(
                seed: seed, profileName: arguments[.simulatedProfile], nodeCount: nodes)
        } catch {
            return invocation.misused("\(error)")
        }
        var simulation = ClusterSimulation(scenario, keepsTranscript: arguments.has(.trace))
        let result = simulation.run()
        for line in result.transcript { invocation.console.out(line) }
        steps += result.steps
        simulated += result.simulated
        totals.merge(result.counters) { $0 + $1 }
        if let violation = result.violation {
            invocation.console.complain(
                "seed \(seed), \(scenario.nodeCount) nodes, \(scenario.deployment.profileName): "
                    + "\(violation)\n  replay it: \(scenario.replayCommand) --trace")
            return .failure
        }
    }
    let counters = totals.keys.sorted().map {
        JSONValue.Member($0, .integer(Int64(totals[$0] ?? 0)))
    }
    invocation.show([
        "seeds": .integer(Int64(count)), "steps": .integer(Int64(steps)),
        "simulated_seconds": .number(simulated.inSeconds), "counters": .object(counters),
    ]) {
        let counts = counters.map { "\($0.name) \($0.value.integerValue ?? 0)" }
        return "\(counted(count, "seed")), \(Int(simulated.inSeconds)) s of simulated time, "
            + "\(steps) steps: every invariant held\n\(counts.joined(separator: ", "))\n"
    }
    return .success
}

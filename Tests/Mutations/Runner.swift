// Runs histories with one planted bug until one of them is ended by a sentence that speaks of it.
// It stands in the copy that plant.py makes: PLANTED_BUG=N runner SEEDS SCENARIO|- WORDS,
// the scenario as text.

import Glibc
import Simulation

let arguments = CommandLine.arguments
guard arguments.count == 4, let seeds = UInt64(arguments[1]) else {
    fatalError("runner SEEDS SCENARIO|- WORDS")
}
let told = try arguments[2] == "-" ? nil : SimulationConfiguration(text: arguments[2])
let words = arguments[3].split(separator: "|")
var others: [String] = []
for seed in 1...seeds {
    print("seed \(seed)", terminator: "")
    fflush(nil)
    var scenario = try told ?? SimulationConfiguration.scenario(seed: seed)
    scenario.seed = seed
    scenario.convergenceLimit = .seconds(40)
    var simulation = ClusterSimulation(scenario)
    guard let violation = simulation.run().violation else {
        print()
        continue
    }
    print(": \(violation)")
    if words.contains(where: { violation.contains($0) }) { exit(0) }
    others.append("seed \(seed): \(violation)")
}
print("\(others.count) others: \(others.prefix(4))")
exit(1)

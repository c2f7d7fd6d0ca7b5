// Runs histories with one planted bug until one of them is ended by a sentence that speaks of it.
// It stands in the copy that plant.py makes: runner BUG SEEDS SCENARIO|- WORDS, the scenario as text.

import Base
import Glibc
import Simulation

let arguments = CommandLine.arguments
guard arguments.count == 5, let bug = Int(arguments[1]), let seeds = UInt64(arguments[2]) else {
    fatalError("runner BUG SEEDS SCENARIO|- WORDS")
}
Planted.bug = bug
let told = try arguments[3] == "-" ? nil : SimulationConfiguration(text: arguments[3])
let words = arguments[4].split(separator: "|")
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

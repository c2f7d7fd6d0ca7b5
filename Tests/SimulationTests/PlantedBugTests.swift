// A watch that has never barked is no watch: each planted bug of the world must break the invariant
// that speaks of it, within a few histories.

import Testing

@testable import Simulation

@Suite struct PlantedBugTests {
    /// What is said of each bug when it is found; one of the sentences.
    static let sentences: [PlantedBug: [String]] = [
        .forgetsEndedShards: ["was launched twice"],
        .enginesDieWithAgent: ["no agent had asked for it"],
    ]

    @Test(arguments: sentences.keys.sorted { $0.rawValue < $1.rawValue })
    func `a planted bug is found`(bug: PlantedBug) throws {
        let sentences = try #require(Self.sentences[bug])
        for seed in 1...60 as ClosedRange<UInt64> {
            var scenario = try SimulationConfiguration.scenario(seed: seed)
            scenario.plantedBug = bug
            var simulation = ClusterSimulation(scenario)
            guard let violation = simulation.run().violation else { continue }
            #expect(
                sentences.contains { violation.contains($0) },
                "found, but as: \(violation) (seed \(seed))")
            return
        }
        Issue.record("\(bug) is not found in 60 seeds")
    }
}

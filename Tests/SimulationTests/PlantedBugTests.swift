// A watch that has never barked is no watch: each planted bug of the world must break the invariant
// that speaks of it, in a history or two hundred.

import Testing

@testable import Simulation

@Suite struct PlantedBugTests {
    /// What is said of each bug when it is found; one of the sentences.
    static let sentences: [PlantedBug: [String]] = [
        .forgetsVote: ["has two leaders"],
        .confirmsBeforeFlush: ["agreed before", "another entry", "was launched twice"],
        .stopIsNoStop: ["while it still runs", "runs on a node that the leader hears"],
        .forgetsEndedShards: ["was launched twice"],
        .enginesDieWithAgent: ["no agent had asked for it"],
        .startsBeforeCatchingUp: ["was launched twice", "nobody agreed"],
        .wedgedEnginePasses: ["not converged"],
    ]

    @Test(arguments: PlantedBug.allCases)
    func `a planted bug is found`(bug: PlantedBug) throws {
        let sentences = try #require(Self.sentences[bug])
        for seed in 1...400 as ClosedRange<UInt64> {
            var scenario = try SimulationConfiguration.scenario(seed: seed)
            scenario.plantedBug = bug
            var simulation = ClusterSimulation(scenario)
            guard let violation = simulation.run().violation else { continue }
            #expect(
                sentences.contains { violation.contains($0) },
                "found, but as: \(violation) (seed \(seed))")
            return
        }
        Issue.record("\(bug) is not found in 400 seeds")
    }
}

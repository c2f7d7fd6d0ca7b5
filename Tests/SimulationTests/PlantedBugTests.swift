// A watch that has never barked is no watch: each planted bug of the world must break an invariant that
// speaks of it, within a few histories.

import Testing

@testable import Simulation

@Suite struct PlantedBugTests {
    /// What is said of each bug when it is found for what it is; one of the sentences.
    static let sentences: [PlantedBug: [String]] = [
        .losesVote: ["is gone from its disk"],
        .losesDisk: ["agreed before", "another entry", "nobody agreed on the end"],
        .losesLastEntry: ["agreed before", "another entry", "nobody agreed on the end"],
        .corruptsEntry: ["another entry"],
        .copiesDisk: ["agreed before", "another entry", "nobody agreed on the end"],
        .confirmsBeforeFlush: [
            "agreed before", "another entry", "its disk ends at", "its disk does not hold",
        ],
        .stopIsNoStop: [
            "while it still runs", "runs on a node that the leader hears", "which is there",
        ],
        .forgetsEndedShards: ["was launched twice"],
        .enginesDieWithAgent: ["no agent had asked for it"],
        .startsBeforeCatchingUp: ["was launched twice"],
        .wedgedEnginePasses: ["not converged"],
        .claimsToRead: ["cannot read it"],
    ]

    /// A bug has other consequences too, so that histories may end before it shows as itself.
    @Test(arguments: PlantedBug.allCases)
    func `a planted bug is found`(bug: PlantedBug) throws {
        let sentences = try #require(Self.sentences[bug])
        var others: [String] = []
        for seed in 1...60 as ClosedRange<UInt64> {
            var scenario = try SimulationConfiguration.scenario(seed: seed)
            scenario.plantedBug = bug
            scenario.convergenceLimit = .seconds(30)
            var simulation = ClusterSimulation(scenario)
            guard let violation = simulation.run().violation else { continue }
            if sentences.contains(where: violation.contains) { return }
            others.append("seed \(seed): \(violation.prefix(150))")
        }
        Issue.record("\(bug) is not found in 60 seeds, but \(others)")
    }
}

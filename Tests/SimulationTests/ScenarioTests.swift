// Histories as text, and failing ones made small.

import Base
import Planning
import Testing

@testable import Simulation

@Suite struct ScenarioTests {
    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `a history that is written down is the same history when it is read`(
        seed: UInt64
    ) throws {
        let scenario = try SimulationConfiguration.scenario(seed: seed)
        let read = try SimulationConfiguration(text: scenario.text)
        #expect(read.text == scenario.text)
        #expect(read.faults == scenario.faults)
        var first = ClusterSimulation(scenario)
        var second = ClusterSimulation(read)
        let (one, other) = (first.run(), second.run())
        #expect(one.steps == other.steps)
        #expect(one.counters == other.counters)
    }

    @Test(arguments: [
        ("seed 1\nnodes 4", 1), ("seed 1\nprofile 3p1d\nnodes 0", 1),
        ("seed 1\nprofile 3p1d\nnodes 5\nat 5 ms: earthquakes", 4),
        ("seed 1\nprofile 3p1d\nnodes 5\n\nat 5: pauses; nodes 1", 5),
        ("seed 1\nprofile 3p1d\nnodes 5\nat 5 ms: pauses; nodes one", 4),
        ("seed 1\nprofile 3p1d\nnodes 5\nplanted nothing", 4),
    ])
    func `a line that says nothing known is named`(text: String, line: Int) {
        let error = #expect(throws: ScenarioError.self) {
            try SimulationConfiguration(text: text)
        }
        #expect(error?.line == line)
    }

    @Test(arguments: [PlantedBug.enginesDieWithAgent, .forgetsEndedShards])
    func `a failing history is shrunk to one that a person can read`(bug: PlantedBug) throws {
        var failing: (scenario: SimulationConfiguration, violation: String)?
        for seed in 1...60 as ClosedRange<UInt64> where failing == nil {
            var scenario = try SimulationConfiguration.scenario(seed: seed)
            scenario.plantedBug = bug
            scenario.convergenceLimit = .seconds(20)
            var simulation = ClusterSimulation(scenario)
            if let violation = simulation.run().violation { failing = (scenario, violation) }
        }
        let found = try #require(failing)
        var shrinker = Shrinker(found.scenario, violation: found.violation, runLimit: 80)
        shrinker.run()
        let small = shrinker.smallest
        #expect(small.faults.count <= 8, "\(small.text)")
        #expect(small.nodeCount <= found.scenario.nodeCount)
        var replayed = ClusterSimulation(try SimulationConfiguration(text: small.text))
        #expect(replayed.run().violation == shrinker.violation)
    }

    @Test func `coverage tells what was reached and what never`() throws {
        var coverage = Coverage()
        for seed in 1...40 as ClosedRange<UInt64> {
            var simulation = ClusterSimulation(
                try .scenario(seed: seed), keepsCoverage: true)
            coverage.merge(simulation.run().coverage)
        }
        let needed = Coverage.states.filter {
            $0.hasPrefix("node ") || $0 == "ended decode nodeLost" || $0 == "shard decode exited"
        }
        for state in needed where coverage.count(of: state) == 0 {
            Issue.record("forty seeds without \(state)")
        }
        #expect(coverage.count(of: "shard mixed nonsense") == 0)
    }

    @Test func `to look at the states changes no history`() throws {
        let scenario = try SimulationConfiguration.scenario(seed: 5)
        var seen = ClusterSimulation(scenario, keepsTranscript: true, keepsCoverage: true)
        var unseen = ClusterSimulation(scenario, keepsTranscript: true)
        #expect(seen.run().transcript == unseen.run().transcript)
    }
}

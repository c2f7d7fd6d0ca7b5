// Five hundred histories, of many kinds, on every core there is. A failure prints the command that replays it.

import Planning
import Testing

@testable import Simulation

@Suite struct SeedTests {
    private static let seedsPerChunk: UInt64 = 25

    @Test func `every invariant holds in five hundred histories`() async throws {
        let broken = try await withThrowingTaskGroup(of: [String].self) { group in
            for chunk in 0..<20 as Range<UInt64> {
                group.addTask {
                    let first = 1 + chunk * Self.seedsPerChunk
                    return try (first..<first + Self.seedsPerChunk).compactMap(Self.violation)
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(broken.isEmpty, "\(broken.joined(separator: "\n"))")
    }

    /// What went wrong in the history of a seed, and how to see it again.
    private static func violation(seed: UInt64) throws -> String? {
        let scenario = try SimulationConfiguration.scenario(seed: seed)
        var simulation = ClusterSimulation(scenario)
        return simulation.run().violation.map {
            "\($0)\nreplay it: \(scenario.replayCommand) --trace"
        }
    }

    /// Beyond those, histories in which something broke once.
    @Test(arguments: [540, 574, 628, 755, 5365] as [UInt64])
    func `what was mended holds`(seed: UInt64) throws {
        let broken = try Self.violation(seed: seed)
        #expect(broken == nil, "\(broken ?? "")")
    }

    @Test func `the seeds throw in every fault, on every shape`() throws {
        var counters: [String: Int] = [:]
        var shapes: Set<String> = []
        for seed in 1...60 as ClosedRange<UInt64> {
            let scenario = try SimulationConfiguration.scenario(seed: seed)
            shapes.insert(scenario.deployment.profileName)
            var simulation = ClusterSimulation(scenario)
            counters.merge(simulation.run().counters) { $0 + $1 }
        }
        let missing = Fault.Kind.allCases.map(\.rawValue).filter {
            counters[$0] == nil
        }
        #expect(missing.isEmpty, "sixty seeds without \(missing)")
        #expect(shapes.count == SimulationConfiguration.profileNames.count)
    }

    @Test(arguments: [7, 42, 311] as [UInt64])
    func `a seed has one history`(seed: UInt64) throws {
        let scenario = try SimulationConfiguration.scenario(seed: seed)
        var first = ClusterSimulation(scenario, keepsTranscript: true)
        var second = ClusterSimulation(scenario, keepsTranscript: true)
        let (one, other) = (first.run(), second.run())
        #expect(one.transcript == other.transcript)
        #expect(one.steps == other.steps)
        #expect(!one.transcript.isEmpty)
        let difference = zip(one.transcript, other.transcript).first { $0 != $1 }
        #expect(difference == nil, "replay it: \(scenario.replayCommand) --trace")
    }

    @Test func `two seeds have two histories`() throws {
        let transcripts = try [1, 2].map { (seed: UInt64) in
            var scenario = try SimulationConfiguration.scenario(seed: 1)
            scenario.seed = seed
            var simulation = ClusterSimulation(scenario, keepsTranscript: true)
            return simulation.run().transcript
        }
        #expect(transcripts[0] != transcripts[1])
    }
}

// A long history in little: the same driver as of a whole day, and the watch for what grows.

import Base
import Testing

@testable import Simulation

@Suite struct EnduranceTests {
    /// A node that remembers, so that the watch can be seen to bark.
    private struct Machine {
        struct Known {
            var names: [String] = []
        }

        var open: [Int: Int] = [:]
        var known: Known? = Known()
        var bytes: [UInt8] = []

        var sizes: Sizes {
            var sizes = Sizes()
            sizes.add(self, at: "")
            return sizes
        }
    }

    @Test func `twenty minutes of churn leave nothing behind, and end no agent that is to live on`()
        throws
    {
        var scenario = try SimulationConfiguration.scenario(seed: 3, nodeCount: 5)
        scenario.endures()
        var simulation = ClusterSimulation(scenario)
        var lived: [Duration] = []
        let result = simulation.endure(.seconds(1200), period: .seconds(120)) { lived.append($0) }
        #expect(
            result.violation == nil,
            "\(result.violation ?? "") \(scenario.replayCommand) --hours 1")
        #expect(lived.count == 10 && result.simulated > .seconds(1200))
        let lives = simulation.hosts.map(\.life)
        for index in scenario.survivors { #expect(lives[index] == 1) }
        #expect(lives.max() ?? 0 > 10)
        #expect(result.counters["collections and texts watched"] ?? 0 > 100)
    }

    @Test func `a collection that grows with age is named by its path`() {
        var watch = GrowthWatch(looks: 24, bounds: [:])
        var machine = Machine()
        for hour in 1..<24 {
            machine.open[hour] = hour
            machine.known?.names = ["one", "two"]
            #expect(watch.look(at: machine.sizes) == nil, "hour \(hour)")
        }
        let sentence = watch.look(at: machine.sizes)
        #expect(sentence?.hasPrefix("open has grown from 2 to 23") == true, "\(sentence ?? "")")
    }

    @Test func `a text that grows in a list is found, too`() {
        var watch = GrowthWatch(looks: 24, bounds: [:])
        var machine = Machine()
        var sentence: String?
        for hour in 1...24 {
            machine.known?.names = ["short", String(repeating: "and so on ", count: hour * 4)]
            sentence = watch.look(at: machine.sizes)
        }
        #expect(sentence?.hasPrefix("known.names[] has grown") == true, "\(sentence ?? "")")
    }

    @Test func `what comes and goes is no growth, and neither is what has not reached its bound`() {
        var watch = GrowthWatch(looks: 24, bounds: ["open": 24])
        var machine = Machine()
        var sentence: String?
        for hour in 1...24 {
            machine.open[hour] = hour
            machine.known?.names = Array(repeating: "name", count: hour % 3 * 20)
            machine.bytes = Array(repeating: 7, count: hour * 100)
            sentence = watch.look(at: machine.sizes)
        }
        #expect(sentence == nil)
    }

    @Test func `what operators asked in one period excuses nothing in the next`() {
        var invariants = Invariants(nodes: [NodeID("node-1")])
        invariants.operatorTouched(nil)
        invariants.drains(NodeID("node-1"))
        invariants.excusesNothingMore()
        #expect(!invariants.everythingTouched && invariants.maintenance.drained.isEmpty)
    }
}

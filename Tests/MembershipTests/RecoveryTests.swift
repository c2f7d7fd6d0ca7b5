import Base
import Membership
import Testing

/// Coming back, and not being taken for dead in the first place.
@Suite struct RecoveryTests {
    static let seeds: [UInt64] = [11, 12, 13, 14, 15]

    enum Heal: CaseIterable {
        case newStreams, oldStreams, oldStreamsWithStaleNews
    }

    @Test(arguments: [(1, 4), (1, 6), (2, 4), (4, 16), (8, 16)], Heal.allCases)
    func `a healed partition is whole within two seconds and kills nobody healthy`(
        split: (Int, Int), heal: Heal
    ) {
        let (minority, nodeCount) = split
        // Stale news gathers within seconds: long cuts of many nodes teach nothing new.
        let outage = Duration.seconds(nodeCount > 6 ? 15 : 60)
        for seed in Self.seeds.prefix(nodeCount > 6 ? 2 : 5) {
            let network = DetectionTests.formed(nodeCount, seed)
            let left = Array(0..<minority)
            let right = Array(minority..<nodeCount)
            network.partition(
                0..<minority, heal == .oldStreamsWithStaleNews ? .holds : .drops)
            network.run(for: outage)
            let healed = network.now
            network.heal(newStreams: heal == .newStreams)
            let everyone = left + right
            let time = network.time(
                until: {
                    network.all(everyone, see: .alive, of: everyone)
                        && everyone.allSatisfy { !network.isIsolated($0) }
                }, limit: .seconds(30))
            #expect((time ?? .seconds(99)) <= .seconds(2), "seed \(seed): \(time as Any)")
            network.run(for: .seconds(10))
            let deaths = network.deaths(of: everyone, seenBy: everyone, since: healed)
            #expect(deaths.isEmpty, "seed \(seed): \(deaths.first as Any)")
            #expect(network.deaths(of: right, seenBy: right).isEmpty, "seed \(seed)")
            #expect(network.deaths(of: left, seenBy: left).isEmpty, "seed \(seed)")
            #expect(network.all(everyone, see: .alive, of: everyone), "seed \(seed)")
        }
    }

    @Test(arguments: seeds)
    func `a partition shorter than a suspicion kills nobody`(seed: UInt64) {
        let network = DetectionTests.formed(4, seed)
        network.partition(0..<1, .holds)
        network.run(for: .milliseconds(1100))
        network.heal(newStreams: false)
        network.run(for: .seconds(10))
        let everyone = Array(0..<4)
        #expect(network.deaths(of: everyone, seenBy: everyone).isEmpty, "seed \(seed)")
        #expect(network.all(everyone, see: .alive, of: everyone), "seed \(seed)")
    }

    @Test(arguments: [2, 4, 6, 16], seeds)
    func `a node that was stopped declares nobody dead and is back within two seconds`(
        nodeCount: Int, seed: UInt64
    ) {
        let network = DetectionTests.formed(nodeCount, seed)
        let everyone = Array(0..<nodeCount)
        for outage in [Duration.milliseconds(700), .seconds(3), .seconds(40)] {
            network.pause(0)
            network.run(for: outage)
            network.resume(0)
            let time = network.time(
                until: { network.all(everyone, see: .alive, of: everyone) }, limit: .seconds(20))
            #expect((time ?? .seconds(99)) <= .seconds(2), "seed \(seed): \(time as Any)")
            network.run(for: .seconds(5))
        }
        #expect(network.deaths(of: everyone, seenBy: [0]).isEmpty, "seed \(seed)")
    }

    @Test(arguments: [2, 4], seeds)
    func `a suspicion does not run out while the node that holds it is stopped`(
        nodeCount: Int, seed: UInt64
    ) {
        let network = DetectionTests.formed(nodeCount, seed)
        network.pause(1)
        let time = network.time(
            until: { network.state(of: 1, seenBy: 0) == .suspect }, limit: .seconds(10))
        #expect(time != nil, "seed \(seed)")
        network.pause(0)
        network.resume(1)
        network.run(for: .seconds(10))
        network.resume(0)
        network.run(for: .seconds(5))
        #expect(network.deaths(of: [1], seenBy: [0]).isEmpty, "seed \(seed)")
        #expect(network.all([0, 1], see: .alive, of: [0, 1]), "seed \(seed)")
    }

    @Test(arguments: seeds)
    func `an overloaded node declares nobody dead`(seed: UInt64) {
        let network = DetectionTests.formed(4, seed)
        network.overload(0, tickLag: .milliseconds(900))
        network.run(for: .seconds(120))
        let everyone = Array(0..<4)
        #expect(network.deaths(of: everyone, seenBy: everyone).isEmpty, "seed \(seed)")
    }

    @Test(arguments: [2, 4], seeds)
    func `a stream that is back in time was a flap`(nodeCount: Int, seed: UInt64) {
        let network = DetectionTests.formed(nodeCount, seed)
        let before = network.observations.count
        network.flap(between: 0, 1, for: .milliseconds(90))
        network.run(for: .seconds(5))
        #expect(network.observations.count == before, "seed \(seed)")
    }

    @Test(arguments: seeds)
    func `a stream that breaks for good between healthy nodes kills nobody`(seed: UInt64) {
        let network = DetectionTests.formed(4, seed)
        network.flap(between: 0, 1, for: .seconds(20))
        network.run(for: .seconds(10))
        let everyone = Array(0..<4)
        #expect(network.deaths(of: everyone, seenBy: everyone).isEmpty, "seed \(seed)")
        #expect(network.all(everyone, see: .alive, of: everyone), "seed \(seed)")
    }

    @Test(arguments: [Duration.milliseconds(120), .seconds(2), .seconds(60)], seeds)
    func `a restarted agent is back within a second`(outage: Duration, seed: UInt64) {
        let network = DetectionTests.formed(4, seed)
        network.crash(2)
        network.run(for: outage)
        network.start(2)
        let everyone = Array(0..<4)
        let time = network.time(
            until: { network.all(everyone, see: .alive, of: everyone) }, limit: .seconds(20))
        #expect((time ?? .seconds(99)) <= .seconds(1), "seed \(seed): \(time as Any)")
        network.run(for: .seconds(10))
        #expect(network.all(everyone, see: .alive, of: everyone), "seed \(seed)")
    }

    @Test(arguments: [2, 4, 16], seeds)
    func `a member that leaves has left for everyone at once and can return`(
        nodeCount: Int, seed: UInt64
    ) {
        let network = DetectionTests.formed(nodeCount, seed)
        let others = Array(1..<nodeCount)
        network.leave(0)
        network.run(for: .milliseconds(50))
        #expect(network.all(others, see: .left, of: [0]), "seed \(seed)")
        network.run(for: .seconds(10))
        network.crash(0)
        network.run(for: .seconds(10))
        #expect(network.all(others, see: .left, of: [0]), "seed \(seed)")
        network.start(0)
        network.run(for: .seconds(1))
        #expect(network.all(others, see: .alive, of: [0]), "seed \(seed)")
    }

    @Test(arguments: [21, 22, 23] as [UInt64])
    func `half an hour at five percent loss kills nobody`(seed: UInt64) {
        let network = SimulatedNetwork(nodeCount: 6, seed: seed)
        network.loss = 0.05
        network.latency = .milliseconds(1)...(.milliseconds(60))
        network.run(for: .seconds(1800))
        let everyone = Array(0..<6)
        let deaths = network.deaths(of: everyone, seenBy: everyone)
        #expect(deaths.isEmpty, "seed \(seed): \(deaths.first as Any)")
        network.loss = 0
        network.run(for: .seconds(5))
        #expect(network.all(everyone, see: .alive, of: everyone), "seed \(seed)")
    }

    @Test(arguments: [2, 3, 16], [31, 32] as [UInt64])
    func `five minutes at five percent loss kill nobody in any size`(nodeCount: Int, seed: UInt64) {
        let network = SimulatedNetwork(nodeCount: nodeCount, seed: seed)
        network.loss = 0.05
        network.run(for: .seconds(nodeCount > 8 ? 60 : 300))
        let everyone = Array(0..<nodeCount)
        #expect(network.deaths(of: everyone, seenBy: everyone).isEmpty, "seed \(seed)")
    }

    @Test(arguments: seeds)
    func `the same seed gives the same actions`(seed: UInt64) {
        func trace() -> [SimulatedNetwork.Observation] {
            let network = SimulatedNetwork(nodeCount: 7, seed: seed)
            network.tracesEverything = true
            network.loss = 0.02
            network.run(for: .seconds(3))
            network.crash(1)
            network.partition(2..<4, .holds)
            network.run(for: .seconds(6))
            network.heal(newStreams: true)
            network.run(for: .seconds(3))
            return network.trace
        }
        #expect(trace() == trace(), "seed \(seed)")
    }
}

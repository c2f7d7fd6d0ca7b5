import Base
import Membership
import Testing

/// How fast a loss is seen, in every size that the bounds are stated for.
@Suite struct DetectionTests {
    static let sizes = [2, 3, 4, 6, 9, 16]
    static let seeds: [UInt64] = [1, 2, 3, 4]

    /// A cluster that formed and ran for a while.
    static func formed(_ nodeCount: Int, _ seed: UInt64) -> SimulatedNetwork {
        let network = SimulatedNetwork(nodeCount: nodeCount, seed: seed)
        network.run(for: .milliseconds(3000 + 37 * Int64(seed)))
        return network
    }

    @Test(arguments: sizes, seeds)
    func `a cluster has formed within a second`(nodeCount: Int, seed: UInt64) {
        let network = SimulatedNetwork(nodeCount: nodeCount, seed: seed)
        network.run(for: .seconds(1))
        let everyone = Array(0..<nodeCount)
        #expect(network.all(everyone, see: .alive, of: everyone), "seed \(seed)")
        #expect(everyone.allSatisfy { !network.isIsolated($0) }, "seed \(seed)")
        #expect(network.deaths(of: everyone, seenBy: everyone).isEmpty, "seed \(seed)")
    }

    @Test(arguments: sizes, seeds)
    func `an agent whose end was seen by one is dead for all within half a second`(
        nodeCount: Int, seed: UInt64
    ) {
        let network = Self.formed(nodeCount, seed)
        let survivors = Array(1..<nodeCount)
        network.crash(0, seenBy: [1])
        let time = network.time(
            until: { network.all(survivors, see: .dead, of: [0]) }, limit: .seconds(5))
        #expect((time ?? .seconds(99)) <= .milliseconds(500), "seed \(seed): \(time as Any)")
        #expect(network.deaths(of: survivors, seenBy: survivors).isEmpty, "seed \(seed)")
    }

    @Test(arguments: sizes, seeds)
    func `an agent whose end was seen by all is dead for all within half a second`(
        nodeCount: Int, seed: UInt64
    ) {
        let network = Self.formed(nodeCount, seed)
        let survivors = Array(1..<nodeCount)
        network.crash(0)
        let time = network.time(
            until: { network.all(survivors, see: .dead, of: [0]) }, limit: .seconds(5))
        #expect((time ?? .seconds(99)) <= .milliseconds(500), "seed \(seed): \(time as Any)")
    }

    @Test(arguments: sizes, seeds)
    func `a stopped agent is dead for all within four seconds and nobody else is`(
        nodeCount: Int, seed: UInt64
    ) {
        let network = Self.formed(nodeCount, seed)
        let survivors = Array(1..<nodeCount)
        network.pause(0)
        let time = network.time(
            until: { network.all(survivors, see: .dead, of: [0]) }, limit: .seconds(10))
        #expect((time ?? .seconds(99)) <= .seconds(4), "seed \(seed): \(time as Any)")
        network.run(for: .seconds(5))
        #expect(network.deaths(of: survivors, seenBy: survivors).isEmpty, "seed \(seed)")
    }

    @Test(arguments: seeds)
    func `the second and third stop in four nodes are seen as fast as the first`(seed: UInt64) {
        let network = Self.formed(4, seed)
        for victim in [0, 1, 2] {
            network.pause(victim)
            let survivors = (victim + 1)..<4
            let time = network.time(
                until: { network.all(survivors, see: .dead, of: [victim]) }, limit: .seconds(30))
            #expect(
                (time ?? .seconds(99)) <= .seconds(4), "seed \(seed) #\(victim): \(time as Any)")
        }
    }

    @Test(arguments: seeds)
    func `the second and third crash in four nodes are seen as fast as the first`(seed: UInt64) {
        let network = Self.formed(4, seed)
        for victim in [0, 1, 2] {
            network.crash(victim, seenBy: [3])
            let survivors = (victim + 1)..<4
            let time = network.time(
                until: { network.all(survivors, see: .dead, of: [victim]) }, limit: .seconds(30))
            #expect(
                (time ?? .seconds(99)) <= .milliseconds(500),
                "seed \(seed) #\(victim): \(time as Any)")
        }
    }

    @Test(
        arguments: [(1, 2), (1, 3), (1, 4), (2, 4), (2, 6), (3, 9), (1, 16), (4, 16), (8, 16)],
        seeds)
    func `both sides of a silent partition see it within four seconds`(
        split: (Int, Int), seed: UInt64
    ) {
        let (minority, nodeCount) = split
        let network = Self.formed(nodeCount, seed)
        let left = Array(0..<minority)
        let right = Array(minority..<nodeCount)
        network.partition(0..<minority)
        let time = network.time(
            until: {
                network.all(left, see: .dead, of: right)
                    && network.all(right, see: .dead, of: left)
            }, limit: .seconds(20))
        #expect((time ?? .seconds(99)) <= .seconds(4), "seed \(seed): \(time as Any)")
        #expect(left.allSatisfy { network.isIsolated($0) }, "seed \(seed)")
        let rightIsMinority = right.count < nodeCount / 2 + 1
        #expect(right.allSatisfy { network.isIsolated($0) == rightIsMinority }, "seed \(seed)")
        #expect(network.deaths(of: left, seenBy: left).isEmpty, "seed \(seed)")
        #expect(network.deaths(of: right, seenBy: right).isEmpty, "seed \(seed)")
    }

    @Test(arguments: [true, false], seeds)
    func `a node that can only hear or only speak is dead within four seconds and knows it`(
        hears: Bool, seed: UInt64
    ) {
        let network = Self.formed(4, seed)
        for other in 1..<4 {
            hears ? network.cut(from: 0, to: other) : network.cut(from: other, to: 0)
        }
        let time = network.time(
            until: {
                network.all(1..<4, see: .dead, of: [0]) && network.isIsolated(0)
            }, limit: .seconds(20))
        #expect((time ?? .seconds(99)) <= .seconds(4), "seed \(seed): \(time as Any)")
        let since = network.now
        network.run(for: .seconds(30))
        #expect(network.deaths(of: [0], seenBy: [1, 2, 3], since: since).isEmpty, "seed \(seed)")
        #expect(network.deaths(of: [1, 2, 3], seenBy: [1, 2, 3]).isEmpty, "seed \(seed)")
    }

    @Test(arguments: [true, false], seeds)
    func `one broken link between two nodes kills nobody`(oneWay: Bool, seed: UInt64) {
        let network = Self.formed(4, seed)
        network.cut(from: 0, to: 1)
        if !oneWay { network.cut(from: 1, to: 0) }
        network.run(for: .seconds(60))
        let everyone = Array(0..<4)
        #expect(network.deaths(of: everyone, seenBy: everyone).isEmpty, "seed \(seed)")
    }
}

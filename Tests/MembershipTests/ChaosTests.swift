import Base
import Membership
import Testing

/// Faults of every kind in a seeded order, and what must hold after and all along.
@Suite struct ChaosTests {
    /// Half a minute of faults, then an end to all of them.
    private static func run(nodeCount: Int, seed: UInt64) -> SimulatedNetwork {
        let network = DetectionTests.formed(nodeCount, seed)
        var random = SeededGenerator(seed: seed ^ 0xC4A05)
        for _ in 0..<25 {
            disturb(network, &random)
            network.run(for: random.duration(in: .zero...(.milliseconds(2500))))
        }
        network.loss = 0
        for node in 0..<nodeCount where network.isPaused(node) {
            network.resume(node)
        }
        network.heal(newStreams: random.chance(0.5))
        return network
    }

    static func disturb(_ network: SimulatedNetwork, _ random: inout SeededGenerator) {
        let node = Int.random(in: 0..<network.nodeCount, using: &random)
        let other =
            (node + Int.random(in: 1..<network.nodeCount, using: &random))
            % network.nodeCount
        let cut: SimulatedNetwork.Cut = random.chance(0.5) ? .drops : .holds
        switch Int.random(in: 0..<8, using: &random) {
        case 0: if network.isRunning(node) { network.crash(node) }
        case 1: if !network.isRunning(node), !network.isPaused(node) { network.start(node) }
        case 2: if network.isRunning(node) { network.pause(node) }
        case 3: if network.isPaused(node) { network.resume(node) }
        case 4: network.cut(from: node, to: other, cut)
        case 5: network.partition(0..<node, cut)
        case 6: network.heal(newStreams: random.chance(0.5))
        default: network.loss = random.chance(0.5) ? 0 : 0.1
        }
    }

    @Test(arguments: [2, 3, 4, 5, 7, 12], UInt64(1)...8)
    func `once the faults end everyone agrees on who runs within five seconds`(
        nodeCount: Int, seed: UInt64
    ) {
        let network = Self.run(nodeCount: nodeCount, seed: seed)
        let running = (0..<nodeCount).filter { network.isRunning($0) }
        let gone = (0..<nodeCount).filter { !network.isRunning($0) }
        network.run(for: .seconds(5))
        #expect(network.all(running, see: .alive, of: running), "seed \(seed)")
        #expect(network.all(running, see: .dead, of: gone), "seed \(seed)")
        let quiet = network.now
        network.run(for: .seconds(20))
        let late = network.observations.filter { $0.at > quiet }
        #expect(late.isEmpty, "seed \(seed): \(late.prefix(6)) after \(quiet)")
        let hasMajority = running.count >= nodeCount / 2 + 1
        #expect(running.allSatisfy { network.isIsolated($0) != hasMajority }, "seed \(seed)")
    }

    @Test(arguments: [4, 7], UInt64(1)...4)
    func `every change starts from the state before it`(nodeCount: Int, seed: UInt64) {
        let network = Self.run(nodeCount: nodeCount, seed: seed)
        network.run(for: .seconds(10))
        for observer in 0..<nodeCount where network.isRunning(observer) {
            var states: [NodeID: MemberState] = [:]
            let born = network.bornAt(observer)
            for observation in network.observations
            where observation.observer == observer && observation.at >= born {
                guard case .changed(let member, let old) = observation.action else { continue }
                #expect(states[member.node, default: .dead] == old, "seed \(seed)")
                #expect(member.state != old, "seed \(seed)")
                #expect(member.since == observation.at, "seed \(seed)")
                states[member.node] = member.state
            }
        }
    }
}

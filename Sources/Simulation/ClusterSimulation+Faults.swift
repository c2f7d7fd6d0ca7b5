// What goes wrong, drawn from the seed: agents and hosts fall, the network parts and heals, frames are
// lost and late, engines die, an agent sleeps. Afterwards everything is mended, and the cluster must
// find together again.

import Base
import Consensus
import Node
import Supervision

extension ClusterSimulation {
    mutating func throwFault() {
        guard faultsOn else { return }
        let index = Int.random(in: nodes.indices, using: &generator)
        let lasts = generator.duration(in: .milliseconds(500)...(.seconds(12)))
        switch Int.random(in: 0..<8, using: &generator) {
        case 0:
            count("agent crashes")
            crashAgent(index)
            queue.schedule(.repair(.startAgent(index)), at: now + lasts)
        case 1:
            count("host crashes")
            note("\(nodes[index].node) host crashes")
            crashHost(index)
            queue.schedule(.repair(.boot(index)), at: now + lasts)
        case 2, 3: part(for: lasts)
        case 4:
            count("lossy spells")
            network.loss = Double.random(in: 0.05...0.4, using: &generator)
            network.delay = .milliseconds(1)...(.milliseconds(200))
            queue.schedule(.repair(.calm), at: now + lasts)
        case 5:
            count("pauses")
            note("\(nodes[index].node) sleeps for \(lasts)")
            hosts[index].pausedUntil = now + lasts
        default: killEngine()
        }
        let pause = generator.duration(in: .milliseconds(100)...(.seconds(6)))
        queue.schedule(.fault, at: now + pause)
    }

    private mutating func part(for lasts: Duration) {
        count("partitions")
        let side = nodes.indices.filter { _ in generator.chance(0.4) }
        note("the network parts: \(side.map { nodes[$0].node.name }) from the rest")
        for pair in network.links.keys.sorted()
        where side.contains(pair.low) != side.contains(pair.high) {
            cut(pair)
        }
        queue.schedule(.repair(.heal), at: now + lasts)
    }

    private mutating func killEngine() {
        let engines = hosts.indices.flatMap { index in
            hosts[index].engines.keys.sorted().map { (index, $0) }
        }
        guard let (index, shard) = engines.randomElement(using: &generator) else { return }
        count("engine kills")
        queue.schedule(.engineEnds(index, shard, .signal(9)), at: now)
    }

    mutating func repair(_ repair: Repair) {
        switch repair {
        case .startAgent(let index): startAgent(index)
        case .boot(let index):
            hosts[index].isHostUp = true
            startAgent(index)
        case .heal: for pair in network.links.keys.sorted() { network.links[pair]?.isCut = false }
        case .calm:
            network.loss = 0
            network.delay = SimulatedNetwork().delay
        }
    }

    mutating func endFaults() {
        note("faults end")
        faultsOn = false
        repair(.heal)
        repair(.calm)
        for index in nodes.indices {
            hosts[index].pausedUntil = .zero
            repair(.boot(index))
        }
    }

    // MARK: - Convergence

    /// Every node knows the same leader and says that everything wanted serves.
    var hasConverged: Bool {
        guard let leader = machines.first??.consensus.leader else { return false }
        return machines.enumerated().allSatisfy { index, machine in
            guard let machine, machine.consensus.leader == leader else { return false }
            return machine.status(at: now, wall: wall(of: index)).ready
        }
    }

    /// What keeps the cluster from having converged.
    var missing: String {
        machines.enumerated().map { index, machine in
            guard let machine else { return "\(nodes[index].node) is down" }
            let status = machine.status(at: now, wall: wall(of: index))
            let reasons = status.reasons.joined(separator: "; ")
            return "\(nodes[index].node): leader \(status.leader ?? "none"), \(reasons)"
        }.joined(separator: " | ")
    }
}

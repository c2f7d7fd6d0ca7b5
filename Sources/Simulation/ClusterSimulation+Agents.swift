// Agents that start and fall, and the streams between them.

import Base
import Membership
import Node
import Supervision

extension ClusterSimulation {
    mutating func startAgent(_ index: Int) {
        guard !hosts[index].isAgentUp, hosts[index].isHostUp else { return }
        hosts[index].isAgentUp = true
        hosts[index].life += 1
        hosts[index].pausedUntil = .zero
        armed[index] = nil
        var node = NodeConfiguration(
            cluster: "simulated", version: "0", local: nodes[index].node, interface: "eth0",
            nodes: nodes, deployment: configuration.deployment)
        node.supervision.backoff = Backoff(initial: .milliseconds(500), limit: .seconds(4))
        node.supervision.restartBudget = 1_000_000
        node.supervision.stableView = .seconds(5)
        node.planGrace = .seconds(8)
        machines[index] = NodeMachine(
            configuration: node,
            incarnation: Incarnation(UInt64(wall(of: index).millisecondsSinceEpoch)),
            restored: hosts[index].disk, seed: generator.next(), at: now, wall: wall(of: index))
        note("\(nodes[index].node) starts")
        for shard in hosts[index].engines.keys.sorted() {
            let processID = hosts[index].engines[shard]?.processID ?? 0
            give(.shard(shard, .adopted(processID: processID)), to: index)
        }
        for shard in hosts[index].ended {
            give(.shard(shard, .exited(.unknown, logTail: [])), to: index)
        }
        give(.tick, to: index)
        for pair in network.links.keys.sorted() where pair.low == index || pair.high == index {
            scheduleDial(pair)
        }
    }

    /// The agent ends without a word; its engines go on.
    mutating func crashAgent(_ index: Int) {
        guard hosts[index].isAgentUp else { return }
        note("\(nodes[index].node) agent crashes")
        hosts[index].isAgentUp = false
        hosts[index].life += 1
        hosts[index].loseUnflushed(using: &generator)
        machines[index] = nil
        for pair in network.links.keys.sorted() where pair.low == index || pair.high == index {
            guard network.links[pair]?.isOpen == true else { continue }
            let peer = pair.low == index ? pair.high : pair.low
            network.links[pair]?.isOpen = false
            if hosts[index].isHostUp, network.links[pair]?.isCut == false {
                later(.agentGone(nodes[index].node), peer)
            } else {
                let life = hosts[peer].life
                queue.schedule(
                    .input(peer, life: life, .streamLost(nodes[index].node)),
                    at: now + .seconds(5))
            }
            scheduleDial(pair)
        }
    }

    /// The server ends, and everything on it.
    mutating func crashHost(_ index: Int) {
        guard hosts[index].isHostUp else { return }
        hosts[index].isHostUp = false
        crashAgent(index)
        for shard in hosts[index].engines.keys.sorted() {
            hosts[index].engines[shard] = nil
            hosts[index].ended.append(shard)
            fell(shard)
        }
    }

    // MARK: - Streams

    mutating func scheduleDial(_ pair: SimulatedNetwork.Pair) {
        let delay = generator.duration(in: .milliseconds(5)...(.seconds(1)))
        queue.schedule(.dial(pair), at: now + delay)
    }

    mutating func dial(_ pair: SimulatedNetwork.Pair) {
        guard let link = network.links[pair], !link.isOpen else { return }
        let ends = [(pair.low, pair.high), (pair.high, pair.low)]
        let isUp = ends.map { hosts[$0.0].isAgentUp }
        if isUp == [true, true], !link.isCut {
            network.links[pair]?.isOpen = true
            network.links[pair]?.stream += 1
            network.links[pair]?.lastArrival = [now, now]
            for (one, other) in ends { give(.streamOpened(nodes[other].node), to: one) }
            return
        }
        guard isUp.contains(true) else { return }
        for (one, other) in ends where hosts[one].isAgentUp && !link.isCut {
            if hosts[other].isHostUp { later(.agentGone(nodes[other].node), one) }
        }
        scheduleDial(pair)
    }

    /// A cut stream is given up by both sides when nothing is acknowledged for long.
    mutating func drop(_ pair: SimulatedNetwork.Pair, stream: UInt64) {
        guard let link = network.links[pair], link.isOpen, link.isCut, link.stream == stream
        else { return }
        network.links[pair]?.isOpen = false
        give(.streamLost(nodes[pair.high].node), to: pair.low)
        give(.streamLost(nodes[pair.low].node), to: pair.high)
        scheduleDial(pair)
    }

    mutating func cut(_ pair: SimulatedNetwork.Pair) {
        guard let link = network.links[pair], !link.isCut else { return }
        network.links[pair]?.isCut = true
        queue.schedule(.drop(pair, stream: link.stream), at: now + .seconds(5))
    }
}

// Agents that start and fall, and the streams between them.

import Base
import ClusterState
import Consensus
import Membership
import Node
import Planning
import Supervision

extension ClusterSimulation {
    mutating func startAgent(_ index: Int) {
        guard !hosts[index].isAgentUp, hosts[index].isHostUp, hosts[index].isInService,
            canOpenDisk(index)
        else { return }
        hosts[index].isAgentUp = true
        hosts[index].life += 1
        armed[index] = nil
        machines[index] = NodeMachine(
            configuration: nodeConfiguration(of: index),
            incarnation: Incarnation(UInt64(wall(of: index).millisecondsSinceEpoch)),
            restored: hosts[index].disk, disk: hosts[index].diskID, seed: generator.next(),
            at: now, wall: wall(of: index))
        note("\(nodes[index].node) starts")
        if let machine = machines[index] { invariants.begins(machine, hosts[index]) }
        invariants.hasContact(index, at: now)
        for shard in hosts[index].engines.keys.sorted() {
            let processID = hosts[index].engines[shard]?.processID ?? 0
            give(.shard(shard, .adopted(processID: processID)), to: index)
        }
        for shard in hosts[index].ended {
            give(.shard(shard, .exited(.unknown, logTail: [])), to: index)
        }
        give(.tick, to: index)
        for pair in network.pairs where pair.contains(index) { scheduleDial(pair) }
        disturbanceChanged()
    }

    /// Limits that let a history of half a minute hold many launches.
    private func nodeConfiguration(of index: Int) -> NodeConfiguration {
        var node = NodeConfiguration(
            cluster: "simulated", version: "0", local: nodes[index].node, interface: "eth0",
            nodes: hosts[index].listed, deployment: hosts[index].file)
        node.joins = hosts[index].joins
        node.settings = hosts[index].settings
        node.voterGrace = .seconds(6)
        node.voterTrial = .seconds(1)
        node.supervision.backoff = Backoff(initial: .milliseconds(500), limit: .seconds(4))
        node.supervision.restartBudget = configuration.restartBudget
        node.supervision.stableView = Self.stableView
        node.supervision.livenessInterval = .seconds(2)
        node.supervision.probeLimit = Self.probeLimit
        node.supervision.unresponsiveAfter = .seconds(5)
        node.supervision.loadLimit = Self.loadLimit
        node.supervision.stopGrace = .seconds(3)
        node.planGrace = .seconds(8)
        node.isolation = configuration.isolation
        node.understands = told(by: index)
        node.gatesCommands = configuration.gatesCommands
        node.consensus.appendBytesLimit = configuration.appendBytesLimit
        node.consensus.tailEntriesLimit = configuration.tailEntriesLimit
        node.logLimit = configuration.logLimit
        return node
    }

    static let stableView = Duration.seconds(5)
    /// Longer than the stable view, as it is by default.
    static let probeLimit = Duration.seconds(8)
    static let loadLimit = Duration.seconds(12)

    /// The agent ends without a word; its engines go on.
    mutating func crashAgent(_ index: Int) {
        guard hosts[index].isAgentUp else { return }
        note("\(nodes[index].node) agent crashes")
        hosts[index].isAgentUp = false
        hosts[index].life += 1
        hosts[index].pausedUntil = .zero
        hosts[index].unread = []
        hosts[index].loseUnflushed(using: &generator)
        machines[index] = nil
        invariants.lifeEnded(nodes[index].node)
        plantAtCrash(index)
        hosts[index].rereadDisk()
        for other in nodes.indices where other != index {
            network[.init(index, other)].lastWords = [nil, nil]
        }
        for pair in network.pairs where pair.contains(index) && network[pair].isOpen {
            let peer = pair.peer(of: index)
            network[pair].isOpen = false
            if hosts[index].isHostUp, !network[pair].isCut {
                // A kernel sends what its process had written, unless it resets the stream.
                let direction = pair.direction(from: index)
                let delivers = generator.chance(0.5)
                if delivers { network[pair].lastWords[direction] = network[pair].stream }
                let read = delivers ? max(network[pair].lastArrival[direction], now) : now
                let delay = generator.duration(in: .microseconds(100)...(.milliseconds(20)))
                queue.schedule(
                    .input(peer, life: hosts[peer].life, .agentGone(nodes[index].node)),
                    at: read + delay)
            } else {
                let life = hosts[peer].life
                queue.schedule(
                    .input(peer, life: life, .streamLost(nodes[index].node)),
                    at: now + Self.streamPatience)
            }
            scheduleDial(pair)
        }
        disturbanceChanged()
    }

    private mutating func plantAtCrash(_ index: Int) {
        switch configuration.plantedBug {
        case .losesDisk:
            hosts[index].disk = .empty
        case .losesVote: hosts[index].disk.hardState.votedFor = nil
        case .losesLastEntry:
            if !hosts[index].disk.entries.isEmpty { hosts[index].disk.entries.removeLast() }
        case .corruptsEntry:
            if let last = hosts[index].disk.entries.popLast() {
                hosts[index].disk.entries.append(
                    LogEntry(index: last.index, term: last.term, payload: .leadership))
            }
        case .copiesDisk: hosts[index].disk = hosts[(index + 1) % nodes.count].disk
        case .forgetsEndedShards: hosts[index].ended = []
        case .enginesDieWithAgent:
            for shard in hosts[index].engines.keys.sorted() { engineStopped(index, shard) }
        case .startsBeforeCatchingUp:
            for shard in hosts[index].ended { launch(shard, nil, on: index) }
        case .confirmsBeforeFlush, .stopIsNoStop, .wedgedEnginePasses, .claimsToRead, nil: break
        }
    }

    /// The server ends, and everything on it.
    mutating func crashHost(_ index: Int) {
        guard hosts[index].isHostUp else { return }
        note("\(nodes[index].node) host crashes")
        hosts[index].isHostUp = false
        crashAgent(index)
        for shard in hosts[index].engines.keys.sorted() {
            hosts[index].engines[shard] = nil
            hosts[index].ended.append(shard)
            fell(shard)
        }
    }

    // MARK: - Streams

    /// How long a stream stands on which nothing is acknowledged.
    static let streamPatience = Duration.seconds(5)

    mutating func scheduleDial(_ pair: SimulatedNetwork.Pair) {
        let delay = generator.duration(in: .milliseconds(5)...configuration.dialPatience)
        queue.schedule(.dial(pair), at: now + delay)
    }

    mutating func dial(_ pair: SimulatedNetwork.Pair) {
        let link = network[pair]
        guard !link.isOpen, isDialled(pair) else { return }
        let ends = [(pair.low, pair.high), (pair.high, pair.low)]
        let isUp = ends.map { hosts[$0.0].isAgentUp }
        if isUp == [true, true], !link.isCut, isAdmitted(pair) {
            network[pair].isOpen = true
            network[pair].stream += 1
            network[pair].lastWords = [nil, nil]
            network[pair].lastArrival = [now, now]
            for (one, other) in ends { give(.streamOpened(nodes[other].node), to: one) }
            return
        }
        guard isUp.contains(true) else { return }
        for (one, other) in ends where hosts[one].isAgentUp && !link.isCut {
            if hosts[other].isHostUp, !hosts[other].isAgentUp {
                later(.agentGone(nodes[other].node), one)
            }
        }
        scheduleDial(pair)
    }

    /// A cut stream is given up by both sides when nothing is acknowledged for long.
    mutating func drop(_ pair: SimulatedNetwork.Pair, stream: UInt64) {
        let link = network[pair]
        guard link.isOpen, link.isCut, link.stream == stream else { return }
        network[pair].isOpen = false
        give(.streamLost(nodes[pair.high].node), to: pair.low)
        give(.streamLost(nodes[pair.low].node), to: pair.high)
        scheduleDial(pair)
    }

    /// Nothing gets from one node to the other any more.
    mutating func cut(from sender: Int, to receiver: Int) {
        let pair = SimulatedNetwork.Pair(sender, receiver)
        network[pair].cut[pair.direction(from: sender)] = true
        queue.schedule(.drop(pair, stream: network[pair].stream), at: now + Self.streamPatience)
    }

    /// Cuts a node off from every other.
    mutating func isolate(_ index: Int) {
        for other in nodes.indices where other != index {
            cut(from: index, to: other)
            cut(from: other, to: index)
        }
        disturbanceChanged()
    }

    /// Whether the node can talk with a majority of the voters, itself included.
    private func reachesMajority(_ index: Int) -> Bool {
        let voters = self.voters[index].compactMap { indexOfNode[$0] }
        let reached = voters.filter { voter in
            voter == index
                || hosts[voter].isAgentUp && !network[.init(voter, index)].isCut
                    && hosts[voter].speaksOtherVersion == hosts[index].speaksOtherVersion
        }
        return reached.count > voters.count / 2
    }

    /// Tells the invariants who has reason to miss whom.
    mutating func disturbanceChanged() {
        for index in nodes.indices {
            let host = hosts[index]
            let isCutOff = network.isDisturbed(index) || host.speaksOtherVersion
            let isDisturbed = !host.isAgentUp || host.pausedUntil > now || isCutOff
            invariants.disturbances.set(isDisturbed, of: index, at: now)
            invariants.asleep.set(
                !host.isAgentUp || host.pausedUntil > now, of: index, at: now)
            invariants.alone.set(!reachesMajority(index), of: index, at: now)
            invariants.unreachable.set(
                !host.isHostUp || isCutOff, of: index, at: now)
        }
    }
}

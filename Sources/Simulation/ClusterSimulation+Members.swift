// Nodes that come and go under fire: operators add, remove and replace them and move votes and leadership,
// while everything else fails too. In the end those with which the cluster began are its nodes again.

import Base
import ClusterState
import Consensus
import Node
import WireProtocol

extension ClusterSimulation {
    /// The machine that has applied the most.
    var newestMachine: NodeMachine? {
        machines.compactMap { $0 }.max { $0.appliedIndex < $1.appliedIndex }
    }

    /// The nodes of the cluster, by index, as far as anything is agreed on.
    var memberIndices: [Int] {
        guard let roster = newestMachine?.state.roster, roster.isAgreed else {
            return Array(0..<configuration.nodeCount)
        }
        return roster.nodes.compactMap { indexOfNode[$0.node] }.sorted()
    }

    // MARK: - Faults

    mutating func strikeMembers(_ fault: Fault, _ index: Int) {
        // What is asked late may take effect after the last fault, and would look like one.
        guard now < faultsBegin + configuration.faultPeriod / 2 else { return }
        var generator = fault.generator
        switch fault.kind {
        case .nodeLeaves:
            askMembers(.remove(nodes[index].node, isForced: generator.chance(0.5)), &generator)
        case .nodeJoins:
            let strangers = Set(hosts.indices).subtracting(memberIndices).sorted()
            guard let index = strangers.randomElement(using: &generator) else { return }
            addNode(index)
        case .nodeReplaced:
            askMembers(.remove(nodes[index].node, isForced: true), &generator)
            queue.schedule(.repair(.replaceNode(index)), at: now + fault.lasts)
        default:
            let node = nodes[index].node
            let orders: [MembersOrder] = [.lead(node), .lead(node), .promote(node), .demote(node)]
            askMembers(orders.randomElement(using: &generator) ?? .lead(node), &generator)
        }
    }

    /// Asks any agent that runs. No vote is taken away as long as another voter's disk is being replaced
    /// (Protocols/consensus.md says why).
    private mutating func askMembers(
        _ order: MembersOrder, _ generator: inout SeededGenerator
    ) {
        switch order {
        case .remove, .demote: if !isEveryDiskTrusted { return }
        default: break
        }
        let running = hosts.indices.filter { hosts[$0].isAgentUp }
        guard let asked = running.randomElement(using: &generator) else { return }
        ask(asked, .members(order))
    }

    /// The agent of a node that was none of the cluster starts, if it did not run, and an operator adds it.
    mutating func addNode(_ index: Int) {
        if !hosts[index].isInService {
            hosts[index].isInService = true
            hosts[index].joins = true
            hosts[index].listed = memberIndices.map { nodes[$0] } + [nodes[index]]
            startAgent(index)
        }
        guard let asked = memberIndices.first(where: { hosts[$0].isAgentUp }) else { return }
        ask(asked, .members(.add(nodes[index])))
    }

    /// A new server takes the place of one that was removed. As long as the old one may still vote, its
    /// disk must not be lost, and nobody is so careless.
    mutating func replaceNode(_ index: Int) {
        let node = nodes[index].node
        let takesPart = machines.compactMap { $0 }.contains { machine in
            machine.consensus.participants.contains(node)
                || machine.consensus.agreedParticipants.contains(node)
        }
        guard !memberIndices.contains(index), !takesPart else { return }
        note("\(node) is replaced")
        crashHost(index)
        loseDisk(index)
        hosts[index].isDiskDamaged = false
        hosts[index].isDiskFull = false
        hosts[index].ended = []
        hosts[index].isHostUp = true
        hosts[index].isInService = false
        addNode(index)
    }

    /// Operators take back into the cluster what it began with.
    mutating func restoreMembers() {
        let members = memberIndices
        for index in 0..<configuration.nodeCount where !members.contains(index) { addNode(index) }
    }

    /// Whether the cluster is made up as it began, with whoever joined it, and nobody is on the way in
    /// or out.
    var isRosterSettled: Bool {
        guard let machine = newestMachine, machine.state.roster.isAgreed else { return true }
        let roster = machine.state.roster
        let participants = machine.consensus.participants
        return (0..<configuration.nodeCount).allSatisfy { roster.contains(nodes[$0].node) }
            && Set(participants.all) == Set(roster.nodes.map(\.node))
            && participants == machine.consensus.agreedParticipants
            && participants.voters.count
                == min(NodeConfiguration.voterLimit, roster.entries.count(where: \.mayVote))
    }

    // MARK: - Streams

    /// A node goes by another list from now on.
    mutating func connect(
        _ index: Int, to contacts: [ConfiguredNode], accepting departed: [ConfiguredNode]
    ) {
        let dialled = Set(contacts.compactMap { indexOfNode[$0.node] })
        hosts[index].dialled = dialled
        hosts[index].admitted = dialled.union(departed.compactMap { indexOfNode[$0.node] })
        for other in nodes.indices where other != index {
            let pair = SimulatedNetwork.Pair(index, other)
            if network[pair].isOpen, !hosts[index].admitted.contains(other) {
                network[pair].isOpen = false
                later(.streamLost(nodes[other].node), index)
                later(.streamLost(nodes[index].node), other)
                scheduleDial(pair)
            } else if !network[pair].isOpen, dialled.contains(other) {
                scheduleDial(pair)
            }
        }
    }

    /// Whether one of the two dials the other.
    func isDialled(_ pair: SimulatedNetwork.Pair) -> Bool {
        hosts[pair.low].isAgentUp && hosts[pair.low].dialled.contains(pair.high)
            || hosts[pair.high].isAgentUp && hosts[pair.high].dialled.contains(pair.low)
    }

    /// Whether each lets the other in.
    func isAdmitted(_ pair: SimulatedNetwork.Pair) -> Bool {
        hosts[pair.low].admitted.contains(pair.high)
            && hosts[pair.high].admitted.contains(pair.low)
    }
}

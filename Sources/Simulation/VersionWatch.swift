// A command that some agent cannot read is that agent's end: no leader may propose one while such an agent is
// there. Whoever was away then has to come back as a newer one.

import Base
import CBOR
import ClusterState
import Consensus
import Membership
import Node
import WireProtocol

/// The watch over what agents of older versions are asked to read.
struct VersionWatch {
    /// Where the first command of each kind stands in the log, of those that not every agent has always known.
    private var firstOf: [UInt64: LogIndex] = [:]

    /// Every agent that this simulation knows reads the kinds up to there: the plan, launches and ends.
    static let alwaysKnown: UInt64 = 12

    /// Each command once, in the order of the log.
    mutating func agreed(_ entry: LogEntry) {
        guard let kind = entry.commandKind, kind > Self.alwaysKnown, firstOf[kind] == nil else {
            return
        }
        firstOf[kind] = entry.index
    }

    /// Whether an agent that reads no further has met what it cannot read.
    func endsAgent(reading newest: UInt64, appliedUpTo applied: LogIndex) -> Bool {
        firstOf.contains { $0.key > newest && $0.value <= applied }
    }

    /// A leader proposes something; what it breaks, or nil.
    func proposed(
        _ entry: LogEntry, by leader: NodeMachine, hosts: [SimulatedHost], index: [NodeID: Int]
    ) -> String? {
        guard hosts.contains(where: { $0.reads != NodeMachine.understands }),
            let kind = entry.commandKind
        else { return nil }
        let local = leader.configuration.local
        let unable = leader.members.map(\.node).first { node in
            let isThere = node == local || leader.membership.state(of: node)?.isGone == false
            guard isThere, let host = index[node].map({ hosts[$0] }) else { return false }
            return host.isAgentUp && host.reads < kind
        }
        return unable.map {
            "\(local) proposes a command of kind \(kind) while \($0), which is there, cannot read it"
        }
    }
}

extension LogEntry {
    /// The number of its command in the protocol; nil for what is no command.
    fileprivate var commandKind: UInt64? {
        guard case .command(let bytes) = payload,
            case .array(let command)? = try? CBORValue(decoding: bytes),
            case .array(let action)? = command.first, case .unsigned(let kind)? = action.first
        else { return nil }
        return kind
    }
}

extension ClusterSimulation {
    /// What agents have been able to read, version by version: without diagnoses, without rosters, without
    /// cordons, and without a deployment that an operator gives.
    static let olderReaders: [UInt64] = [12, 13, 18, 18, 21, 21]
    private static let lastWithoutSightings: UInt64 = 12
    private static let lastWithoutRosters: UInt64 = 13
    private static let lastSilent: UInt64 = 18
    private static let sightingsKind: UInt8 = 7
    private static let rosterKind: UInt8 = 9

    /// What an agent says of itself: older ones say nothing.
    func told(by index: Int) -> UInt64 {
        if configuration.plantedBug == .claimsToRead { return NodeMachine.understands }
        let reads = hosts[index].reads
        return reads <= Self.lastSilent ? 0 : reads
    }

    /// From now on the node's agent is of an older version.
    mutating func age(_ index: Int, _ fault: Fault) {
        // Nobody goes back to an older version, and a cluster of one has nobody to wait for.
        guard hosts[index].life == 1, nodes.count > 1 else { return }
        hosts[index].reads = Self.olderReaders[Int(fault.choice) % Self.olderReaders.count]
        note("\(nodes[index].node) reads commands up to kind \(hosts[index].reads)")
        crashAgent(index)
        startAgent(index)
    }

    /// The operator installs the newest version.
    mutating func renew(_ index: Int) {
        guard hosts[index].reads < NodeMachine.understands else { return }
        note("\(nodes[index].node) is upgraded")
        hosts[index].reads = NodeMachine.understands
        guard hosts[index].isAgentUp else { return }
        crashAgent(index)
        queue.schedule(.repair(.startAgent(index)), at: now + .milliseconds(100))
    }

    /// An agent that has met a command that it cannot read ends before it does anything more; its operator
    /// learns from its log that it is too old.
    /// - Returns: true if it did.
    mutating func endsUnread(_ index: Int) -> Bool {
        guard hosts[index].reads < NodeMachine.understands, let machine = machines[index],
            invariants.versions.endsAgent(
                reading: hosts[index].reads, appliedUpTo: machine.appliedIndex)
        else { return false }
        count("agents end at a command that they cannot read")
        renew(index)
        return true
    }

    /// Whether both ends know the kind of a frame: one that the receiver does not know is dropped.
    func isKnown(_ bytes: [UInt8], _ sender: Int, _ receiver: Int) -> Bool {
        let reads = min(hosts[sender].reads, hosts[receiver].reads)
        // [version, kind, …]
        guard reads < Self.lastSilent, bytes.count > 2 else { return true }
        return switch bytes[2] {
        case Self.sightingsKind: reads > Self.lastWithoutSightings
        case Self.rosterKind: reads > Self.lastWithoutRosters
        default: true
        }
    }
}

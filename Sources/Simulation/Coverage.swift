// Which states a run of histories has reached: faults that are thrown in and change nothing prove
// nothing. What could be reached is listed beside what was, so that a gap is seen.

import Base
import ClusterState
import Consensus
import Membership
import Node
import Planning
import Supervision

/// How often each state was seen, several times a simulated second.
public struct Coverage: Sendable {
    private var counts: [String: Int] = [:]

    public init() {}

    /// Every state that is looked for, in order.
    public static let states: [String] = {
        var states = Role.allCases.flatMap { role in
            GroupCondition.allCases.map { "group \(role.rawValue) \($0.rawValue)" }
                + EndCause.Kind.allCases.filter { Self.canEnd(role, by: $0) }.map {
                    "ended \(role.rawValue) \($0.rawValue)"
                }
        }
        for role in Role.allCases where role.isEngine {
            states += ShardState.allCases.map { "shard \(role.rawValue) \($0.rawValue)" }
        }
        states += [RaftRole.follower, .preCandidate, .candidate, .leader].map {
            "node \($0.rawValue)"
        }
        states += [MemberState.alive, .suspect, .dead, .left].map { "member \($0.rawValue)" }
        // Nobody recovers a simulated cluster by hand.
        states += LedgerEvent.Kind.allCases.filter { $0 != .recovered }.map {
            "ledger \($0.rawValue)"
        }
        return states + ["node with a snapshot", "node without a quorum", "node on probation"]
            + ["cordoned", "draining", "drained"].map { "member \($0)" }
    }()

    /// Only who shares a transfer store can be taken along by its owner.
    private static func canEnd(_ role: Role, by kind: EndCause.Kind) -> Bool {
        kind != .dependency || role == .prefill || role == .decode
    }

    mutating func add(_ state: String) { counts[state, default: 0] += 1 }

    public mutating func merge(_ other: Coverage) {
        counts.merge(other.counts) { $0 + $1 }
    }

    public func count(of state: String) -> Int { counts[state] ?? 0 }

    public var missing: [String] { Self.states.filter { counts[$0] == nil } }
}

extension ClusterSimulation {
    static let sampleInterval = Duration.milliseconds(100)

    /// Looks at every node and at what its leader says.
    mutating func sample() {
        queue.schedule(.sample, at: now + Self.sampleInterval)
        for index in machines.indices {
            guard let machine = machines[index] else { continue }
            coverage.add("node \(machine.consensus.role.rawValue)")
            if !machine.consensus.hasQuorum { coverage.add("node without a quorum") }
            for member in machine.membership.members {
                coverage.add("member \(member.state.rawValue)")
            }
            if machine.consensus.onProbation.contains(nodes[index].node) {
                coverage.add("node on probation")
            }
            if machine.consensus.snapshotIndex > .zero { coverage.add("node with a snapshot") }
            if machine.consensus.role == .leader { sampleGroups(machine, index) }
        }
    }

    private mutating func sampleGroups(_ machine: NodeMachine, _ index: Int) {
        let status = machine.status(at: now, wall: wall(of: index))
        if let router = status.router { coverage.add("group router \(router.state)") }
        for group in status.groups {
            coverage.add("group \(group.role) \(group.state)")
            for rank in group.ranks { coverage.add("shard \(group.role) \(rank.state)") }
        }
        for word in status.members.compactMap(\.cordon) { coverage.add("member \(word)") }
        for record in machine.state.groups {
            let role = record.launched?.role.rawValue ?? ""
            switch record.phase {
            case .ended(let cause), .failed(let cause):
                coverage.add("ended \(role) \(cause.kind.rawValue)")
            case .idle, .running: break
            }
        }
        for kind in Set(machine.state.ledger.map(\.kind)) {
            coverage.add("ledger \(kind.rawValue)")
        }
    }
}

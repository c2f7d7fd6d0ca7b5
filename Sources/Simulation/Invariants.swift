// What must never be false, whatever fails. Each is written as the sentence that is reported when it is
// broken. They are checked after every step, against everything that was ever seen in the run.

import Base
import ClusterState
import Consensus
import Membership
import Node
import Planning

/// The watch over one run.
struct Invariants {
    /// The first sentence that turned out false.
    var violation: String?
    private var leaders: [Term: NodeID] = [:]
    private var plans: [Epoch: Plan] = [:]
    private var holders: [ShardID: NodeID] = [:]
    private var newest: [NodeID: [GroupName: Generation]] = [:]
    private var states: [LogIndex: ReplicatedState] = [:]
    private var checked: [NodeID: LogIndex] = [:]

    private mutating func broken(_ sentence: String) {
        if violation == nil { violation = sentence }
    }

    /// After a step of a node.
    mutating func check(_ machine: NodeMachine, at now: Instant) {
        let node = machine.configuration.local
        let consensus = machine.consensus
        if consensus.role == .leader {
            let known = leaders[consensus.term] ?? node
            if known != node {
                broken("term \(consensus.term) has two leaders: \(known) and \(node)")
            }
            leaders[consensus.term] = node
        }
        guard checked[node] != machine.appliedIndex else { return }
        checked[node] = machine.appliedIndex
        checkState(machine)
    }

    private mutating func checkState(_ machine: NodeMachine) {
        let (index, state) = (machine.appliedIndex, machine.state)
        if let known = states[index], known != state {
            broken("two nodes hold different states at index \(index)")
        }
        states[index] = state
        // Nodes lag by seconds at most; what is long past cannot differ any more.
        if states.count > 4000 { states = states.filter { $0.key.value + 2000 > index.value } }
        guard let plan = state.plan else { return }
        if let known = plans[plan.epoch], known != plan {
            broken("epoch \(plan.epoch) has two plans")
        }
        plans[plan.epoch] = plan
        for group in plan.groups where Set(group.ranks.map(\.node)).count != group.ranks.count {
            broken("a node holds two ranks of \(group.name) in epoch \(plan.epoch)")
        }
    }

    /// A node starts a shard, beside those that run on its host.
    mutating func launched(_ shard: ShardID, on node: NodeID, beside running: [ShardID]) {
        if let holder = holders[shard] {
            broken("\(shard) was launched twice: on \(holder) and on \(node)")
        }
        holders[shard] = node
        if let older = running.first(where: { $0.group == shard.group }) {
            broken("\(node) starts \(shard) while it still runs \(older)")
        }
        let known = newest[node]?[shard.group] ?? .none
        if shard.generation <= known {
            broken("\(node) starts \(shard) after generation \(known) of the group")
        }
        newest[node, default: [:]][shard.group] = shard.generation
    }
}

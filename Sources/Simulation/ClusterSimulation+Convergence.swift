// When a cluster has found together: what it says is checked against what is.

import Base
import ClusterState
import Consensus
import Node
import Planning
import Supervision

extension ClusterSimulation {
    /// Everything is mended: the cluster must be whole again in time, and stay so.
    mutating func findTogether() {
        let converged = advance(upTo: configuration.convergenceLimit) { $0.hasConverged }
        if !converged {
            invariants.broken(
                "not converged \(configuration.convergenceLimit) after the last fault: \(missing)")
        }
        let launches = counters["launches"]
        advance(to: now + configuration.calmEnd)
        invariants.checkEnd(self)
        if counters["launches"] != launches || !hasConverged {
            invariants.broken("the cluster had converged and did not stay so: \(missing)")
        }
    }

    /// Every node knows the same leader and says that everything wanted serves, and so it is.
    var hasConverged: Bool {
        guard isWorldAsPlanned, isRosterSettled, let leader = newestMachine?.consensus.leader else {
            return false
        }
        let members = memberIndices
        let outside = hosts.indices.filter { hosts[$0].isInService && !members.contains($0) }
        guard outside.allSatisfy({ machines[$0]?.isOutside == true }) else { return false }
        return members.allSatisfy { index in
            guard let machine = machines[index], machine.consensus.leader == leader else {
                return false
            }
            let status = machine.status(at: now, wall: wall(of: index))
            // While a change waits for its turn, all serves, and not what is wanted.
            return status.ready && status.rollout == nil
        }
    }

    /// The newest file is agreed on, and exactly the engines of the plan run, each where it should;
    /// none is wedged, and the router knows them all.
    private var isWorldAsPlanned: Bool {
        guard let newest = newestMachine, let plan = newest.state.plan,
            newest.state.deployment == hosts[0].file
        else { return false }
        var running = 0
        for group in plan.groups {
            let generation = newest.state.record(of: group.name).generation
            for (rank, planned) in group.ranks.enumerated() {
                let shard = ShardID(
                    group: group.name, generation: generation, rank: NodeRank(rank))
                guard let index = indexOfNode[planned.node],
                    let engine = hosts[index].engines[shard], !engine.isWedged,
                    Set(engine.workers) == Set(group.workers.map { "http://\($0.http)" })
                else { return false }
                running += 1
            }
        }
        return running == hosts.map(\.engines.count).reduce(0, +)
    }

    /// What keeps the cluster from having converged.
    var missing: String {
        (isRosterSettled ? "" : "the roster is not settled: \(rosterText) | ") + machinesText
    }

    private var rosterText: String {
        let machine = newestMachine
        let nodes = machine?.state.roster.nodes.map(\.node.name).joined(separator: ", ") ?? ""
        return "\(nodes); \(machine.map { "\($0.consensus.participants)" } ?? "")"
    }

    private var machinesText: String {
        machines.enumerated().filter { hosts[$0.offset].isInService }.map { index, machine in
            guard let machine else { return "\(nodes[index].node) is down" }
            let status = machine.status(at: now, wall: wall(of: index))
            let reasons = status.reasons.joined(separator: "; ")
            let engines = hosts[index].engines.keys.sorted().map { shard in
                "\(shard)\(hosts[index].engines[shard]?.isWedged == true ? " (wedged)" : "")"
            }
            let own = status.groups.flatMap { group in
                group.ranks.filter { $0.node == nodes[index].node.name && $0.state != "ready" }
                    .map { "\(group.name)/\($0.rank) is \($0.state) (\($0.why))" }
            }
            return "\(nodes[index].node): \(own.joined(separator: ", ")), "
                + "leader \(status.leader ?? "none"), runs \(engines), "
                + "says: \(reasons.isEmpty ? "ready" : reasons)"
        }.joined(separator: " | ")
    }
}

// What nodes answer when they are looked at before a launch.

import Base
import ClusterState
import Doctor
import Node
import Supervision
import WireProtocol

extension ClusterSimulation {
    /// The doctor visits the nodes of a group: it takes a moment, or as long as a slow tool does.
    mutating func examine(
        _ group: GroupName, _ names: [NodeID], reaching served: [DialTarget], round: UInt64,
        for index: Int
    ) {
        count("examinations")
        for target in served {
            note("for \(group) \(target.endpoint) of \(target.node) is dialled")
        }
        var findings = names.flatMap { name in
            (indexOfNode[name].map { hosts[$0].obstacles } ?? []).map {
                GateFinding(.blocks, .holders, node: name, evidence: $0)
            }
        }
        for name in names where names.count > 1 {
            guard let misfit = indexOfNode[name].flatMap({ hosts[$0].misfit }) else { continue }
            findings.append(GateFinding(.blocks, .versions, node: name, evidence: misfit))
        }
        if generator.chance(configuration.obstacleChance),
            let node = names.randomElement(using: &generator)
        {
            findings.append(
                GateFinding(.blocks, .holders, node: node, evidence: "memory is not back yet"))
        }
        let isSlow = generator.chance(configuration.slowExaminationChance)
        let delay = generator.duration(
            in: isSlow ? .seconds(1)...(.seconds(8)) : .milliseconds(5)...(.milliseconds(400)))
        queue.schedule(
            .examined(index, life: hosts[index].life, group, round: round, findings),
            at: now + delay)
    }

    /// The answer comes to whoever asked, if its agent still lives.
    mutating func examined(
        _ index: Int, life: UInt64, _ group: GroupName, round: UInt64, _ findings: [GateFinding]
    ) {
        guard hosts[index].life == life, let machine = machines[index] else { return }
        // While the group runs, only the nodes that are new to it are looked at.
        if findings.isEmpty, machine.state.record(of: group).phase != .running {
            let generation = machine.state.record(of: group).generation
            invariants.foundClean(group, after: generation)
        }
        give(.groupExamined(group, round: round, findings), to: index)
    }

    mutating func findSGLang(_ shard: ShardID, on index: Int) {
        note("\(nodes[index].node) looks for the SGLang of \(shard)")
        guard let finding = hosts[index].sglang ?? configuration.sglang else { return }
        later(.sglangFound(shard, finding), index)
    }
}

// Scripted engines. They keep what the real ones do to one another: rank 0 serves once every rank of
// its generation has loaded, and all fall when one has fallen.

import Base
import ClusterState
import Node
import Planning
import Supervision

extension ClusterSimulation {
    mutating func launch(_ shard: ShardID, on index: Int) {
        guard let group = machines[index]?.state.record(of: shard.group).launched else { return }
        count("launches")
        note("\(nodes[index].node) launches \(shard)")
        let running = hosts[index].engines.keys.sorted()
        invariants.launched(shard, on: nodes[index].node, beside: running)
        let loads = generator.duration(in: .milliseconds(200)...(.seconds(3)))
        nextProcessID += 1
        hosts[index].engines[shard] = SimulatedHost.Engine(
            processID: nextProcessID, rankCount: group.ranks.count, loadedAt: now + loads)
        let delay = generator.duration(in: .milliseconds(1)...(.milliseconds(50)))
        queue.schedule(.engineStarted(index, shard), at: now + delay)
    }

    mutating func engineStarted(_ index: Int, _ shard: ShardID) {
        guard let engine = hosts[index].engines[shard] else { return }
        give(.shard(shard, .started(processID: engine.processID)), to: index)
    }

    /// An engine ends by itself, and takes the others of its generation with it.
    mutating func engineEnds(_ index: Int, _ shard: ShardID, _ status: ExitStatus) {
        guard hosts[index].engines.removeValue(forKey: shard) != nil else { return }
        note("\(nodes[index].node): \(shard) ends, \(status)")
        tellEnded(index, shard, .exited(status, logTail: ["last words of \(shard)"]))
        fell(shard)
    }

    mutating func engineStopped(_ index: Int, _ shard: ShardID) {
        guard hosts[index].engines.removeValue(forKey: shard) != nil else { return }
        tellEnded(index, shard, .stopped(.signal(15)))
        fell(shard)
    }

    private mutating func tellEnded(_ index: Int, _ shard: ShardID, _ input: ShardInput) {
        hosts[index].ended.append(shard)
        give(.shard(shard, input), to: index)
    }

    /// The other ranks of a generation notice, some sooner, some later.
    mutating func fell(_ fallen: ShardID) {
        for index in hosts.indices {
            for shard in hosts[index].engines.keys.sorted()
            where shard.group == fallen.group && shard.generation == fallen.generation {
                let delay = generator.duration(in: .milliseconds(20)...(.seconds(2)))
                queue.schedule(.engineEnds(index, shard, .signal(9)), at: now + delay)
            }
        }
    }

    /// What rank 0 would answer.
    func answer(of shard: ShardID) -> ProbeResult {
        let ranks = hosts.flatMap { host in
            host.engines.filter {
                $0.key.group == shard.group && $0.key.generation == shard.generation
            }
        }
        guard let first = ranks.first else { return .failing("nobody listens") }
        let isComplete = ranks.count == first.value.rankCount
        let isLoaded = ranks.allSatisfy { $0.value.loadedAt <= now }
        return isComplete && isLoaded ? .answers : .starting("loading")
    }
}

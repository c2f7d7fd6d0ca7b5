// Disks that are lost, damaged or full. A lost one comes back empty and as another disk, under the old name; on a
// damaged one the agent does not start until its operator has moved the directory away; on a full one it ends
// with its first write, and is started again and again.

import Base
import ClusterState
import Consensus
import Node

extension ClusterSimulation {
    /// How often the system starts an agent that cannot write.
    private static let startInterval = Duration.seconds(2)

    mutating func strikeDisk(_ fault: Fault, _ index: Int) {
        switch fault.kind {
        case .diskLoss:
            guard mayForget(index) else { return }
            crashAgent(index)
            loseDisk(index)
            queue.schedule(.repair(.startAgent(index)), at: now + fault.lasts / 4)
        case .bitFlip:
            guard mayForget(index) else { return }
            hosts[index].isDiskDamaged = true
            crashAgent(index)
            queue.schedule(.repair(.replaceDisk(index)), at: now + fault.lasts)
        default:
            hosts[index].isDiskFull = true
            queue.schedule(.repair(.freeDisk(index)), at: now + fault.lasts)
        }
    }

    /// The operator of a node whose agent says that its directory is damaged moves it away, once the other
    /// voters are well enough.
    mutating func replaceDisk(_ index: Int) {
        guard hosts[index].isDiskDamaged else { return }
        guard mayForget(index) else {
            queue.schedule(.repair(.replaceDisk(index)), at: now + .seconds(1))
            return
        }
        hosts[index].isDiskDamaged = false
        loseDisk(index)
        startAgent(index)
    }

    mutating func freeDisk(_ index: Int) {
        guard hosts[index].isDiskFull else { return }
        hosts[index].isDiskFull = false
        startAgent(index)
    }

    /// Nothing of the write is on the disk, and the agent ends.
    mutating func failAtWrite(_ index: Int, writes count: Int) {
        guard hosts[index].isAgentUp else { return }
        note("\(nodes[index].node) cannot write")
        hosts[index].unflushed.removeLast(min(count, hosts[index].unflushed.count))
        crashAgent(index)
        startLater(index)
    }

    /// Whether the agent can start on its disk; if that may come by itself, it is tried again.
    mutating func canOpenDisk(_ index: Int) -> Bool {
        if hosts[index].isDiskDamaged { return false }
        guard hosts[index].isDiskFull else { return true }
        startLater(index)
        return false
    }

    private mutating func startLater(_ index: Int) {
        queue.schedule(.repair(.startAgent(index)), at: now + Self.startInterval)
    }

    mutating func loseDisk(_ index: Int) {
        note("\(nodes[index].node) has lost its disk")
        hosts[index].disk = .empty
        hosts[index].unflushed = []
        hosts[index].rereadDisk()
        hosts[index].diskID = DiskID(hosts[index].diskID.value + 1000)
    }

    /// Whether what is agreed survives if this node forgets it: of all voters that any node goes by, enough
    /// others remember, and their disks say so. More lost disks than that end a cluster, whatever it is made of.
    private func mayForget(_ index: Int) -> Bool {
        let written = participantsOnDisk(without: index)
        guard !isVoteTakenAway(by: written), !canBeginAnew(without: index) else { return false }
        let running = machines.compactMap { $0?.consensus }
            .filter(\.hasRecordedParticipants).map(\.quorum.voters)
        return Set(running + written.map(\.voters)).allSatisfy { voters in
            mayForget(index, of: voters.compactMap { indexOfNode[$0] })
        }
    }

    private func mayForget(_ index: Int, of voters: [Int]) -> Bool {
        guard voters.contains(index) else { return true }
        let needed = (voters.count + 1) / 2
        let others = voters.filter { $0 != index && !hosts[$0].isDiskDamaged }
        let remembering = others.filter { voter in
            let witnesses = others.count { other in
                let disks = hosts[other].disk.participants?.disks
                return disks?[nodes[voter].node] == hosts[voter].diskID
            }
            return witnesses >= needed
        }
        return remembering.count >= needed
    }

    /// Whether those that know nothing but their files would be a majority by them, with this node: they could
    /// begin another cluster.
    private func canBeginAnew(without index: Int) -> Bool {
        let founders = 0..<min(NodeConfiguration.voterLimit, configuration.nodeCount)
        let blank = founders.count { founder in
            let host = hosts[founder]
            let isBlank = host.disk.participants == nil || host.isDiskDamaged || founder == index
            return isBlank && !host.joins
        }
        return blank >= founders.count / 2 + 1
    }

    /// What the disks say that can still be read, when this node has lost its own.
    private func participantsOnDisk(without index: Int) -> [Participants] {
        hosts.indices.filter { $0 != index && !hosts[$0].isDiskDamaged }
            .compactMap { hosts[$0].disk.participants }
    }

    /// Whether a voter by any log is to vote no more by any roster.
    private func isVoteTakenAway(by written: [Participants]) -> Bool {
        let running = machines.compactMap { $0 }
        let voters = Set(
            running.flatMap(\.consensus.quorum.voters) + written.flatMap(\.voters))
        return running.map(\.state.roster).filter(\.isAgreed).contains { roster in
            voters.contains { roster.entry(of: $0)?.mayVote != true }
        }
    }

    /// Whether every voter is there on the disk that every log has for it.
    var isEveryDiskTrusted: Bool {
        hosts.compactMap { $0.disk.participants }.allSatisfy { participants in
            participants.voters.allSatisfy { voter in
                guard let disks = participants.disks, let index = indexOfNode[voter] else {
                    return true
                }
                return disks[voter] == hosts[index].diskID && !hosts[index].isDiskDamaged
            }
        }
    }
}

// Faults that wait for their moment: an agent that falls with a write, right after it has voted, or
// right after it has come to lead. These are the moments for which Raft writes before it speaks, and
// at random times they are hardly ever hit.

import Base
import Consensus
import Node
import WireProtocol

extension ClusterSimulation {
    mutating func fallAtWrite(_ index: Int) {
        hosts[index].fallsAtWrite = false
        fall(index, within: .milliseconds(25), for: .milliseconds(300))
    }

    mutating func fallInOffice(_ index: Int) {
        // Before it has said anything, or when some have heard it.
        let longest: Duration = generator.chance(0.5) ? .milliseconds(40) : .milliseconds(1200)
        fall(index, within: longest, for: .milliseconds(2500))
    }

    /// A vote is looked for in what is said: who forgets to write it down is to be caught.
    mutating func fallAfterVote(_ index: Int, _ actions: [NodeAction]) {
        let hasVoted = actions.contains { action in
            guard case .send(let frame, _) = action else { return false }
            return PromiseWatch.isVote(frame)
        }
        if hasVoted { fall(index, within: .milliseconds(30), for: .milliseconds(30)) }
    }

    private mutating func fall(_ index: Int, within longest: Duration, for pause: Duration) {
        guard hosts[index].isAgentUp, !configuration.survivors.contains(index) else { return }
        let delay = generator.duration(in: .zero...longest)
        let restartsAfter = generator.duration(in: .milliseconds(2)...pause)
        queue.schedule(
            .crash(index, life: hosts[index].life, restartsAfter: restartsAfter), at: now + delay)
    }
}

// A drill strikes on purpose what may fail any day, on the word of an operator: a shard of this agent, by
// the identity of processes that its own shim started, or this agent itself. Nothing else is ever touched.

import Base
import ClusterState
import Engines
import EventLoop
import Glibc
import Node
import WireProtocol

extension Agent {
    /// Between the answer and the blow to this agent: the answer must get away.
    private static let goodbye = Duration.milliseconds(300)

    func strike(_ strike: Strike, completion: @escaping (PeerAnswer) -> Void) {
        switch strike {
        case .killShard(let shard): signal(shard, .kill, strike, completion)
        case .freezeShard(let shard): signal(shard, .freeze, strike, completion)
        case .thawShard(let shard): signal(shard, .thaw, strike, completion)
        case .killAgent:
            log(.warning, "a drill kills this agent, as an operator has asked")
            completion(.struck(at: loop.wallTime + Self.goodbye, processes: [getpid()]))
            later { _ = kill(getpid(), SIGKILL) }
        case .freezeAgent(let seconds):
            log(.warning, "a drill freezes this agent for \(seconds) s, as an operator has asked")
            completion(.struck(at: loop.wallTime + Self.goodbye, processes: [getpid()]))
            // Everything that the agent does, it does on this thread; so it thaws by itself.
            later { _ = sleep(UInt32(seconds)) }
        }
    }

    private func later(_ body: @escaping () -> Void) {
        drillTimer = loop.after(Self.goodbye) { [weak self] in
            self?.drillTimer = nil
            body()
        }
    }

    private func signal(
        _ shard: ShardID, _ blow: ShardBlow, _ strike: Strike,
        _ completion: @escaping (PeerAnswer) -> Void
    ) {
        guard let shards else { return completion(.refused(.unavailable, "this agent stops")) }
        log(.warning, "a drill strikes (\(strike.word)) \(shard), as an operator has asked")
        let wall = loop.wallTime
        shards.strike(shard, blow) { struck in
            completion(
                struck.isEmpty
                    ? .refused(
                        .notFound, "no engine of \(shard) runs on \(self.own.node)",
                        advice: "`glm-agent status` tells what runs")
                    : .struck(at: wall, processes: struck))
        }
    }
}

extension PeerAnswer {
    fileprivate static func struck(at time: WallTime, processes: [Int32]) -> PeerAnswer {
        .document(of: [
            "struck_at": .string(time.description),
            "processes": .array(processes.map { .integer(Int64($0)) }),
        ])
    }
}

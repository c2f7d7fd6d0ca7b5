// The router of this node, if it runs one: told which groups serve, as generations come and go.

import Base
import ClusterState
import Planning
import Supervision
import WireProtocol

/// What a node remembers of the router process that it runs.
struct RunningRouter: Sendable {
    let shard: ShardID
    let http: Endpoint
    var machine: RouterMachine
}

extension NodeMachine {
    /// A group whose generation has ended gets no more requests; one that serves, as the leader sees
    /// it, gets them again. One that starts is left to the router's own checks.
    mutating func reconcileRouter() {
        let running = shards.keys.first { $0.group.name == Role.router.rawValue }
        guard let running, let group = wantedShards[running], shards[running]?.isRunning == true
        else {
            router = nil
            return
        }
        if router?.shard != running {
            router = RunningRouter(
                shard: running, http: group.http, machine: RouterMachine(at: now))
        }
        var serving: [RouterWorker] = []
        var gone: Set<String> = []
        for worker in group.workers {
            let url = "http://\(worker.http)"
            if state.record(of: worker.group).phase != .running {
                gone.insert(url)
            } else if isServing(worker.group) {
                serving.append(
                    RouterWorker(url: url, role: worker.role, bootstrapPort: worker.bootstrapPort))
            }
        }
        router?.machine.want(serving: serving, gone: gone, at: now)
        if let call = router?.machine.tick(at: now) {
            actions.append(.callRouter(running, group.http, call))
        }
    }

    private func isServing(_ group: GroupName) -> Bool {
        let condition = view.groups.first { $0.group == group }?.condition
        return condition == .ready || condition == .degraded && hasServed(group)
    }

    /// Whether the generation that runs has served; a degraded one may still load.
    func hasServed(_ group: GroupName) -> Bool {
        let record = state.record(of: group)
        return record.phase == .running && record.servesSince != nil
    }

    mutating func routerAnswered(_ shard: ShardID, _ answer: RouterAnswer) {
        guard router?.shard == shard, let http = router?.http else { return }
        if let call = router?.machine.answered(answer, at: now) {
            actions.append(.callRouter(shard, http, call))
        }
    }
}

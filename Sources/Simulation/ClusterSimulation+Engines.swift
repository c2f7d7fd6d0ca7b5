// Scripted engines. They keep what the real ones do to one another: rank 0 serves once every rank of
// its generation has loaded, and when one has fallen the others fall too, or hang.

import Base
import ClusterState
import Node
import Planning
import Supervision

extension ClusterSimulation {
    mutating func launch(_ shard: ShardID, _ spec: LaunchSpec?, on index: Int) {
        let loads = generator.duration(in: .milliseconds(200)...(.seconds(3)))
        let delay = generator.duration(in: .milliseconds(1)...(.milliseconds(50)))
        count("launches")
        note("\(nodes[index].node) launches \(shard)")
        let running = hosts[index].engines.keys.sorted()
        let node = nodes[index].node
        invariants.launched(shard, spec, on: node, beside: running)
        invariants.acts(node, on: shard, isLaunch: true, disk: hosts[index].disk)
        let group = machines[index]?.state.record(of: shard.group).launched
        nextProcessID += 1
        hosts[index].engines[shard] = SimulatedHost.Engine(
            processID: nextProcessID, rankCount: group?.ranks.count ?? 1, loadedAt: now + loads,
            workers: group?.workers.map { "http://\($0.http)" } ?? [])
        queue.schedule(.engineStarted(index, shard), at: now + delay)
    }

    mutating func engineStarted(_ index: Int, _ shard: ShardID) {
        guard let engine = hosts[index].engines[shard] else { return }
        hosts[index].engines[shard]?.isStarted = true
        give(.shard(shard, .started(processID: engine.processID)), to: index)
        if configuration.failsAtStart?(shard) == true {
            queue.schedule(.engineEnds(index, shard, .code(1)), at: now + .milliseconds(50))
        }
    }

    /// An engine ends by itself.
    mutating func engineEnds(_ index: Int, _ shard: ShardID, _ status: ExitStatus) {
        guard let engine = hosts[index].engines[shard], !engine.isWedged || status == .signal(9)
        else { return }
        hosts[index].engines[shard] = nil
        note("\(nodes[index].node): \(shard) ends, \(status)")
        tellEnded(
            index, shard,
            .exited(status, at: endTime(of: index), logTail: ["last words of \(shard)"]))
        fell(shard)
    }

    /// The agent wants it ended.
    mutating func stop(_ shard: ShardID, grace: Duration, on index: Int) {
        let givesUp = invariants.givesUp(
            shard, index, isolation: configuration.isolation, at: now)
        if !givesUp {
            invariants.stopping(shard, by: machines[index])
            checkStopOrder(shard, on: index)
        }
        // Who was removed acts on what others know, and can be told again.
        if !givesUp, machines[index]?.isFenced(shard) != true {
            invariants.acts(
                nodes[index].node, on: shard, isLaunch: false, disk: hosts[index].disk)
        }
        hosts[index].engines[shard]?.isGoing = true
        let delay = generator.duration(in: .milliseconds(10)...(.milliseconds(1500)))
        let isWedged = hosts[index].engines[shard]?.isWedged == true
        queue.schedule(.engineStopped(index, shard), at: now + delay + (isWedged ? grace : .zero))
    }

    /// Of a generation that was well, rank 0 is told to stop before the others, as long as its node can be
    /// told anything. One that was not seen to run yet is needed by nobody.
    private mutating func checkStopOrder(_ shard: ShardID, on index: Int) {
        guard shard.rank != .master, hosts[index].engines[shard]?.isStarted == true,
            let record = machines[index]?.state.record(of: shard.group),
            record.generation == shard.generation, case .ended(let cause) = record.phase,
            cause.leavesEngineSound,
            let master = record.launched?.ranks.first.flatMap({ indexOfNode[$0.node] })
        else { return }
        let rankZero = ShardID(group: shard.group, generation: shard.generation, rank: .master)
        let isSteady = [index, master].allSatisfy {
            invariants.disturbances.isSteady($0, for: .seconds(15), at: now)
        }
        guard isSteady, let engine = hosts[master].engines[rankZero], !engine.isGoing else {
            return
        }
        invariants.broken("\(shard) is stopped before its rank 0 is")
    }

    mutating func engineStopped(_ index: Int, _ shard: ShardID) {
        guard let engine = hosts[index].engines[shard] else { return }
        invariants.stopped(shard, on: nodes[index].node)
        hosts[index].engines[shard] = nil
        tellEnded(index, shard, .stopped(.signal(15), at: endTime(of: index)))
        if configuration.plantedBug == .stopIsNoStop { hosts[index].engines[shard] = engine }
        fell(shard)
    }

    private func endTime(of index: Int) -> EndTime {
        EndTime(microsecondsSinceEpoch: wall(of: index).millisecondsSinceEpoch * 1000)
    }

    private mutating func tellEnded(_ index: Int, _ shard: ShardID, _ input: ShardInput) {
        hosts[index].ended.append(shard)
        give(.shard(shard, input), to: index)
    }

    /// The other ranks of a generation notice, some sooner, some later, and some hang for ever.
    mutating func fell(_ fallen: ShardID) {
        invariants.fell(fallen)
        for index in hosts.indices {
            for shard in hosts[index].engines.keys.sorted()
            where shard.group == fallen.group && shard.generation == fallen.generation {
                if generator.chance(configuration.hangChance) {
                    hosts[index].engines[shard]?.isWedged = true
                } else {
                    let delay = generator.duration(in: .milliseconds(20)...(.seconds(2)))
                    queue.schedule(.engineEnds(index, shard, .code(1)), at: now + delay)
                }
            }
        }
    }

    mutating func wedge(_ index: Int, _ shard: ShardID) {
        note("\(nodes[index].node): \(shard) answers nothing from now on")
        hosts[index].engines[shard]?.isWedged = true
        invariants.fell(shard)
    }

    // MARK: - What engines answer

    /// What rank 0 would answer.
    func answer(of shard: ShardID) -> ProbeResult {
        var count = 0
        var expected = 1
        var isLoaded = true
        var isWedged = false
        for host in hosts {
            for (other, engine) in host.engines
            where other.group == shard.group && other.generation == shard.generation {
                count += 1
                expected = engine.rankCount
                isLoaded = isLoaded && engine.loadedAt <= now
                isWedged = isWedged || engine.isWedged
            }
        }
        if isWedged, configuration.plantedBug != .wedgedEnginePasses {
            return .failing("no answer in time")
        }
        if count == 0 { return .unreachable("nobody listens") }
        return count == expected && isLoaded ? .answers : .starting("loading")
    }

    /// Asks the engine of a group from another node.
    mutating func probeMaster(_ group: GroupName, from index: Int) {
        let masters = hosts.indices.filter { isReachable(index, $0) }
            .flatMap { hosts[$0].engines.keys.sorted() }
            .filter { $0.group == group && $0.rank == .master }
        let result = masters.first.map { answer(of: $0) } ?? .unreachable("no answer")
        afterAnswer(.masterProbed(group, result), index)
    }

    /// The list of workers is the router's memory alone.
    mutating func callRouter(_ router: ShardID, _ call: RouterCall, on index: Int) {
        guard let engine = hosts[index].engines[router], !engine.isWedged else {
            return later(.routerAnswered(router, .failed("nobody listens")), index)
        }
        note("\(nodes[index].node): \(router) is told: \(call)")
        let answer: RouterAnswer
        switch call {
        case .list: answer = .listed(engine.workers.map { .init(identity: $0, url: $0) })
        case .add(let worker):
            hosts[index].engines[router]?.workers.append(worker.url)
            answer = .done
        case .remove(let identity, _):
            hosts[index].engines[router]?.workers.removeAll { $0 == identity }
            answer = .done
        }
        later(.routerAnswered(router, answer), index)
    }

    /// A busy engine answers late, up to the limit of a probe.
    mutating func afterAnswer(_ input: NodeInput, _ index: Int) {
        guard generator.chance(0.1) else { return later(input, index) }
        let delay = generator.duration(in: .milliseconds(20)...Self.probeLimit)
        queue.schedule(.input(index, life: hosts[index].life, input), at: now + delay)
    }

    private func isReachable(_ one: Int, _ other: Int) -> Bool {
        one == other || !network[.init(one, other)].isCut
    }
}

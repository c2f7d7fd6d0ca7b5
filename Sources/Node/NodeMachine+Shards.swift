// What this node runs. It compares the committed state with the shards it has: what is wanted and
// missing is begun, what is stale is ended. A stale generation is fenced before anything newer
// starts, and nothing starts while anything unwanted is left, since they would share devices.

import Base
import ClusterState
import Consensus
import Planning
import Profiles
import Supervision
import WireProtocol

extension NodeMachine {
    /// The shards that the committed state wants on this node.
    var wantedShards: [ShardID: PlannedGroup] {
        var wanted: [ShardID: PlannedGroup] = [:]
        for record in state.groups where record.phase == .running {
            guard let group = record.launched, let rank = group.rank(of: configuration.local)
            else { continue }
            let shard = ShardID(group: record.name, generation: record.generation, rank: rank)
            if !isFenced(shard) { wanted[shard] = group }
        }
        return wanted
    }

    mutating func reconcileShards() {
        hasShardNews = false
        guard isKnowledgeDurable else { return }
        let wanted = wantedShards
        stopLimits = stopLimits.filter { shards[$0.key] != nil && wanted[$0.key] == nil }
        for shard in shards.keys.sorted() where wanted[shard] == nil {
            // A record read from disk may be older than the shard: only a newer one may end it.
            guard
                isCaughtUp || isFenced(shard)
                    || shard.generation < state.record(of: shard.group).generation
            else { continue }
            guard !waitsForMaster(shard) else { continue }
            driveShard(shard, .end)
            if shards[shard]?.isGone == true {
                shards[shard] = nil
                actions.append(.forget(shard))
            }
        }
        guard isCaughtUp, !isDismissed, !shards.keys.contains(where: { wanted[$0] == nil }),
            loneliness?.hasGivenUp != true
        else { return }
        for shard in wanted.keys.sorted() where shards[shard] == nil {
            shards[shard] = ShardMachine(
                shard: shard, policy: configuration.supervision, wall: wall)
            driveShard(shard, .begin)
        }
    }

    mutating func driveShard(_ shard: ShardID, _ input: ShardInput) {
        if input != .tick { hasShardNews = true }
        if shards[shard] == nil {
            // Only a shim of an earlier run of this agent can speak of a shard not known here.
            switch input {
            case .adopted, .exited, .stopped:
                shards[shard] = ShardMachine(
                    shard: shard, policy: configuration.supervision, wall: wall)
            default: return
            }
        }
        var effects: [ShardAction] = []
        let wasGone = shards[shard]?.isGone == true
        shards[shard]?.step(input, at: now, wall: wall, into: &effects)
        if !wasGone { sightedEnd(of: shard) }
        if case .schedulers(let seen) = input { sightedProcesses(of: shard, seen) }
        for effect in effects { perform(effect, on: shard) }
    }

    private mutating func perform(_ effect: ShardAction, on shard: ShardID) {
        // The shard of a newer generation than is known here is left alone until it is known.
        let record = state.record(of: shard.group)
        let group = record.generation == shard.generation ? record.launched : nil
        switch effect {
        case .checkPorts:
            guard let group else { return }
            actions.append(.checkPorts(shard, ports(of: shard, group)))
        case .launch:
            // The next generation may be agreed on before this node may act on it. A shard that was
            // never started could not be stopped, and would stand in the way of all others.
            guard let group else {
                driveShard(shard, .failed("its generation was over before it could start"))
                return
            }
            launch(shard, of: group)
        case .stop(let grace): stop(shard, grace: grace)
        case .probe(let kind):
            guard let group else {
                driveShard(shard, .unasked("what it serves is not known yet"))
                return
            }
            actions.append(.probe(shard, ProbeTarget(kind, of: group)))
        case .changed:
            if let report = shards[shard]?.report { logChange(report) }
        }
    }

    mutating func launch(
        _ shard: ShardID, of group: PlannedGroup, isVersionKnown: Bool = false
    ) {
        guard let deployment = state.deployment else {
            fatalError("\(shard) is launched without a deployment")
        }
        guard state.record(of: shard.group).launchedSerial == state.deploymentSerial else {
            driveShard(shard, .failed("the deployment it was launched with has been replaced"))
            return
        }
        do {
            let profile = try self.profile.of(deployment)
            let group = group.launched(in: shard.generation, of: profile)
            if !isVersionKnown {
                let asWritten = LaunchSpec.make(
                    profile: profile, modelPath: deployment.modelPath, group: group,
                    rank: shard.rank, interface: configuration.interface)
                if asksForSGLang(shard, asWritten) { return }
            }
            let spec = try LaunchSpec.make(
                profile: profile, modelPath: deployment.modelPath, group: group,
                rank: shard.rank, interface: configuration.interface,
                sglang: deployment.engine == .sglang ? sglang : nil)
            logTranslations(of: spec, shard)
            if asksForRouter(spec, deployment.engine) {
                findRouter(shard, spec)
            } else {
                actions.append(.launch(shard, spec, deployment.engine))
            }
        } catch let refusal as DialectRefusal {
            driveShard(shard, .failed("\(refusal)"))
        } catch {
            driveShard(shard, .failed("its profile cannot be read: \(error)"))
        }
    }

    private mutating func logTranslations(of spec: LaunchSpec, _ shard: ShardID) {
        guard let sglang, !spec.translations.isEmpty else { return }
        let told = spec.translations.map(\.summary).joined(separator: "; ")
        actions.append(
            .log(.info, "\(shard) is launched in the words of SGLang \(sglang): \(told)"))
    }

    /// The ports that this shard will bind on its own address. A profile that cannot be read is told
    /// when the shard is launched.
    mutating func ports(of shard: ShardID, _ group: PlannedGroup) -> [Endpoint] {
        guard let deployment = state.deployment, let profile = try? profile.of(deployment) else {
            return []
        }
        return PortMap(
            profile: profile, group: group, rank: shard.rank, generation: shard.generation
        ).mustBeFree
    }

    private mutating func logChange(_ report: ShardReport) {
        switch report.state {
        case .exited:
            actions.append(.log(.warning, "\(report.shard) ended: \(report.why)"))
        case .unresponsive:
            actions.append(.log(.warning, "\(report.shard) \(report.why)"))
        case .starting, .loading, .ready, .stopping, .stopped, .waiting: break
        }
    }

    // MARK: - Reports

    /// Tells the leader what runs here, at every change and from time to time.
    mutating func report(isNews: Bool) {
        guard isNews || reportDue <= now || lastReport?.applied != applied else { return }
        lookForUnwatched()
        let report = NodeReport(
            node: configuration.local, applied: applied, deploymentDigest: localDigest,
            shards: shards.keys.sorted().compactMap(toldReport), notes: ownNotes)
        let isDue = reportDue <= now
        guard
            isDue || report.shards != lastReport?.shards || report.applied != lastReport?.applied
                || report.notes != lastReport?.notes
        else { return }
        lastReport = report
        reportDue = now + configuration.reportInterval
        if leadership != nil {
            hasNews = true
            leadership?.reports[configuration.local] = report
        } else if let leader = consensus.leader {
            send(.report(report), to: leader)
        }
    }
}

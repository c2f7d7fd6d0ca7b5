// A changed deployment, group by group. A group whose launch stays the same goes on as it is. Of the others
// the leader ends one that serves only while all the others serve, the first of the plan first; so a change
// that does not come up stops at its first group. What does not serve anyway is not spared, and neither is
// who stands in the way of a group that has another place now.

import Base
import ClusterState
import Planning
import Profiles
import Supervision
import WireProtocol

/// Whether a generation would be launched just so with the wanted deployment, as far as was looked.
struct SameLaunch: Hashable {
    let generation: Generation
    let serial: UInt64
    let isSame: Bool
}

extension NodeMachine {
    // MARK: - What differs

    /// Compares what runs of older deployments with the wanted one; once for each.
    mutating func noteSameLaunches() {
        for record in state.groups
        where record.phase == .running && record.launchedSerial != state.deploymentSerial {
            guard isKnownToBeSame(record) == nil else { continue }
            let isSame = launchesSame(record)
            sameLaunches[record.name] = SameLaunch(
                generation: record.generation, serial: state.deploymentSerial, isSame: isSame)
        }
    }

    /// What was found of a generation; nil where nobody has looked.
    private func isKnownToBeSame(_ record: GroupRecord) -> Bool? {
        guard let known = sameLaunches[record.name], known.generation == record.generation,
            known.serial == state.deploymentSerial
        else { return nil }
        return known.isSame
    }

    /// Whether every rank would be given the same bytes.
    private func launchesSame(_ record: GroupRecord) -> Bool {
        guard let group = record.launched, let new = state.deployment,
            let old = state.deployment(ofSerial: record.launchedSerial),
            let before = try? specs(of: group, record.generation, old),
            let after = try? specs(of: group, record.generation, new)
        else { return false }
        return old.engine == new.engine && before == after
    }

    /// What every rank of a group is launched with; the interface is this node's.
    private func specs(
        of group: PlannedGroup, _ generation: Generation, _ deployment: Deployment
    ) throws -> [LaunchSpec] {
        let profile = try Profile.parse(
            deployment.profileYAML, file: deployment.profileName)
        // A profile of another shape has no such group.
        guard profile.role(group.role) != nil || group.role == .router || group.role == .store,
            group.role != .router || profile.router != nil,
            group.role != .store || profile.store?.process == .standalone
        else { return [] }
        let launched = group.launched(in: generation, of: profile)
        return try group.ranks.indices.map { rank in
            try LaunchSpec.make(
                profile: profile, modelPath: deployment.modelPath, group: launched,
                rank: NodeRank(rank), interface: configuration.interface,
                sglang: deployment.engine == .sglang ? sglang : nil)
        }
    }

    /// Whether the plan or the deployment wants another launch than the one that runs.
    func launchDiffers(_ record: GroupRecord) -> Bool {
        guard state.plan?.group(record.name) == record.launched else { return true }
        guard record.launchedSerial != state.deploymentSerial else { return false }
        // One that has not served yet loses nothing, and its last ranks could not start any more.
        guard record.phase == .running, record.servesSince != nil,
            let isSame = isKnownToBeSame(record)
        else { return true }
        return !isSame
    }

    // MARK: - Whose turn it is

    /// Why a generation that the plan or the deployment wants replaced goes on for now; nil where it may
    /// end.
    func heldBack(_ record: GroupRecord) -> String? {
        // What has served is taken to serve on, also by a leader that has not heard of it yet.
        guard let plan = state.plan, hasServed(record), launchDiffers(record),
            let place = plan.groups.firstIndex(where: { $0.name == record.name }),
            !isInTheWay(record)
        else { return nil }
        let isRollout = record.launchedSerial != state.deploymentSerial
        if isRollout, state.rollout.isAtOnce { return obstacle(toMoving: record) }
        // A router follows its workers at once; only a changed one of its own has a turn. Whoever shares a
        // store waits for it.
        guard isRollout || plan.groups[place].role != .router, plan.groups[place].role != .store
        else { return nil }
        for (index, other) in plan.groups.enumerated()
        where index != place && other.role != .router && state.isWanted(other.name) {
            let theirs = state.record(of: other.name)
            if index < place, theirs.phase == .running, launchDiffers(theirs), !isInTheWay(theirs) {
                return "\(other.name) comes before it"
            }
            if !serves(theirs), isRollout || isDownByOrder(theirs) {
                return "until \(other.name) serves"
            }
        }
        return obstacle(toMoving: record)
    }

    func hasServed(_ record: GroupRecord) -> Bool {
        record.phase == .running && record.servesSince != nil
    }

    /// Whether its engine answers, for all that is known; degraded or not.
    private func serves(_ record: GroupRecord) -> Bool {
        hasServed(record) && leadership?.conditions[record.name]?.serves == true
    }

    /// It was ended to be changed, and is not back.
    private func isDownByOrder(_ record: GroupRecord) -> Bool {
        guard let last = state.restartLedger.last(of: record.name) else { return false }
        return last.kind == .planChanged && last.readyAt == nil
    }

    /// Whether a group that does not run waits for a place that this one has and is not to keep, or for
    /// what this one holds there.
    private func isInTheWay(_ record: GroupRecord) -> Bool {
        let planned = state.plan?.group(record.name)
        for other in state.plan?.groups ?? []
        where other.name != record.name && other.role.isEngine {
            guard state.isWanted(other.name), state.record(of: other.name).phase != .running else {
                continue
            }
            for rank in other.ranks where record.launched?.rank(of: rank.node) != nil {
                let found = leadership?.gates[other.name]?.obstacles ?? []
                if planned?.rank(of: rank.node) == nil || !found.isEmpty { return true }
            }
        }
        return false
    }

    // MARK: - Status

    /// The roll-out under way, as any node knows it; nil where every group has what is wanted.
    var rolloutStatus: ClusterStatus.Rollout? {
        guard let deployment = state.deployment, let plan = state.plan else { return nil }
        let pending = plan.groups.map(\.name).filter { name in
            let record = state.record(of: name)
            return record.phase == .running && record.launchedSerial != state.deploymentSerial
                && isKnownToBeSame(record) != true
        }
        guard !pending.isEmpty else { return nil }
        let down = plan.groups.map(\.name).first { name in
            let record = state.record(of: name)
            return state.isWanted(name) && !pending.contains(name)
                && (record.phase != .running || record.servesSince == nil)
        }
        var why: String?
        var isHalted = false
        if let down {
            why = "until \(down) serves"
            if case .failed(let cause) = state.record(of: down).phase {
                isHalted = true
                why = "\(down) does not come up: \(cause.why)"
            }
        }
        return ClusterStatus.Rollout(
            profile: deployment.profileName, pending: pending.map(\.name), waits: why,
            isHalted: isHalted)
    }

    /// The same for people.
    var rolloutNote: String? {
        guard let rollout = rolloutStatus else { return nil }
        let names = rollout.pending.joined(separator: ", ")
        let told = "\(rollout.profile) is rolled out group by group: \(names) still to come"
        guard let why = rollout.waits else { return told }
        guard rollout.isHalted else { return "\(told), \(why)" }
        return "the roll-out of \(rollout.profile) has stopped, since \(why); \(names) "
            + "\(rollout.pending.count == 1 ? "serves" : "serve") on as before. Put it right and "
            + "give it again (glm-agent apply FILE), or give the file that was good"
    }

    // MARK: - Before it is done

    /// What a deployment would change, as JSON; or why it cannot be told.
    func difference(to new: Deployment) -> Result<JSONValue, OrderRefusal> {
        do {
            let profile = try Profile.parse(new.profileYAML, file: new.profileName)
            let candidates = candidates { absentSince($0) == nil }
            let next = try Planner.plan(
                profile: profile, candidates: candidates, previous: state.plan,
                epoch: state.epoch.next
            ).get()
            return .success(try difference(to: new, planned: next))
        } catch {
            return .failure(OrderRefusal(kind: .unavailable, text: "\(new.profileName): \(error)"))
        }
    }

    private func difference(to new: Deployment, planned next: Plan) throws -> JSONValue {
        var groups: [JSONValue] = []
        var restarting: Set<GroupName> = []
        for group in next.groups {
            let (json, restarts) = try difference(of: group, to: new)
            groups.append(json)
            if restarts { restarting.insert(group.name) }
        }
        let ended = (state.plan?.groups ?? []).filter { next.group($0.name) == nil }
        for group in ended {
            groups.append(["group": .string(group.name.name), "change": "ends", "ranks": []])
        }
        var also: [JSONValue] = []
        if let owner = next.storeOwner, restarting.contains(owner) {
            let sharers = next.groups.filter {
                $0.store != nil && $0.name != owner && $0.role != .router
                    && !restarting.contains($0.name)
            }
            also = sharers.map { .string($0.name.name) }
        }
        return [
            "profile": .string(new.profileName), "from": JSONValue(state.deployment?.profileName),
            "groups": .array(groups), "restart_with_the_store": .array(also),
            "store_owner": JSONValue(next.storeOwner?.name),
        ]
    }

    private func difference(
        of group: PlannedGroup, to new: Deployment
    ) throws -> (json: JSONValue, restarts: Bool) {
        let record = state.record(of: group.name)
        let running = record.phase == .running ? record.launched : nil
        var before: [LaunchSpec] = []
        if let running, let old = state.deployment(ofSerial: record.launchedSerial) {
            before = try specs(of: running, record.generation, old)
            let same = try specs(of: group, record.generation, new)
            if running == group, before == same, old.engine == new.engine {
                return (
                    ["group": .string(group.name.name), "change": "none", "ranks": []], false
                )
            }
        }
        let after = try specs(of: group, record.generation.next, new)
        let ranks = (0..<max(before.count, after.count)).map { rank -> JSONValue in
            let old = rank < before.count ? before[rank] : nil
            let new = rank < after.count ? after[rank] : nil
            return [
                "rank": .integer(Int64(rank)), "node": JSONValue(new?.node.name),
                "old_node": JSONValue(old?.node.name),
                "difference": LaunchDifference(old, new).json,
            ]
        }
        let json: JSONValue = [
            "group": .string(group.name.name), "change": running == nil ? "starts" : "restarts",
            "generation": .integer(Int64(record.generation.next.value)), "ranks": .array(ranks),
        ]
        return (json, running != nil)
    }
}

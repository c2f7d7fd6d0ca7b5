// The answer to `status`, from any node: what is agreed as this node knows it, what the leader has
// shown, and what this node sees of its own shards.

import Ascend
public import Base
import ClusterState
import Consensus
import Membership
public import Planning
import Supervision
import WireProtocol

extension NodeMachine {
    /// The cluster as this node knows it now.
    public func status(at now: Instant, wall: WallTime) -> ClusterStatus {
        let groups = state.plan?.groups ?? []
        let engines = groups.filter { $0.role != .router }.map { status(of: $0) }
        let router = groups.first { $0.role == .router }.map { routerStatus($0) }
        // A follower hears its leader only; how many the leader hears is in its view.
        let follows = consensus.role == .follower && consensus.leader != nil
        let have = follows ? view.voters : consensus.contactedVoters(at: now).count
        let quorum = ClusterStatus.Quorum(
            have: have, need: consensus.quorum.size, ok: consensus.hasQuorum)
        let reasons = self.reasons(
            engines, router, quorum, isolation: isolationText(at: now, wall: wall))
        var told = ClusterStatus(
            node: configuration.local.name, cluster: configuration.cluster,
            version: configuration.version, term: consensus.term.value,
            leader: consensus.leader?.name, quorum: quorum,
            ageSeconds: viewReceivedAt.map { (now - $0).inSeconds }, epoch: state.epoch.value,
            profile: state.deployment?.profileName,
            wanted: state.isWanted ? "running" : "stopped",
            members: memberStatus(at: now, wall: wall), groups: engines, router: router,
            ready: reasons.isEmpty, reasons: reasons,
            notes: [pendingDeployment, rolloutNote].compactMap { $0 } + probationNotes
                + nodeNotes + gateNotes
                + clockNotes)
        told.rollout = rolloutStatus
        return told
    }

    /// What there is to say of the plan: why there is none, or why a new one cannot be made.
    public var planNotes: [String] {
        if let failure = leadership?.planFailure { return [failure] }
        return state.plan == nil && leadership == nil ? ["the leader knows why"] : []
    }

    /// Why every rank of the plan is where it is; nil before the first plan.
    public var planExplanation: PlanExplanation? {
        state.plan.map { plan in
            PlanExplanation(
                plan: plan, previous: previousPlan,
                candidates: configuration.nodes.map {
                    $0.candidate(
                        isUsable: absentSince($0.node) == nil,
                        standing: state.standing(of: $0.node))
                })
        }
    }

    private func memberStatus(at now: Instant, wall: WallTime) -> [ClusterStatus.Member] {
        configuration.nodes.map { node in
            let member = member(node.node)
            let age = member.map { now - $0.since } ?? .zero
            let since = WallTime(
                millisecondsSinceEpoch: wall.millisecondsSinceEpoch
                    - age.nanoseconds / 1_000_000)
            return ClusterStatus.Member(
                node: node.node.name, address: node.address,
                state: member?.state.rawValue ?? MemberState.dead.rawValue, since: since,
                inventory: member.flatMap { InventoryDigest($0.metadata) },
                cordon: cordonWord(of: node.node))
        }
    }

    /// What the nodes themselves want to be known, by node; this node knows its own best. What several of them
    /// tell is one sentence.
    private var nodeNotes: [String] {
        let told = configuration.nodes.map(\.node).map { node in
            let notes =
                node == configuration.local
                ? ownNotes : view.reports.first { $0.node == node }?.notes ?? []
            return (node: node, notes: notes)
        }
        return told.flatMap(\.notes).uniqued.map { note in
            let nodes = told.filter { $0.notes.contains(note) }.map(\.node.name)
            return "\(nodes.joined(separator: ", ")): \(note)"
        }
    }

    // MARK: - Groups

    /// The groups of the plan whose last launch has failed, tried again or not.
    public var failedGroups: [GroupName] {
        (state.plan?.groups ?? []).map(\.name).filter { group in
            switch condition(of: group).condition {
            case .failed, .backoff: true
            default: false
            }
        }
    }

    private func condition(of group: GroupName) -> (condition: GroupCondition, why: String) {
        let record = state.record(of: group)
        if let summary = view.groups.first(where: { $0.group == group }) {
            return (summary.condition, summary.why)
        }
        switch record.phase {
        case .idle: return (.waiting, "for the leader")
        case .running: return (.starting, "not seen by a leader yet")
        case .ended(let cause): return (.stopping, cause.why)
        case .failed(let cause): return (.failed, cause.why)
        }
    }

    private func status(of group: PlannedGroup) -> ClusterStatus.Group {
        let record = state.record(of: group.name)
        let (condition, why) = condition(of: group.name)
        let shown = record.phase == .running ? record.launched ?? group : group
        var status = ClusterStatus.Group(
            name: group.name.name, role: group.role.rawValue,
            generation: record.generation.value, state: condition.rawValue, why: why,
            master: shown.distInit.flatMap { _ in shown.ranks.first?.node.name },
            url: "\(shown.role == .store ? "tcp" : "http")://\(shown.http)",
            bootstrapPort: shown.bootstrap?.port, restarts: record.restarts,
            lastFailure: record.lastFailure.map { ClusterStatus.Failure($0) },
            gate: view.groups.first { $0.group == group.name }?.gate ?? [],
            ranks: rankStatus(of: shown, record, condition))
        status.restartCost = restartCost(of: group.name)
        return status
    }

    private func routerStatus(_ group: PlannedGroup) -> ClusterStatus.Router {
        let status = status(of: group)
        let rank = status.ranks.first
        var router = ClusterStatus.Router(
            node: rank?.node ?? "", url: status.url, state: status.state,
            generation: status.generation, pid: rank?.pid, restarts: status.restarts,
            since: rank?.since, why: status.why, lastFailure: status.lastFailure)
        router.restartCost = status.restartCost
        return router
    }

    private func rankStatus(
        of group: PlannedGroup, _ record: GroupRecord, _ condition: GroupCondition
    ) -> [ClusterStatus.Rank] {
        group.ranks.enumerated().map { index, planned in
            let shard = ShardID(
                group: record.name, generation: record.generation, rank: NodeRank(index))
            guard let report = report(of: shard, on: planned.node) else {
                return ClusterStatus.Rank(
                    rank: index, node: planned.node.name, state: "absent", pid: nil,
                    restarts: record.restarts, since: nil,
                    why: absentSince(planned.node) == nil
                        ? "" : "the agent of \(planned.node) is out of reach")
            }
            // Only rank 0 can say that the engine serves; the others take part in it.
            let takesPart =
                report.state == .loading
                && (condition == .ready || condition == .degraded && hasServed(record.name))
            return ClusterStatus.Rank(
                rank: index, node: planned.node.name,
                state: takesPart ? ShardState.ready.rawValue : report.state.rawValue,
                pid: report.processID, restarts: record.restarts, since: report.since,
                why: report.why, progress: takesPart ? nil : report.progress)
        }
    }

    /// This node knows its own shards best.
    private func report(of shard: ShardID, on node: NodeID) -> ShardReport? {
        if node == configuration.local { return shards[shard]?.report }
        return view.reports.first { $0.node == node }?.shards.first { $0.shard == shard }
    }

    /// Voters whose state directory is new, or an older copy.
    private var probationNotes: [String] {
        consensus.onProbation.map { node in
            "\(node) is on probation, as its state directory is new: it counts only beside enough "
                + "voters that remember, until it knows again what is agreed"
        }
    }

    // MARK: - Reasons

    private func reasons(
        _ groups: [ClusterStatus.Group], _ router: ClusterStatus.Router?,
        _ quorum: ClusterStatus.Quorum, isolation: String
    ) -> [String] {
        var reasons: [String] = []
        if !quorum.ok {
            reasons.append(
                "no quorum: \(quorum.have) of \(quorum.need) voters are in contact; \(isolation)")
        }
        guard state.isWanted else {
            return reasons + ["the deployment is stopped by the operator"]
        }
        if state.plan == nil {
            let why = leadership?.planFailure ?? "the leader has not planned yet"
            reasons.append("no plan: \(why)")
        }
        for group in groups where group.state != GroupCondition.ready.rawValue {
            let serves = groups.contains { $0.role == group.role && self.serves($0) }
            reasons.append(
                "\(group.name) is \(text(group.state, group.why))"
                    + (serves ? "" : "; no \(group.role) group serves"))
        }
        if let router, router.state != GroupCondition.ready.rawValue {
            reasons.append("the router is \(text(router.state, router.why))")
        }
        return reasons
    }

    /// Whether it answers requests, as far as is known.
    private func serves(_ group: ClusterStatus.Group) -> Bool {
        group.state == GroupCondition.ready.rawValue
            || group.state == GroupCondition.degraded.rawValue && hasServed(GroupName(group.name))
    }

    private func text(_ state: String, _ why: String) -> String {
        state == GroupCondition.stopped.rawValue ? "stopped by the operator" : state + detail(why)
    }

    private func detail(_ why: String) -> String {
        why.isEmpty ? "" : ": \(why)"
    }
}

extension ClusterStatus.Failure {
    init(_ failure: GroupFailure) {
        let cause = failure.cause
        self.init(
            generation: failure.generation.value, time: failure.time, kind: cause.kind.rawValue,
            why: cause.why, node: cause.node?.name, rank: cause.rank?.value,
            logTail: cause.logTail, diagnosis: cause.diagnosis)
    }
}

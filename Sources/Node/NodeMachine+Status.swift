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
        let engines = groups.filter { $0.role != .router }.map { status(of: $0, at: now) }
        let router = groups.first { $0.role == .router }.map { routerStatus($0, at: now) }
        let quorum = quorumStatus(at: now)
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
            notes: [unagreedFile, pendingDeployment, rolloutNote].compactMap { $0 }
                + probationNotes + nodeNotes + gateNotes + clockNotes)
        told.rollout = rolloutStatus
        told.serving = serving(engines, router)
        return told
    }

    // MARK: - The quorum

    /// The voters that are here, as this node knows it, in order of name. A leader begins with the word of those
    /// that elected it and takes the others for heard for one timeout: those that membership does not
    /// know to be there are not counted.
    func votersHere(at now: Instant) -> [NodeID] {
        let isLeader = consensus.role == .leader
        let heard = isLeader ? consensus.contactedVoters(at: now) : consensus.quorum.voters
        return heard.filter { $0 == configuration.local || absentSince($0) == nil }
    }

    private func quorumStatus(at now: Instant) -> ClusterStatus.Quorum {
        // A follower hears its leader only; how many the leader hears is in its view.
        let follows = consensus.role == .follower && consensus.leader != nil
        let here = votersHere(at: now)
        let missing = consensus.quorum.voters.filter { !here.contains($0) }
        return ClusterStatus.Quorum(
            have: follows ? view.voters : here.count, need: consensus.quorum.size,
            voters: consensus.quorum.voters.count, missing: missing.map(\.name),
            ok: consensus.hasQuorum)
    }

    /// Before anything is agreed, the file of this node is all there is.
    private var unagreedFile: String? {
        guard state.deployment == nil else { return nil }
        return "nothing is agreed yet; the file of \(configuration.local) names "
            + "\(configuration.deployment.profileName), which the first leader's file decides"
    }

    /// What there is to say of the plan: why there is none, or why a new one cannot be made.
    public var planNotes: [String] {
        if let failure = leadership?.planFailure { return [failure] }
        guard state.plan == nil, leadership == nil else { return [] }
        guard let leader = consensus.leader else {
            return ["nobody leads, and the leader plans: see glm-agent status"]
        }
        return ["\(leader), which leads, knows why: ask there"]
    }

    /// Why every rank of the plan is where it is; nil before the first plan.
    public var planExplanation: PlanExplanation? {
        state.plan.map { plan in
            PlanExplanation(
                plan: plan, previous: previousPlan,
                candidates: candidates { absentSince($0) == nil })
        }
    }

    private func memberStatus(at now: Instant, wall: WallTime) -> [ClusterStatus.Member] {
        company.everyone.map { node in
            let member = member(node.node)
            let age = member.map { now - $0.since } ?? .zero
            let since = WallTime(
                millisecondsSinceEpoch: wall.millisecondsSinceEpoch
                    - age.nanoseconds / 1_000_000)
            return ClusterStatus.Member(
                node: node.node.name, address: node.address,
                state: member?.state.rawValue ?? MemberState.dead.rawValue, since: since,
                role: role(of: node.node), fileDifferences: fileDifferences(of: node.node),
                inventory: member.flatMap { InventoryDigest($0.metadata) },
                cordon: cordonWord(of: node.node))
        }
    }

    private func role(of node: NodeID) -> String {
        if !members.contains(where: { $0.node == node }) { return "leaving" }
        let participants = consensus.participants
        if participants.quorum.contains(node) { return "voter" }
        return participants.contains(node) ? "learner" : "joining"
    }

    /// This node knows its own notes best.
    private func notes(of node: NodeID) -> [String] {
        node == configuration.local
            ? ownNotes : view.reports.first { $0.node == node }?.notes ?? []
    }

    private func fileDifferences(of node: NodeID) -> String? {
        let told = notes(of: node).filter { note in
            [Self.fileNoteStart, Self.settingNoteStart].contains { note.hasPrefix($0) }
        }
        let differences = told + [deploymentDifference(of: node)].compactMap { $0 }
        return differences.isEmpty ? nil : differences.joined(separator: "; ")
    }

    /// What the nodes themselves want to be known; what several of them tell is one sentence.
    private var nodeNotes: [String] {
        let told = members.map(\.node).map { (node: $0, notes: notes(of: $0)) }
        return told.flatMap(\.notes).uniqued.map { note in
            let nodes = told.filter { $0.notes.contains(note) }.map(\.node.name)
            return "\(nodes.joined(separator: ", ")): \(note)"
        }
    }

    // MARK: - Groups

    /// The groups of the plan whose last launch has failed, tried again or not.
    public var failedGroups: [GroupName] {
        (state.plan?.groups ?? []).map(\.name).filter { group in
            switch judgement(of: state.record(of: group), at: now).condition {
            case .failed, .backoff: true
            default: false
            }
        }
    }

    private func status(of group: PlannedGroup, at now: Instant) -> ClusterStatus.Group {
        let record = state.record(of: group.name)
        let judgement = judgement(of: record, at: now)
        let condition = judgement.condition
        let shown = record.phase == .running ? record.launched ?? group : group
        var status = ClusterStatus.Group(
            name: group.name.name, role: group.role.rawValue,
            generation: record.generation.value, state: condition.rawValue, why: judgement.why,
            master: shown.distInit.flatMap { _ in shown.ranks.first?.node.name },
            url: "\(shown.role == .store ? "tcp" : "http")://\(shown.http)",
            bootstrapPort: shown.bootstrap?.port, restarts: record.restarts,
            lastFailure: record.lastFailure.map { ClusterStatus.Failure($0) },
            gate: view.groups.first { $0.group == group.name }?.gate ?? [],
            ranks: rankStatus(of: shown, record, condition))
        status.restartCost = restartCost(of: group.name)
        status.standing = judgement.standing
        return status
    }

    private func routerStatus(_ group: PlannedGroup, at now: Instant) -> ClusterStatus.Router {
        let status = status(of: group, at: now)
        let rank = status.ranks.first
        var router = ClusterStatus.Router(
            node: rank?.node ?? "", url: status.url, state: status.state,
            generation: status.generation, pid: rank?.pid, restarts: status.restarts,
            since: rank?.since, why: status.why, lastFailure: status.lastFailure)
        router.restartCost = status.restartCost
        router.standing = status.standing
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
            // An agent that was started anew knows when it met the engine, and the ledger since when it serves.
            let isReady = takesPart || report.state == .ready
            let served = isReady ? record.servesSince : nil
            let since = served.map { takesPart ? $0 : min($0, report.since) } ?? report.since
            // What it has to say while it takes part is why rank 0 is not answered.
            let hinders =
                takesPart && condition == .degraded && !report.why.isEmpty
                && view.groups.first { $0.group == record.name }?.serves != true
            let state = hinders ? .unresponsive : takesPart ? .ready : report.state
            return ClusterStatus.Rank(
                rank: index, node: planned.node.name, state: state.rawValue,
                pid: report.processID, restarts: record.restarts, since: since,
                why: report.why, progress: takesPart ? nil : report.progress)
        }
    }

    /// This node knows its own shards best.
    private func report(of shard: ShardID, on node: NodeID) -> ShardReport? {
        if node == configuration.local { return toldReport(shard) }
        return view.reports.first { $0.node == node }?.shards.first { $0.shard == shard }
    }

    /// Voters whose state directory is new or an older copy, or whose vote is new or on its way out.
    private var probationNotes: [String] {
        consensus.onProbation.map { node in
            "\(node) is on probation, as its vote changes, or its state directory is new or a copy: it "
                + "counts only beside enough voters that remember, until it knows what is agreed"
        }
    }

    // MARK: - Reasons

    private func reasons(
        _ groups: [ClusterStatus.Group], _ router: ClusterStatus.Router?,
        _ quorum: ClusterStatus.Quorum, isolation: String
    ) -> [String] {
        var reasons: [String] = []
        if let outsideText { return [outsideText] }
        if !quorum.ok {
            let missing =
                quorum.missing.isEmpty ? "" : ", missing: " + quorum.missing.joined(separator: ", ")
            let isEnough = quorum.have >= quorum.need
            reasons.append(
                (isEnough ? "no leader yet" : "no quorum")
                    + ": \(quorum.have) of \(quorum.voters) voters are here, \(quorum.need) are "
                    + "needed\(missing); \(isolation)")
        }
        guard state.isWanted else {
            return reasons + ["the deployment is stopped by the operator"]
        }
        if state.plan == nil {
            let why =
                leadership?.planFailure
                ?? (consensus.leader == nil ? "nobody leads" : "the leader has not planned yet")
            reasons.append("no plan: \(why)")
        }
        var ofGroups: [(urgency: Int, text: String)] = []
        for group in groups where group.state != GroupCondition.ready.rawValue {
            let serves = groups.contains { $0.role == group.role && $0.standing.serving != false }
            ofGroups.append(
                (
                    urgency(group.state),
                    "\(group.name) \(group.standing.serving == true ? "serves, but is" : "is") "
                        + text(group.state, group.why)
                        + (serves ? "" : "; no \(group.role) group serves")
                ))
        }
        if let router, router.state != GroupCondition.ready.rawValue {
            // That it lacks workers follows from what is said before.
            let follows = router.state == GroupCondition.degraded.rawValue && !ofGroups.isEmpty
            let urgency = follows ? 3 : urgency(router.state)
            ofGroups.append((urgency, "the router is \(text(router.state, router.why))"))
        }
        // What waits for an operator leads; what is as urgent stays in the plan's order.
        let levels = Set(ofGroups.map(\.urgency)).sorted()
        return reasons
            + levels.flatMap { level in ofGroups.filter { $0.urgency == level }.map(\.text) }
    }

    private func urgency(_ state: String) -> Int {
        switch GroupCondition(rawValue: state) {
        case .failed: 0
        case .backoff, .degraded: 1
        case .stopped: 3
        default: 2
        }
    }

    private func text(_ state: String, _ why: String) -> String {
        switch state {
        case GroupCondition.stopped.rawValue: "stopped by the operator"
        case GroupCondition.backoff.rawValue: "down until its next launch" + detail(why)
        default: state + detail(why)
        }
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

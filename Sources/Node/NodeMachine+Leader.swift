// What the leader does: it compares what is wanted and agreed with what is observed, in one loop over
// everything, and proposes the next step. Nothing here acts on the world; nodes act once the step
// is committed.

import Base
import CBOR
import ClusterState
import Consensus
import Diagnosis
import Membership
import Planning
import Profiles
import Supervision
import WireProtocol

extension NodeMachine {
    /// Until its own term's first entry is applied, a leader does not know what is agreed.
    var knowsWhatIsAgreed: Bool { isCaughtUp && appliedTerm == consensus.term }

    mutating func reconcileCluster() {
        guard let leadership, knowsWhatIsAgreed else { return }
        let isDue = leadership.nextDeadline.map { $0 <= now } ?? false
        guard hasNews || isDue else { return }
        hasNews = false
        reconcileUnheard()
        noteSightings()
        reconcileRoster()
        reconcileDeployment()
        reconcilePlan()
        reconcileGroups()
        showView()
    }

    mutating func propose(_ action: Command.Action, about subject: Leadership.Subject) {
        guard leadership?.underway[subject] == nil else { return }
        let proposal = requests.newProposal(for: .leader(subject))
        leadership?.underway[subject] = proposal
        driveConsensus(.propose(Command(action, at: wall).cbor.encoded, proposal))
    }

    // MARK: - What the ledger should tell

    /// What the leader sees and nobody has noted yet: that it leads, who is there, who is gone.
    /// Each is proposed only while the agreed state lacks it, so no leader notes it again.
    private mutating func noteSightings() {
        let term = consensus.term.value
        if state.electedTerm < term {
            propose(.elected(configuration.local, term: term), about: .election)
        }
        let known = Set(state.present)
        let joined = members.map(\.node).filter {
            !known.contains($0) && absentSince($0) == nil
        }
        let lost = state.present.filter { absentSince($0) != nil }
        if !lost.isEmpty {
            propose(.lost(lost), about: .members)
        } else if !joined.isEmpty {
            propose(.joined(joined.sorted()), about: .members)
        }
    }

    // MARK: - The deployment

    /// The first deployment is the leader's own. A changed one takes effect once every node's file
    /// says the same, so that a half-edited cluster restarts nothing.
    private mutating func reconcileDeployment() {
        guard state.deployment != nil else {
            propose(.deploy(configuration.deployment), about: .deployment)
            return
        }
        guard wantedDigest != localDigest, state.setAside != configuration.deployment else {
            return
        }
        let isAgreed = members.allSatisfy {
            leadership?.reports[$0.node]?.deploymentDigest == localDigest
        }
        if isAgreed { propose(.deploy(configuration.deployment), about: .deployment) }
    }

    // MARK: - The plan

    private mutating func reconcilePlan() {
        guard let deployment = state.deployment, let leadership else { return }
        self.leadership?.planAgainAt = nil
        let profile: Profile
        do {
            profile = try self.profile.of(deployment)
        } catch {
            self.leadership?.planFailure = "the committed profile cannot be read: \(error)"
            return
        }
        self.leadership?.decodePatience = profile.decodePatience
        let stableView = configuration.supervision.stableView
        let candidates = candidates(where: isUsable)
        if state.plan == nil, candidates.contains(where: { !$0.isUsable }) {
            let graceEnd = leadership.since + configuration.planGrace
            let present = Planner.plan(
                profile: profile, candidates: candidates.filter(\.isUsable), previous: nil,
                epoch: state.epoch.next)
            if case .failure(let failure) = present, now < graceEnd {
                self.leadership?.planAgainAt = graceEnd
                self.leadership?.planFailure = "waits for nodes: \(failure)"
                return
            }
        }
        // A node that is gone becomes unusable as time goes by, with no other news.
        let gates = members.compactMap { absentSince($0.node) }
            .map { $0 + stableView }
        self.leadership?.planAgainAt = gates.filter { $0 > now }.min()
        let planned = Planner.plan(
            profile: profile, candidates: candidates, previous: state.plan,
            epoch: state.epoch.next)
        switch planned {
        case .success(let plan):
            self.leadership?.planFailure = nil
            if plan.groups != state.plan?.groups { propose(.plan(plan), about: .plan) }
        case .failure(let failure): self.leadership?.planFailure = "\(failure)"
        }
    }

    /// The nodes of the cluster as the planner takes them.
    func candidates(where isUsable: (NodeID) -> Bool) -> [Candidate] {
        members.map {
            $0.candidate(isUsable: isUsable($0.node), standing: state.standing(of: $0.node))
        }
    }

    /// A rank moves only away from a node that is gone for good measure, or where nothing can be launched, and
    /// only while its group does not run: a serving engine keeps its nodes.
    func isUsable(_ node: NodeID) -> Bool {
        let running = state.groups.filter {
            $0.phase == .running && $0.launched?.rank(of: node) != nil
        }
        // That a router is there is no reason to launch nothing: it follows its workers anyway.
        if isIll(node), running.allSatisfy({ $0.launched?.role == .router }) { return false }
        guard let absentSince = absentSince(node) else { return true }
        return !running.isEmpty
            || (state.plan != nil && now - absentSince < configuration.supervision.stableView)
    }

    /// Since when a node is dead or has left, or has not been heard by this leader; nil while it is there, as
    /// this one is until its end.
    func absentSince(_ node: NodeID) -> Instant? {
        guard node != configuration.local else { return nil }
        return switch membership.state(of: node) {
        case .alive, .suspect: unheardSince(node)
        case .dead, .left, nil: member(node)?.since ?? .zero
        }
    }

    // MARK: - The groups

    private mutating func reconcileGroups() {
        let planned = state.plan?.groups.map(\.name) ?? []
        let orphaned = state.groups.filter { $0.phase == .running }.map(\.name)
            .filter { !planned.contains($0) }
        for name in planned + orphaned { reconcileGroup(name) }
        let conditions = leadership?.conditions.filter { planned.contains($0.key) }
        leadership?.conditions = conditions ?? [:]
        let gates = leadership?.gates.filter { planned.contains($0.key) }
        leadership?.gates = gates ?? [:]
    }

    private mutating func reconcileGroup(_ name: GroupName) {
        let view = groupView(name)
        var machine =
            leadership?.machines[name] ?? GroupMachine(policy: configuration.supervision)
        let decision = machine.decide(view, at: now, using: &generator)
        leadership?.machines[name] = machine
        let why = decision.why + untilText(decision)
        let found = leadership?.gates[name]?.findings ?? []
        let summary = GroupSummary(
            group: name, condition: decision.condition, why: why, gate: found,
            serves: serves(decision, name),
            launchAt: decision.launchAt.map { wall.second(of: $0, at: now) })
        leadership?.conditions[name] = summary
        callOperator(decision, for: name)
        examine(state.plan?.group(name), isLaunchNear: decision.isLaunchNear)
        let record = state.record(of: name)
        if decision.probesMaster, let group = record.launched {
            actions.append(.probeMaster(name, ProbeTarget(.liveness, of: group)))
        }
        switch decision.proposal {
        case .launch(let why):
            guard let group = state.plan?.group(name) else { return }
            let launch = Command.Action.launch(
                group, record.generation.next, why: why, stoppedAt: stoppedAt(record))
            propose(launch, about: .group(name))
        case .end(var cause, let isTerminal):
            if !cause.leavesEngineSound {
                cause.diagnosis = diagnosis(of: record) ?? lossDiagnosis(cause)
                cause = blamed(cause, record)
            }
            let end = Command.Action.end(
                name, record.generation, cause, isTerminal: isTerminal,
                failedAt: failedAt(cause, record))
            propose(end, about: .group(name))
        case .settle: propose(.settle(name, record.generation), about: .group(name))
        case nil:
            if decision.serves, record.servesSince == nil {
                let serves = Command.Action.serves(
                    name, record.generation, note: servingNote(of: record))
                propose(serves, about: .group(name))
            } else if let amendment = amendDiagnosis(of: record) {
                propose(amendment, about: .group(name))
            }
        }
    }

    /// By the clock of this node, to the second.
    private func untilText(_ decision: GroupDecision) -> String {
        guard let until = decision.until else { return "" }
        let then = decision.then.map { "; then \($0)" } ?? ""
        return ", until \(wall.text(of: until, at: now)) at most\(then)"
    }

    /// Told once, when it begins.
    private mutating func callOperator(_ decision: GroupDecision, for name: GroupName) {
        guard decision.needsOperator else {
            leadership?.complaints.remove(name)
            return
        }
        guard leadership?.complaints.insert(name).inserted == true else { return }
        actions.append(.log(.error, "\(name) cannot be launched: it waits \(decision.why)"))
    }

    private mutating func groupView(_ name: GroupName) -> GroupView {
        let record = state.record(of: name)
        let planned = state.plan?.group(name)
        let phase: GroupView.Phase =
            switch record.phase {
            case .idle: .idle
            case .running: .running
            case .ended(let cause): .ended(cause)
            case .failed(let cause): .failed(cause)
            }
        let group = record.phase == .running ? record.launched : planned
        let takeover = takeover(of: planned, record)
        var view = GroupView(
            phase: phase, generation: record.generation, failures: record.failures,
            isWanted: state.isWanted(name) || (planned == nil && record.phase != .running),
            launchDiffers: launchDiffers(record), heldBack: heldBack(record),
            whyDiffers: whyDiffers(planned, record),
            hasServed: record.servesSince != nil || group?.role.isEngine != true,
            lostDependency: forcedOut(record) ?? lostStore(of: record),
            silence: silence(before: group, record),
            prerequisite: strangerPrerequisite(of: record.phase == .running ? nil : group)
                ?? drainPrerequisite(of: group) ?? unheardHolder(record)
                ?? storePrerequisite(of: group)
                ?? (group?.role == .router ? routerPrerequisite : nil),
            obstacle: obstacle(to: group), ranks: rankViews(of: group, record),
            leftovers: leftovers(of: name, record))
        view.takeover = takeover
        return view
    }

    private func rankViews(of group: PlannedGroup?, _ record: GroupRecord) -> [RankView] {
        (group?.ranks ?? []).enumerated().map { index, planned in
            let rank = NodeRank(index)
            let shard = ShardID(group: record.name, generation: record.generation, rank: rank)
            let report = leadership?.reports[planned.node]
            return RankView(
                node: planned.node, rank: rank, absentSince: absentSince(planned.node),
                hostAnsweredAt: hostWords[planned.node], hasReported: report != nil,
                report: report?.shards.first { $0.shard == shard },
                still: still(shard, on: planned.node),
                clockAhead: .microseconds(clockAhead(of: planned.node).middle))
        }
    }

    /// The shards of a group that nodes still have, but for those of a generation that runs.
    func leftovers(of name: GroupName, _ record: GroupRecord) -> [String] {
        let reports = leadership?.reports ?? [:]
        return company.everyone.flatMap { node in
            (reports[node.node]?.shards ?? [])
                .filter {
                    $0.shard.group == name && $0.state != .exited && $0.state != .stopped
                        && !(record.phase == .running && $0.shard.generation == record.generation)
                }
                .map { "\($0.shard) on \(node.node)" }
        }
    }

    /// A node that is there may still run an older generation as long as it has not reported, or
    /// has reported before it knew that the last one is over. One that reports nothing for long is
    /// not waited for, unless it held a rank of that one.
    private func unheardHolder(_ record: GroupRecord) -> String? {
        guard let leadership else { return nil }
        for node in company.everyone.map(\.node) where absentSince(node) == nil {
            let held = record.launched?.rank(of: node) != nil
            if let report = leadership.reports[node] {
                let ended = endings[record.name] ?? .zero
                if held, report.applied < ended { return "for \(node) to end what it runs" }
            } else {
                let since = max(leadership.since, member(node)?.since ?? .zero)
                if held || now < since + configuration.planGrace {
                    return "for the first report of \(node)"
                }
            }
        }
        return nil
    }

    /// The router wants one group of every role to serve, or it would answer nothing but errors.
    private var routerPrerequisite: String? {
        let workers = state.plan?.groups.filter { $0.role.isEngine } ?? []
        for role in Role.allCases {
            let ofRole = workers.filter { $0.role == role }
            let serves = ofRole.contains {
                leadership?.conditions[$0.name]?.condition == .ready
            }
            if !ofRole.isEmpty && !serves { return "for a \(role.rawValue) group that serves" }
        }
        return nil
    }

    // MARK: - The view

    private mutating func showView() {
        guard let leadership else { return }
        let groups = leadership.conditions.keys.sorted().compactMap { leadership.conditions[$0] }
        let reports = company.everyone.compactMap { leadership.reports[$0.node] }
        let view = LeaderView(
            groups: groups, reports: reports, voters: votersHere(at: now).count,
            settings: configuration.settings)
        self.view = view
        viewReceivedAt = now
        guard leadership.viewDue <= now || view.isNews(after: leadership.lastView) else { return }
        self.leadership?.viewDue = now + configuration.reportInterval
        self.leadership?.lastView = view
        for node in company.everyone.map(\.node)
        where node != configuration.local && absentSince(node) == nil {
            send(.view(view), to: node)
        }
    }
}

extension LeaderView {
    /// Whether it shows more than another did; how far nodes have applied the log is no news.
    func isNews(after other: LeaderView?) -> Bool {
        groups != other?.groups || voters != other?.voters
            || reports.map(\.shards) != other?.reports.map(\.shards)
    }
}

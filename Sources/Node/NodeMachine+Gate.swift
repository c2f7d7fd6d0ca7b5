// The launch gate. A leftover process, an ill die or another CANN on one node makes a whole group fail,
// minutes after its launch and on another node. So before a group with dies is launched its nodes are
// examined, each and against one another, by the doctor's checks; as long as an error is found none
// starts, and `status` says which. The leader has it done when nothing of the generation before is left, and
// again and again while the group waits; what was found for one launch says nothing of the next. Before a rank
// of a group that serves moves to another node, that node is examined with the others: an ill spare ends nothing.

import Base
import ClusterState
import Doctor
import Planning
import Supervision
import WireProtocol

/// What the leader knows of the nodes of one group.
struct LaunchGate: Sendable {
    /// Which launch the nodes are examined for.
    struct Subject: Hashable, Sendable {
        let nodes: [NodeID]
        let generation: Generation
        let deployment: UInt64
        /// Whether a rank may move while the group serves: that says nothing of the launch, even where it is of
        /// the same nodes.
        let isForMove: Bool
    }

    let subject: Subject
    /// The examination under way.
    var round: (number: UInt64, begunAt: Instant)?
    /// What the last one found; nil before the first has ended.
    var findings: [GateFinding]?
    /// When the last one had ended.
    var foundAt = Instant.zero
    var looks = 0
    /// When to look again; nil while no launch is near.
    var due: Instant?

    init(_ subject: Subject) {
        self.subject = subject
    }

    /// What keeps the group from being launched; nil as long as that is not known.
    var obstacles: [GateFinding]? { findings?.filter { $0.standing == .blocks } }
}

/// That examinations for a group have told of a node that it cannot run a rank.
struct Illness: Sendable {
    struct Key: Hashable, Sendable {
        let group: GroupName
        let node: NodeID
    }

    /// Since when every one has.
    var since: Instant
    /// When the last one has.
    var seenAt: Instant
}

extension NodeMachine {
    /// Findings are for people, and stand in every view.
    private static let findingsLimit = 40

    /// Only the real engine needs dies; the others find out about their ports when they begin. What an
    /// operator's own command needs, the operator knows.
    private func hasGate(_ group: PlannedGroup) -> Bool {
        guard group.role.isEngine, let engine = state.deployment?.engine else { return false }
        switch engine {
        case .sglang: return true
        case .rehearsal: return false
        case .command: return configuration.gatesCommands
        }
    }

    private func subject(of group: PlannedGroup) -> LaunchGate.Subject {
        LaunchGate.Subject(
            nodes: group.ranks.map(\.node), generation: state.record(of: group.name).generation,
            deployment: state.deploymentSerial, isForMove: !newcomers(to: group).isEmpty)
    }

    /// The nodes on which a group that has served and runs is to have ranks, and has none yet.
    private func newcomers(to group: PlannedGroup) -> [NodeID] {
        let record = state.record(of: group.name)
        guard hasServed(record), let launched = record.launched else { return [] }
        return group.ranks.map(\.node).filter { launched.rank(of: $0) == nil }
    }

    /// Why a rank of a group that serves does not move yet: the node that is to have it cannot run it, or
    /// nobody has looked.
    func obstacle(toMoving record: GroupRecord) -> String? {
        guard let group = state.plan?.group(record.name) else { return nil }
        let newcomers = newcomers(to: group)
        // What stands on a node that runs the group already did not keep it from running.
        return newcomers.isEmpty
            ? nil : obstacle(to: group) { $0.node.map(newcomers.contains) ?? true }
    }

    /// Why a group cannot be launched, by what was found on its nodes.
    func obstacle(
        to group: PlannedGroup?, counting counts: (GateFinding) -> Bool = { _ in true }
    ) -> String? {
        guard let group, hasGate(group) else { return nil }
        guard let gate = leadership?.gates[group.name], gate.subject == subject(of: group),
            let obstacles = gate.obstacles?.filter(counts)
        else { return "for its nodes to be examined" }
        guard let first = obstacles.first else {
            let isFresh = now < gate.foundAt + configuration.gateAge
            return isFresh ? nil : "for its nodes to be examined again"
        }
        let place = first.node.map { "for \($0): " } ?? "because "
        let more = obstacles.count > 1 ? ", and \(obstacles.count - 1) more" : ""
        return "\(place)\(first.text)\(more) (check \(first.check.number); "
            + "`glm-agent doctor` tells what to do)"
    }

    /// Has the nodes of a group examined where its launch is near and what is known of them is old.
    mutating func examine(_ group: PlannedGroup?, isLaunchNear: Bool) {
        guard let group else { return }
        guard isLaunchNear || !newcomers(to: group).isEmpty, hasGate(group) else {
            leadership?.gates[group.name]?.due = nil
            return
        }
        let subject = subject(of: group)
        var gate = leadership?.gates[group.name] ?? LaunchGate(subject)
        if gate.subject != subject { gate = LaunchGate(subject) }
        // An examination always ends; one that nobody hears of is given up all the same.
        let limit = configuration.examinationTimeout * 6
        if let round = gate.round, round.begunAt + limit <= now { gate.round = nil }
        if gate.round == nil, nextLook(of: gate) <= now {
            gateRounds += 1
            gate.round = (gateRounds, now)
            actions.append(
                .examineGroup(
                    group.name, subject.nodes, reaching: servedPorts(neededBy: group),
                    round: gateRounds))
        }
        gate.due = gate.round.map { $0.begunAt + limit } ?? nextLook(of: gate)
        leadership?.gates[group.name] = gate
    }

    /// What the ranks of a group will dial of groups that serve already: the transfer store, and of every
    /// prefill group the bootstrap server, where this one decodes.
    private func servedPorts(neededBy group: PlannedGroup) -> [DialTarget] {
        (state.plan?.groups ?? []).flatMap { planned -> [DialTarget] in
            guard planned.name != group.name,
                leadership?.conditions[planned.name]?.condition == .ready,
                let other = state.record(of: planned.name).launched,
                let node = other.ranks.first?.node
            else { return [] }
            let store = other.name == state.plan?.storeOwner ? group.store : nil
            let bootstrap = group.role == .decode ? other.bootstrap : nil
            return [store, bootstrap].compactMap { $0 }.map { DialTarget(node: node, endpoint: $0) }
        }
    }

    /// A driver gives memory back within seconds, so the first looks come quickly.
    private func nextLook(of gate: LaunchGate) -> Instant {
        guard let obstacles = gate.obstacles else { return now }
        guard obstacles.isEmpty else {
            return gate.foundAt + min(configuration.gateInterval, .seconds(gate.looks))
        }
        return gate.foundAt + configuration.gateAge * 2 / 3
    }

    mutating func groupExamined(
        _ group: GroupName, round number: UInt64, _ findings: [GateFinding]
    ) {
        guard var gate = leadership?.gates[group], gate.round?.number == number else { return }
        gate.round = nil
        gate.findings = Array(findings.prefix(Self.findingsLimit))
        gate.foundAt = now
        gate.looks += 1
        leadership?.gates[group] = gate
        noteIllness(of: group, gate.subject.nodes, findings)
        hasNews = true
    }

    // MARK: - Nodes that cannot run anything

    /// How long a node is remembered that nobody examines any more.
    static let illnessMemory = Duration.seconds(600)

    /// What is found between nodes tells of none of them that another would do better in its place.
    private mutating func noteIllness(
        of group: GroupName, _ nodes: [NodeID], _ findings: [GateFinding]
    ) {
        for node in nodes {
            let key = Illness.Key(group: group, node: node)
            let finding = findings.first {
                $0.node == node && $0.standing == .blocks && $0.check.isOfOneNode
            }
            guard let finding else {
                leadership?.ill[key] = nil
                continue
            }
            let wasIll = isIll(node)
            var illness = leadership?.ill[key] ?? Illness(since: now, seenAt: now)
            if now - illness.seenAt > configuration.gateInterval * 3 { illness.since = now }
            illness.seenAt = now
            leadership?.ill[key] = illness
            if !wasIll, isIll(node), !isUsable(node) {
                actions.append(
                    .log(
                        .warning,
                        "\(node) cannot run a rank of \(group), and is passed over where another "
                            + "can: \(finding.text)"))
            }
        }
    }

    /// Whether something has stood in the way on a node for as long as an engine may answer nothing: a driver gives
    /// devices back sooner.
    func isIll(_ node: NodeID) -> Bool {
        guard let leadership else { return false }
        return leadership.ill.contains { key, illness in
            key.node == node && now - illness.seenAt < Self.illnessMemory
                && illness.seenAt - illness.since >= configuration.supervision.unresponsiveAfter
        }
    }

    // MARK: - Told

    /// What operators should know of the nodes though it keeps nothing from being launched: one sentence for
    /// what several nodes or checks have in common.
    var gateNotes: [String] {
        view.groups.flatMap { group in
            group.gate.notes(.accepted) { "accepted by launch_gate: \($0)" }
                + group.gate.notes(.unknown) { "the launch gate could not find out: \($0)" }
        }
        .uniqued
    }
}

extension [GateFinding] {
    fileprivate func notes(
        _ standing: GateFinding.Standing, _ text: (String) -> String
    ) -> [String] {
        let findings = filter { $0.standing == standing }
        return findings.map(\.text).uniqued.map { evidence in
            let nodes = findings.filter { $0.text == evidence }.compactMap(\.node?.name).uniqued
            let place = nodes.isEmpty ? "" : " (\(nodes.joined(separator: ", ")))"
            return text(evidence) + place
        }
    }
}

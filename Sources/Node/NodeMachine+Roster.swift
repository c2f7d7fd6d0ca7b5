// What the leader does about who takes part. The roster is what the operator wants; the participants of
// the log follow it one step at a time: who is new learns first and votes once it has the log, who was
// removed loses its vote first, and leaves once it has ended what it runs and knows why.

import Base
import ClusterState
import Consensus
import Membership
import Planning
import Supervision
import WireProtocol
import YAML

extension NodeMachine {
    mutating func reconcileRoster() {
        guard leadership?.underway[.participants] == nil else { return }
        if let due = leadership?.participantsDue {
            guard due <= now else { return }
            leadership?.participantsDue = nil
        }
        guard state.roster.isAgreed else { return enrol() }
        guard consensus.hasRecordedParticipants else { return change(.record) }
        guard consensus.participants == consensus.agreedParticipants else { return }
        let entries = state.roster.entries
        let step = VoterPolicy(voterLimit: NodeConfiguration.voterLimit).nextChange(
            of: consensus.participants,
            configured: entries.filter(\.mayVote).map(\.node.node),
            learning: entries.filter { !$0.mayVote }.map(\.node.node),
            leaving: Set(leaving.filter { !mayGo($0) }), healthy: healthyNodes,
            leader: configuration.local)
        if let step { change(step) }
    }

    private mutating func change(_ change: ParticipantsChange) {
        let proposal = requests.newProposal(for: .leader(.participants))
        leadership?.underway[.participants] = proposal
        driveConsensus(.change(change, proposal))
    }

    /// After a refusal the next try waits for a moment: whoever lags needs time to catch up.
    mutating func participantsRefused() {
        leadership?.participantsDue = now + .seconds(1)
    }

    // MARK: - The beginning

    /// The files rule until the roster does. An agent of an earlier version could not read it, so every
    /// node must have told first that it can; one that stays away is not waited for.
    private mutating func enrol() {
        guard let leadership else { return }
        let others = configuration.nodes.map(\.node).filter { $0 != configuration.local }
        let present = others.filter { absentSince($0) == nil }
        let unheard = present.filter { !roster.speakers.contains($0) }
        let isComplete = present.count == others.count
        guard unheard.isEmpty, isComplete || now >= leadership.since + configuration.planGrace
        else {
            self.leadership?.participantsDue = now + configuration.reportInterval
            for node in unheard { tellRoster(to: node) }
            return
        }
        propose(.enrol(configuration.nodes), about: .roster)
    }

    // MARK: - Who is fit

    /// A vote changes hands only for a node that is gone for good measure, and goes to one that has
    /// been there for a while.
    private var healthyNodes: Set<NodeID> {
        Set(
            state.roster.nodes.map(\.node).filter { node in
                if node == configuration.local { return true }
                guard let gone = absentSince(node) else {
                    let since = member(node)?.since ?? now
                    return consensus.quorum.contains(node)
                        || since + configuration.voterTrial <= now
                }
                return consensus.quorum.contains(node)
                    && now - gone < configuration.voterGrace
            })
    }

    /// Who was removed and still takes part in the log.
    private var leaving: [NodeID] {
        consensus.participants.all.filter { !state.roster.contains($0) }
    }

    /// Whether a node that was removed may be cut off: nothing that runs needs it, and it has ended what
    /// it ran and knows that it was removed, or is not there to be asked.
    private func mayGo(_ node: NodeID) -> Bool {
        guard !consensus.quorum.contains(node), runningGroup(on: node) == nil else { return false }
        guard node != configuration.local, absentSince(node) == nil else { return true }
        guard let report = leadership?.reports[node], report.applied >= roster.changedAt else {
            return false
        }
        return report.shards.allSatisfy { $0.state == .exited || $0.state == .stopped }
    }

    /// A group that runs and in which the node holds a rank.
    func runningGroup(on node: NodeID) -> (group: GroupName, rank: NodeRank)? {
        for record in state.groups where record.phase == .running {
            if let rank = record.launched?.rank(of: node) { return (record.name, rank) }
        }
        return nil
    }

    /// Why a group that does not run cannot be launched as it is planned; nil where its nodes are all
    /// nodes of the cluster.
    func strangerPrerequisite(of group: PlannedGroup?) -> String? {
        guard let group, state.roster.isAgreed,
            let stranger = group.ranks.map(\.node).first(where: { !state.roster.contains($0) })
        else { return nil }
        return "for a node in place of \(stranger), which was removed"
    }

    // MARK: - The operator

    /// Takes an order about the nodes, if this node leads and it is safe.
    mutating func order(_ order: MembersOrder, for origin: Requests.Origin) {
        if let (refusal, text) = objection(to: order) {
            let advice = refusal == .notFound ? Advice.nodes : nil
            tell(origin, .refused(refusal, text, advice: advice))
            return
        }
        switch order {
        case .add(let node): propose(Command(.admit(node), at: wall), for: origin)
        case .remove(let node, _): propose(Command(.dismiss(node), at: wall), for: origin)
        case .promote(let node):
            propose(Command(.seat(node, mayVote: true), at: wall), for: origin)
        case .demote(let node):
            propose(Command(.seat(node, mayVote: false), at: wall), for: origin)
        case .lead(let node):
            let proposal = requests.newProposal(for: origin)
            driveConsensus(.transferLeadership(to: node, proposal))
        }
    }

    private typealias Objection = (refusal: Refusal, text: String)

    private func objection(to order: MembersOrder) -> Objection? {
        guard consensus.role == .leader else {
            return (.unavailable, "this node leads no more: ask again")
        }
        guard knowsWhatIsAgreed, state.roster.isAgreed else {
            let unheard = configuration.nodes.map(\.node).filter {
                $0 != configuration.local && !roster.speakers.contains($0)
            }
            let names = unheard.map(\.name).joined(separator: ", ")
            return (
                .unavailable,
                "who the nodes are is not agreed on yet"
                    + (names.isEmpty ? ": try again in a moment" : "; it waits for \(names)")
            )
        }
        switch order {
        case .add(let node):
            return state.reasonNotToAdmit(node).map { (.unsafe, $0) }
        case .remove(let node, let isForced):
            return unknownNode(node) ?? objection(toRemoving: node, isForced: isForced)
        case .promote(let node): return unknownNode(node) ?? objection(toPromoting: node)
        case .demote(let node): return unknownNode(node) ?? objection(toDemoting: node)
        case .lead(let node): return unknownNode(node) ?? objection(toLeading: node)
        }
    }

    private func unknownNode(_ node: NodeID) -> Objection? {
        guard !state.roster.contains(node) else { return nil }
        let known = state.roster.nodes.map(\.node.name)
        return (.notFound, unknown("node", node.name, known: known))
    }

    private func objection(toRemoving node: NodeID, isForced: Bool) -> Objection? {
        if state.roster.entries.count == 1 {
            return (.unsafe, "\(node) is the last node of the cluster")
        }
        if let objection = objection(toVotesWithout: node) { return objection }
        guard !isForced, let (group, rank) = runningGroup(on: node) else { return nil }
        return (
            .unsafe,
            "\(node) holds rank \(rank) of \(group), which runs: stop that first (glm-agent stop "
                + "\(group)), or say --force: its generation ends, and the next is launched with "
                + "another node, if there is one"
        )
    }

    private func objection(toDemoting node: NodeID) -> Objection? {
        guard state.roster.entry(of: node)?.mayVote == true else {
            return (.unsafe, "\(node) only learns already")
        }
        return objection(toVotesWithout: node)
    }

    /// Votes are counted with what answers now; changes that are under way come first.
    private func objection(toVotesWithout node: NodeID) -> Objection? {
        let isOthers = state.roster.entries.contains { $0.mayVote && $0.node.node != node }
        guard isOthers else {
            return (
                .unsafe,
                "no other node may vote: let one first (glm-agent members promote NODE)"
            )
        }
        guard consensus.quorum.contains(node) else { return nil }
        switch consensus.refusal(of: .demote(node), at: now) {
        case nil: return nil
        case .noMajorityAfterwards(let answering, let need):
            return (
                .unsafe,
                "without \(node), \(answering) of the voters answer and \(need) are needed, so nothing "
                    + "could be agreed on any more: bring nodes back first, or remove one that is gone"
            )
        case .lastVoter?:
            return (
                .unsafe,
                "\(node) is the only voter yet: wait until another votes, as "
                    + "`glm-agent members` shows"
            )
        case let refusal?: return (.unavailable, "\(refusal)")
        }
    }

    private func objection(toPromoting node: NodeID) -> Objection? {
        if state.roster.entry(of: node)?.mayVote == false { return nil }
        guard !consensus.quorum.contains(node) else { return (.unsafe, "\(node) votes already") }
        let limit = NodeConfiguration.voterLimit
        guard consensus.quorum.voters.count < limit else {
            let voters = consensus.quorum.voters.map(\.name).joined(separator: ", ")
            return (
                .unsafe,
                "\(limit) nodes vote already (\(voters)), and more would not be safer: for \(node) to "
                    + "vote, let another learn (glm-agent members demote NODE)"
            )
        }
        return (
            .unsafe, "\(node) may vote already, and does as soon as it is there and has the log"
        )
    }

    private func objection(toLeading node: NodeID) -> Objection? {
        if node == configuration.local { return (.unsafe, "\(node) leads already") }
        guard consensus.quorum.contains(node) else {
            return (
                .unsafe,
                "\(node) does not vote, and only a voter can lead; the voters are "
                    + consensus.quorum.voters.map(\.name).joined(separator: ", ")
            )
        }
        guard absentSince(node) == nil else {
            return (.unsafe, "the agent of \(node) is not there: it cannot lead")
        }
        return nil
    }
}

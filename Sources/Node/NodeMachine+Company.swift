// Whom this node talks to: the nodes of the cluster by the newest roster that it knows, and those that
// still take part in the log though they are on their way out. The agreed state says it; before this node
// has applied what its disk holds, the disk does, agreed or not; before there is a roster, its file. And a
// node that was away is told by any other what has changed, or it might not know the very node that leads.
//
// Hearing of a roster decides nothing: it only opens doors. A node that hears that it takes part no more
// judges nobody and ends what is over; the log alone makes it a member, and the log alone takes its vote.

public import Base
import CBOR
public import ClusterState
import Consensus
import Membership
import Supervision
import WireProtocol

/// Whom a node talks to.
struct Company: Equatable, Sendable {
    /// The nodes of the cluster, in the operator's order.
    var members: [ConfiguredNode]
    /// These, and those that were removed and still take part in the log.
    var everyone: [ConfiguredNode]
    /// Who was removed for good: let in to be told so, and not dialled.
    var departed: [ConfiguredNode]

    /// Works it out from the newest roster that is known; without one the file of this node rules.
    init(file: [ConfiguredNode], roster: Roster, news: RosterNews?, participants: [Participants]) {
        let isNewsNewer = news.map { $0.serial > roster.serial } ?? false
        members =
            isNewsNewer ? news?.nodes ?? [] : roster.isAgreed ? roster.nodes : file
        var known = members
        for node in participants.flatMap(\.all) where !known.contains(where: { $0.node == node }) {
            let place =
                roster.knownNode(node) ?? news?.nodes.first { $0.node == node }
                ?? file.first { $0.node == node }
            if let place { known.append(place) }
        }
        everyone = known
        departed = roster.departures.map(\.node).filter { gone in
            !known.contains { $0.node == gone.node }
        }
    }

    func contains(_ node: NodeID) -> Bool { everyone.contains { $0.node == node } }
}

/// What a node knows of the roster beside what it has applied.
struct RosterKnowledge: Sendable {
    /// As the disk held it at the start, whether agreed or not; nil once this node has caught up.
    var onDisk: Roster?
    /// The newest that was heard of and is newer than what is applied.
    var news: RosterNews?
    /// The newest that was heard of and has no place for this node.
    var dismissal: RosterNews?
    /// Up to which generation each group is over, by what was heard.
    var fences: [GroupName: Generation] = [:]
    /// Where the roster changed last.
    var changedAt = LogIndex.zero
    /// Who has ever told its roster in this run, and so can read commands about one.
    var speakers: Set<NodeID> = []
    /// When a node that was removed was last told so because it still asked.
    var remindedAt: [NodeID: Instant] = [:]
    /// What the company was worked out from.
    var sources: Sources?

    struct Sources: Equatable, Sendable {
        let serials: [UInt64]
        let participants: [Participants]
        let news: RosterNews?
    }
}

extension Roster {
    /// What a disk holds, as if all of it were agreed on.
    init(on disk: DurableState) {
        var state = ReplicatedState()
        if let snapshot = disk.snapshot, let value = try? CBORValue(decoding: snapshot.state),
            let restored = try? ReplicatedState(cbor: value)
        {
            state = restored
        }
        for entry in disk.entries {
            guard case .command(let bytes) = entry.payload,
                let value = try? CBORValue(decoding: bytes),
                let command = try? Command(cbor: value), command.action.changesRoster
            else { continue }
            state.apply(command)
        }
        self = state.roster
    }
}

extension Command.Action {
    fileprivate var changesRoster: Bool {
        switch self {
        case .enrol, .admit, .dismiss, .seat, .recoverAlone: true
        case .deploy, .plan, .launch, .end, .settle, .stop, .start, .restart, .elected, .joined,
            .lost, .serves, .amend, .cordon, .uncordon, .apply:
            false
        }
    }
}

extension NodeMachine {
    /// The nodes of the cluster, in the operator's order.
    public var members: [ConfiguredNode] { company.members }

    /// Whom this node dials, and lets in.
    public var contacts: [ConfiguredNode] {
        company.everyone.filter { $0.node != configuration.local }
    }

    /// Whom this node lets in, to tell them that they take part no more.
    public var departed: [ConfiguredNode] {
        company.departed.filter { $0.node != configuration.local }
    }

    /// The newest roster of this node's own log.
    private var ownRoster: Roster {
        guard let onDisk = roster.onDisk, onDisk.serial > state.roster.serial else {
            return state.roster
        }
        return onDisk
    }

    /// True where others have said that this node takes part no more. It begins nothing; as long as its own log
    /// has it as a voter it still asks for votes.
    public var isDismissed: Bool { roster.dismissal != nil }

    /// Looks whether anything has changed of which the company follows.
    mutating func refreshCompany() {
        let sources = RosterKnowledge.Sources(
            serials: [state.roster.serial, roster.onDisk?.serial ?? 0],
            participants: [consensus.participants, consensus.agreedParticipants],
            news: roster.news)
        guard sources != roster.sources else { return }
        let isFirst = roster.sources == nil
        // What is agreed is told also where it changes nothing here: others may have nothing but their file.
        let isNewlyAgreed = state.roster.isAgreed && roster.sources?.serials != sources.serials
        roster.sources = sources
        let before = company
        company = Company(
            file: configuration.nodes, roster: ownRoster, news: roster.news,
            participants: sources.participants)
        guard company != before || isFirst else {
            if isNewlyAgreed { tellRosterToAll() }
            return
        }
        for node in before.everyone.map(\.node) where !company.contains(node) {
            forgetReports(of: node)
            leadership?.understood[node] = nil
            leadership?.inventories[node] = nil
        }
        driveMembership(.configure(company.everyone.map(\.node)))
        actions.append(.connect(to: contacts, accepting: departed))
        hasNews = true
        hasShardNews = true
        if state.roster.isAgreed { tellRosterToAll() }
    }

    // MARK: - Telling and hearing

    private mutating func tellRosterToAll() {
        for node in contacts + departed { tellRoster(to: node.node) }
    }

    /// What this node has applied of the roster; before there is one, that it knows of rosters.
    mutating func tellRoster(to node: NodeID) {
        var fences: [RosterNews.Fence] = []
        if state.roster.isAgreed, !company.contains(node) {
            fences = state.groups.map { record in
                let isRunning = record.phase == .running
                return RosterNews.Fence(
                    group: record.name,
                    generation: Generation(record.generation.value - (isRunning ? 1 : 0)))
            }
        }
        let nodes = state.roster.isAgreed ? company.everyone : []
        let news = RosterNews(serial: state.roster.serial, nodes: nodes, fences: fences)
        send(.roster(news), to: node)
    }

    /// A node that was removed and still asks who lives has not understood yet.
    mutating func remind(_ node: NodeID) {
        guard company.departed.contains(where: { $0.node == node }),
            roster.remindedAt[node].map({ now - $0 >= .seconds(1) }) ?? true
        else { return }
        roster.remindedAt[node] = now
        tellRoster(to: node)
    }

    mutating func heardRoster(_ news: RosterNews, from sender: NodeID) {
        if roster.speakers.insert(sender).inserted { hasNews = true }
        guard news.serial > 0 else {
            // A leader that says so wants to hear whether this node knows of rosters.
            if sender == consensus.leader { tellRoster(to: sender) }
            return
        }
        guard news.serial >= state.roster.serial else { return }
        if news.nodes.contains(where: { $0.node == configuration.local }) {
            heardOfMembers(news)
        } else if !state.roster.contains(configuration.local)
            || news.serial > state.roster.serial
        {
            heardOfDismissal(news, from: sender)
        }
    }

    private mutating func heardOfMembers(_ news: RosterNews) {
        if let dismissal = roster.dismissal, news.serial > dismissal.serial {
            roster.dismissal = nil
        }
        guard news.serial > max(state.roster.serial, roster.news?.serial ?? 0) else { return }
        roster.news = news
    }

    private mutating func heardOfDismissal(_ news: RosterNews, from sender: NodeID) {
        guard news.serial >= roster.dismissal?.serial ?? 0 else { return }
        if roster.dismissal == nil {
            let text =
                hasTakenPart
                ? "this node was removed from the cluster, says \(sender); it begins nothing and ends "
                    + "what is over"
                : "this node waits to be taken into the cluster, of which it has found \(sender)"
            actions.append(.log(.warning, text))
        }
        roster.dismissal = news
        for fence in news.fences {
            roster.fences[fence.group] = max(
                roster.fences[fence.group] ?? .none, fence.generation)
        }
        hasShardNews = true
    }

    /// The roster has changed in the log, at that place.
    mutating func rosterChanged(at index: LogIndex) {
        roster.changedAt = index
        // The leader forgets what it heard of a node that goes, and may take it in again.
        lastReport = nil
        hasSightingNews = true
        retellInventory()
        if let news = roster.news, news.serial <= state.roster.serial { roster.news = nil }
        if let dismissal = roster.dismissal, state.roster.contains(configuration.local),
            state.roster.serial > dismissal.serial
        {
            roster.dismissal = nil
            actions.append(.log(.info, "this node was taken into the cluster again"))
        }
    }

    // MARK: - A node without a place

    /// Whether a generation is over by what others have said.
    public func isFenced(_ shard: ShardID) -> Bool {
        roster.fences[shard.group].map { shard.generation <= $0 } ?? false
    }

    /// Whether this node was ever a node of the cluster.
    private var hasTakenPart: Bool {
        state.roster.isAgreed || roster.onDisk?.isAgreed == true || applied > .zero
    }

    /// Whether this node knows that it is none of the cluster.
    public var isOutside: Bool { outsideText != nil }

    /// Why this node is none of the cluster, and what to do; nil where it is one.
    var outsideText: String? {
        let add =
            "on a node of the cluster: glm-agent members add \(configuration.local) "
            + (configuration.nodes.first { $0.node == configuration.local }?.address ?? "ADDRESS")
        let isRemoved =
            isDismissed
            || isCaughtUp && state.roster.isAgreed && !state.roster.contains(configuration.local)
        if isRemoved, hasTakenPart {
            return "this node was removed from the cluster: stop its agent for good "
                + "(systemctl disable --now glm-agent), or take it in again, \(add)"
        }
        if isRemoved || configuration.joins && consensus.participants.all.isEmpty {
            return "this node waits to be taken into the cluster; \(add)"
        }
        return nil
    }

    /// How this node's file differs from the roster, for people; empty where it does not.
    var fileNotes: [String] {
        guard isCaughtUp, state.roster.isAgreed, state.roster.contains(configuration.local) else {
            return []
        }
        var differences: [String] = []
        for listed in configuration.nodes {
            guard let known = state.roster.entry(of: listed.node)?.node else {
                differences.append(
                    "names \(listed.node) (\(listed.address)), which is none of its nodes")
                continue
            }
            if known.address != listed.address {
                differences.append(
                    "has \(listed.node) at \(listed.address), and it is at \(known.address)")
            }
            if known.superPod != listed.superPod {
                let (own, agreed) = (listed.superPod ?? "none", known.superPod ?? "none")
                differences.append(
                    "has super_pod \(own) for \(listed.node), and \(agreed) is agreed")
            }
        }
        for known in state.roster.nodes
        where !configuration.nodes.contains(where: { $0.node == known.node }) {
            differences.append("lacks \(known.node) (\(known.address))")
        }
        guard !differences.isEmpty else { return [] }
        return [
            Self.fileNoteStart + differences.joined(separator: ", ")
                + "; the cluster goes by what is agreed: make `nodes` the same, or use "
                + "`glm-agent members add` and `remove`"
        ]
    }

    /// How a note about a file begins.
    static let fileNoteStart = "its file differs from the cluster: it "
}

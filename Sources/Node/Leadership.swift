// What a node remembers while it leads. All of it is rebuilt from reports by the next leader; what
// must outlive a leader is in the replicated state.

import Base
import Consensus
import Supervision
import WireProtocol

struct Leadership: Sendable {
    let since: Instant
    var reports: [NodeID: NodeReport] = [:]
    /// When each node has reported last, or came back.
    var heardAt: [NodeID: Instant] = [:]
    /// Whom it has asked last to lead instead.
    var handsOverTo: NodeID?
    /// When to ask the next one, where that one has not come to lead.
    var handoverDue: Instant?
    /// When this node was stopped or starved last: who was not heard then may have spoken.
    var inTimeSince = Instant.zero
    var sightings: [NodeID: NodeSightings] = [:]
    /// Which commands each node has told that it understands, kept also of those that are gone.
    var understood: [NodeID: UInt64] = [:]
    /// What nodes have told that they are, kept also of those that are gone.
    var inventories: [NodeID: ToldInventory] = [:]
    var amendments: [GroupName: Amendment] = [:]
    var machines: [GroupName: GroupMachine] = [:]
    var conditions: [GroupName: GroupSummary] = [:]
    /// What was found on the nodes of groups before their last launch, or is looked for before the next.
    var gates: [GroupName: LaunchGate] = [:]
    /// What keeps nodes from running ranks, by the last examination.
    var ill: [Illness.Key: Illness] = [:]
    /// The groups for which an operator has been called.
    var complaints: Set<GroupName> = []
    /// Proposals on their way, so that nothing is proposed twice.
    var underway: [Subject: ProposalID] = [:]
    /// How long decode needs to notice that a prefill group is gone.
    var decodePatience = Duration.zero
    /// Why there is no plan, or no new one.
    var planFailure: String?
    var planAgainAt: Instant?
    /// When the participants are looked at again though nothing has happened.
    var participantsDue: Instant?
    var viewDue: Instant
    var lastView: LeaderView?

    init(since: Instant) {
        self.since = since
        viewDue = since
    }

    /// When something must be judged again though nothing has happened.
    var nextDeadline: Instant? {
        ([viewDue, planAgainAt, participantsDue] + machines.values.map(\.nextDeadline)
            + amendments.values.map(\.due) + gates.values.map(\.due)).compactMap { $0 }.min()
    }

    /// What a proposal is about. One proposal at a time for each.
    enum Subject: Hashable, Sendable {
        case deployment, plan, election, members, roster, participants, succession
        case group(GroupName)
    }
}

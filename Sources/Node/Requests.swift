// Questions under way: proposals that wait for their commit, and requests that wait for another
// node. Every one is answered, if only by a refusal when its time is up.

import Base
import Consensus
import WireProtocol

struct Requests: Sendable {
    /// Who is told what became of a proposal.
    enum Origin: Hashable, Sendable {
        case leader(Leadership.Subject)
        case local(RequestID)
        case peer(NodeID, RequestID)
    }

    struct Proposal: Sendable {
        let origin: Origin
        var index: LogIndex?
        var term: Term?
    }

    /// A request to another node, on behalf of a local one.
    struct Forwarded: Sendable {
        let local: RequestID
        let node: NodeID
        let isExamination: Bool
        /// What it asks for may be done though no answer comes.
        let isOrder: Bool
        let deadline: Instant
    }

    private var lastProposal: UInt64 = 0
    /// Begins anywhere, so that an answer to an earlier life of this node means nothing to it.
    private var lastForwarded: UInt64
    var proposals: [ProposalID: Proposal] = [:]
    var forwarded: [RequestID: Forwarded] = [:]
    /// When local proposals are given up.
    var localDeadlines: [RequestID: Instant] = [:]
    private var lastRead: UInt64 = 0
    /// Who waits for a majority to confirm this leader.
    var reads: [ReadID: Origin] = [:]
    /// Local requests that wait until this node has applied so much.
    var awaited: [RequestID: LogIndex] = [:]

    init(lastForwarded: UInt64) {
        self.lastForwarded = lastForwarded
    }

    var nextDeadline: Instant? {
        (forwarded.values.map(\.deadline) + localDeadlines.values).min()
    }

    mutating func newProposal(for origin: Origin) -> ProposalID {
        lastProposal += 1
        let proposal = ProposalID(lastProposal)
        proposals[proposal] = Proposal(origin: origin)
        return proposal
    }

    mutating func newRead(for origin: Origin) -> ReadID {
        lastRead += 1
        let read = ReadID(lastRead)
        reads[read] = origin
        return read
    }

    /// Forgets a local request; true if it waited for a confirmation.
    mutating func stopsWaiting(_ id: RequestID) -> Bool {
        let asked = reads.filter { $0.value == .local(id) }.map(\.key)
        for read in asked { reads[read] = nil }
        return awaited.removeValue(forKey: id) != nil || !asked.isEmpty
    }

    mutating func proposed(_ proposal: ProposalID, at index: LogIndex, in term: Term) {
        proposals[proposal]?.index = index
        proposals[proposal]?.term = term
    }

    mutating func forward(
        _ local: RequestID, _ request: PeerRequest, to node: NodeID, deadline: Instant
    ) -> RequestID {
        let isExamination = if case .examine = request { true } else { false }
        let isOrder =
            switch request {
            case .propose, .members, .examine(.strike): true
            case .log, .examine, .inventory, .confirm: false
            }
        lastForwarded += 1
        let id = RequestID(lastForwarded)
        forwarded[id] = Forwarded(
            local: local, node: node, isExamination: isExamination, isOrder: isOrder,
            deadline: deadline)
        return id
    }
}

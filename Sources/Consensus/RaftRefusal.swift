// Why a leader, or a node that is none, does not take what it was asked.

public import Base

/// Why a question was not taken or given up. Nothing has changed by it.
public enum RaftRefusal: Error, Hashable, Sendable {
    /// Only the leader can; it is the one to ask, where known.
    case notLeader(NodeID?)
    /// Too many entries or reads wait for a majority: try again later.
    case tooMuchUncommitted
    /// The command does not fit into a message.
    case tooLong(bytes: Int, limit: Int)
    /// Leadership is being handed over: ask again in a moment.
    case transferring(to: NodeID)

    // Changes of the participants.

    /// The leader has not committed anything of its own term yet, so an earlier change may still
    /// be on its way (thesis 4.1, as corrected in 2015): ask again in a moment.
    case newLeader
    /// The change at that place is not committed yet, and there is one at a time.
    case changeUnderWay(LogIndex)
    case takesPartAlready(NodeID)
    case takesNoPart(NodeID)
    case noLearner(NodeID)
    case noVoter(NodeID)
    /// The participants stand in the log already.
    case recordedAlready
    case lastVoter(NodeID)
    /// The learner lacks that many entries, or has not been heard of late; as a voter it would
    /// hold up commits until it has them.
    case lagging(NodeID, entries: UInt64)
    /// Of the voters that there would be, fewer than a majority answer: the change could never be
    /// committed.
    case noMajorityAfterwards(answering: Int, need: Int)
    /// A disk of that voter counts already.
    case remembersAlready(NodeID)

    // Transfers and reads.

    /// This node leads already, or nobody else could.
    case nobodyToTransferTo
    /// The node did not catch up or did not win within an election timeout; this node leads on.
    case transferTimedOut(NodeID)
    /// No majority confirmed within an election timeout that this node still leads.
    case unconfirmed
}

extension RaftRefusal: CustomStringConvertible {
    public var description: String {
        switch self {
        case .notLeader(let leader?): "this node does not lead; \(leader) does: ask there"
        case .notLeader(nil): "no leader is known: ask again once a majority is in contact"
        case .tooMuchUncommitted: "too much waits for a majority already: try again later"
        case .tooLong(let bytes, let limit):
            "the command has \(bytes) bytes, and at most \(limit) fit into a message"
        case .transferring(let node):
            "leadership is being handed over to \(node): try again in a moment"
        case .newLeader: "the leader has only just taken office: try again in a moment"
        case .changeUnderWay(let index):
            "the change at log index \(index) is not committed yet, and there is one at a time: "
                + "try again once it is"
        case .takesPartAlready(let node): "\(node) takes part already"
        case .takesNoPart(let node): "\(node) does not take part"
        case .noLearner(let node): "\(node) is no learner; add it as one first"
        case .noVoter(let node): "\(node) is no voter"
        case .recordedAlready: "the participants stand in the log already"
        case .lastVoter(let node):
            "\(node) is the last voter; promote another node first, or nothing could be agreed on"
        case .lagging(let node, let entries):
            "\(node) lacks \(entries) log entries or does not answer; promote it once it has "
                + "caught up"
        case .noMajorityAfterwards(let answering, let need):
            "only \(answering) of the voters that there would be answer, and \(need) are needed: "
                + "bring nodes back first, or make learners that answer voters"
        case .remembersAlready(let node): "another disk of \(node) counts still"
        case .nobodyToTransferTo: "there is no other voter to hand leadership to"
        case .transferTimedOut(let node):
            "\(node) did not take over within an election timeout; this node leads on"
        case .unconfirmed:
            "no majority confirmed in time that this node still leads: ask again"
        }
    }
}

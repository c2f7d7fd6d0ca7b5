// What goes into the consensus machine and what comes out. What must be durable before it is said
// leaves as `persist` and comes back as `persisted`; the machine itself holds back every message
// that depends on it, so a shell cannot get the order wrong.

public import Base

/// What can happen to the consensus machine of one node.
public enum RaftInput: Hashable, Sendable {
    /// The deadline that the machine named has come. Early or repeated ticks do no harm.
    case tick
    case received(RaftMessage, from: NodeID)
    /// Every write up to and including this token is on disk.
    case persisted(PersistToken)
    /// Append this command if this node leads; answered by `proposed` or `refused`.
    case propose([UInt8], ProposalID)
    /// Change who takes part, if this node leads; answered like a proposal.
    case change(ParticipantsChange, ProposalID)
    /// Hand leadership to that voter, or to the one that is furthest if nil; answered by
    /// `transferred` or `refused`.
    case transferLeadership(to: NodeID?, ProposalID)
    /// Make sure that what this node has applied, if it leads, is as new as anything that anyone
    /// was told before; answered by `readable` or `unreadable`.
    case read(ReadID)
    /// The application's state as of the index, for compacting the log.
    case compact(upTo: LogIndex, state: [UInt8])
    /// Membership believes that this node's agent is gone. If it is the leader, the next election
    /// is asked for soon instead of after a whole timeout. A wrong suspicion of a few deposes nobody:
    /// the nodes that still hear the leader refuse to vote.
    case leaderSuspected(NodeID)
}

/// What the consensus machine wants done.
public enum RaftAction: Hashable, Sendable {
    case send(RaftMessage, to: NodeID)
    case persist(PersistRequest)
    /// The entry is committed: apply it. Every index once, in order.
    case commit(LogEntry)
    /// Replace the application's state by this snapshot's.
    case restore(Snapshot)
    /// The proposal was appended at that place. It is committed once an entry of that very index
    /// and term is; another term at that index means that it was lost.
    case proposed(ProposalID, LogIndex, Term)
    /// The proposal, the change or the transfer was not taken or given up, and nothing came of it.
    case refused(ProposalID, RaftRefusal)
    /// The successor has been told to campaign and has raised the term: this node leads no more.
    case transferred(ProposalID)
    /// The state as of all commits so far answers the read.
    case readable(ReadID)
    case unreadable(ReadID, RaftRefusal)
    /// A message of that node was none that it could honestly send, and is dropped.
    case rejected(RaftRejection, from: NodeID)
    /// This node leads, and found that out about the disk of a voter.
    case disk(NodeID, DiskNews)
    /// The role, the term or the known leader changed.
    case roleChanged(RaftRole, Term, leader: NodeID?)
}

/// What this node is in the current term.
public enum RaftRole: String, Hashable, Sendable {
    case follower, preCandidate, candidate, leader
}

/// Numbers the writes of one run of a node, rising.
public struct PersistToken: Hashable, Comparable, Sendable {
    public let value: UInt64

    public init(_ value: UInt64) {
        self.value = value
    }

    public static func < (left: PersistToken, right: PersistToken) -> Bool {
        left.value < right.value
    }
}

/// A proposal's name, chosen by the one who proposes.
public struct ProposalID: Hashable, Sendable {
    public let value: UInt64

    public init(_ value: UInt64) {
        self.value = value
    }
}

/// A read's name, chosen by the one who reads.
public struct ReadID: Hashable, Sendable {
    public let value: UInt64

    public init(_ value: UInt64) {
        self.value = value
    }
}

/// One write, done in this order: snapshot, truncation, entries, hard state; then one flush.
public struct PersistRequest: Hashable, Sendable {
    public let token: PersistToken
    /// The snapshot to store; log entries up to its index may be dropped afterwards.
    public let snapshot: Snapshot?
    /// Remove every entry from this index on before appending.
    public let truncateFrom: LogIndex?
    public let entries: [LogEntry]
    public let hardState: HardState?

    public init(
        token: PersistToken, snapshot: Snapshot? = nil, truncateFrom: LogIndex? = nil,
        entries: [LogEntry] = [], hardState: HardState? = nil
    ) {
        self.token = token
        self.snapshot = snapshot
        self.truncateFrom = truncateFrom
        self.entries = entries
        self.hardState = hardState
    }
}

/// What a node finds on its disk at its start.
public struct DurableState: Hashable, Sendable {
    public var hardState: HardState
    public var snapshot: Snapshot?
    /// Consecutive entries; the first follows the snapshot, or is 1.
    public var entries: [LogEntry]

    public init(hardState: HardState, snapshot: Snapshot?, entries: [LogEntry]) {
        self.hardState = hardState
        self.snapshot = snapshot
        self.entries = entries
    }

    public static let empty = DurableState(hardState: .initial, snapshot: nil, entries: [])
}

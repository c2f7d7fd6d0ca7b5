// The messages and records of Raft: Ongaro, Ousterhout: "In Search of an Understandable Consensus
// Algorithm", 2014, and Ongaro's thesis (chapter 9.6 for pre-vote, 6.2 for check-quorum, 4 for
// membership changes, 3.10 for leadership transfer). Entries are opaque bytes.

public import Base

/// A term of office. At most one leader is ever elected in one.
public struct Term: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let value: UInt64

    public init(_ value: UInt64) {
        self.value = value
    }

    public static let zero = Term(0)
    public var next: Term { Term(value + 1) }
    public static func < (left: Term, right: Term) -> Bool { left.value < right.value }
    public var description: String { String(value) }
}

/// A position in the replicated log; the first entry is 1, 0 stands before it.
public struct LogIndex: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let value: UInt64

    public init(_ value: UInt64) {
        self.value = value
    }

    public static let zero = LogIndex(0)
    public var next: LogIndex { LogIndex(value + 1) }
    /// The position before this one. Position 0 has none.
    var previous: LogIndex { LogIndex(value - 1) }
    public static func < (left: LogIndex, right: LogIndex) -> Bool { left.value < right.value }
    public var description: String { String(value) }
}

/// One entry of the replicated log.
public struct LogEntry: Hashable, Sendable {
    public enum Payload: Hashable, Sendable {
        /// What a new leader commits first, so that earlier terms' entries commit too (§5.4.2).
        case leadership
        case command([UInt8])
        /// Who takes part from here on, in force as soon as the entry is in a log (thesis 4.1).
        case participants(Participants)
    }

    public let index: LogIndex
    public let term: Term
    public let payload: Payload

    public init(index: LogIndex, term: Term, payload: Payload) {
        self.index = index
        self.term = term
        self.payload = payload
    }
}

/// What must never be forgotten: the current term and the vote given in it.
public struct HardState: Hashable, Sendable {
    public var term: Term
    public var votedFor: NodeID?

    public init(term: Term, votedFor: NodeID?) {
        self.term = term
        self.votedFor = votedFor
    }

    public static let initial = HardState(term: .zero, votedFor: nil)
}

/// The application's state as of an index, which replaces the log up to there.
public struct Snapshot: Hashable, Sendable {
    public let index: LogIndex
    public let term: Term
    public let state: [UInt8]
    /// The participants as of the index; nil if none were in the log up to there, so that those
    /// that the node started with are in force.
    public let participants: Participants?

    public init(
        index: LogIndex, term: Term, state: [UInt8], participants: Participants? = nil
    ) {
        self.index = index
        self.term = term
        self.state = state
        self.participants = participants
    }
}

/// A part of a snapshot whose state does not fit into one message.
public struct SnapshotPiece: Hashable, Sendable {
    public let index: LogIndex
    public let term: Term
    public let participants: Participants?
    /// Of the whole state.
    public let stateByteCount: UInt64
    /// Where in the state the bytes belong.
    public let offset: UInt64
    public let bytes: [UInt8]

    public init(
        index: LogIndex, term: Term, participants: Participants?, stateByteCount: UInt64,
        offset: UInt64, bytes: [UInt8]
    ) {
        self.index = index
        self.term = term
        self.participants = participants
        self.stateByteCount = stateByteCount
        self.offset = offset
        self.bytes = bytes
    }
}

/// Numbers the rounds of messages by which a leader makes sure that it still leads (thesis 6.4);
/// 0 before the first.
public struct ReadRound: Hashable, Comparable, Sendable {
    public let value: UInt64

    public init(_ value: UInt64) {
        self.value = value
    }

    public static let zero = ReadRound(0)
    var next: ReadRound { ReadRound(value + 1) }
    public static func < (left: ReadRound, right: ReadRound) -> Bool { left.value < right.value }
}

/// A message between Raft peers. `term` is the sender's, but for pre-votes, where it is the term
/// that the sender would campaign for.
public struct RaftMessage: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        case preVoteRequest(lastIndex: LogIndex, lastTerm: Term)
        case preVoteReply(granted: Bool)
        /// `isTransfer`: the leader itself has asked for this campaign, so that hearing the leader
        /// is no reason to refuse.
        case voteRequest(lastIndex: LogIndex, lastTerm: Term, isTransfer: Bool = false)
        case voteReply(granted: Bool)
        /// `round`: the newest round of reads that this message takes part in.
        case append(
            previousIndex: LogIndex, previousTerm: Term, entries: [LogEntry], commit: LogIndex,
            round: ReadRound = .zero)
        /// `matched`: the log agrees with the leader's up to there. On refusal it is a hint where
        /// to try next. `round`: that of the append.
        case appendReply(accepted: Bool, matched: LogIndex, round: ReadRound = .zero)
        case installSnapshot(Snapshot)
        case snapshotReply(matched: LogIndex)
        /// The pieces go one by one, each after the reply to the one before.
        case snapshotPiece(SnapshotPiece)
        /// So many bytes of the snapshot of that index are here.
        case snapshotPieceReply(index: LogIndex, receivedByteCount: UInt64)
        /// From the leader to the one that is to succeed it: campaign at once (thesis 3.10).
        case timeoutNow
    }

    public let term: Term
    public let kind: Kind
    /// Of a promise: the disk that keeps it. Nil in what promises nothing, and from an older agent.
    public let stamp: DiskStamp?

    public init(term: Term, _ kind: Kind, stamp: DiskStamp? = nil) {
        self.term = term
        self.kind = kind
        self.stamp = stamp
    }
}

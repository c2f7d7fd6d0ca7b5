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

    public init(index: LogIndex, term: Term, state: [UInt8]) {
        self.index = index
        self.term = term
        self.state = state
    }
}

/// A message between Raft peers. `term` is the sender's, but for pre-votes, where it is the term
/// that the sender would campaign for.
public struct RaftMessage: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        case preVoteRequest(lastIndex: LogIndex, lastTerm: Term)
        case preVoteReply(granted: Bool)
        case voteRequest(lastIndex: LogIndex, lastTerm: Term)
        case voteReply(granted: Bool)
        case append(
            previousIndex: LogIndex, previousTerm: Term, entries: [LogEntry], commit: LogIndex)
        /// `matched`: the log agrees with the leader's up to there. On refusal it is a hint where
        /// to try next.
        case appendReply(accepted: Bool, matched: LogIndex)
        case installSnapshot(Snapshot)
        case snapshotReply(matched: LogIndex)
    }

    public let term: Term
    public let kind: Kind

    public init(term: Term, _ kind: Kind) {
        self.term = term
        self.kind = kind
    }
}

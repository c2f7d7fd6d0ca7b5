// What a message says that no Raft node in its senses would say. Whoever holds the cluster key can
// speak, so such a message is a bug, another version or a restored state directory on the other
// side; it is dropped and counted, and must never stop or mislead this side. What depends on this
// node's own state is judged where the message is taken.

public import Base

/// Why a message was dropped.
public enum RaftRejection: Hashable, Sendable {
    /// It comes in this node's own name.
    case ownName
    /// A term or index that nobody has honestly counted to.
    case implausibleNumber
    /// Entries with gaps, in falling terms or of the future; a snapshot of nothing or of the
    /// future; a piece outside of its snapshot; a candidate whose log is of the future.
    case inconsistent
    /// It contradicts what is agreed on for ever at that place.
    case contradictsCommitted(LogIndex)
    /// The sender says that it leads the term in which the other node does.
    case secondLeader(Term, first: NodeID)
    /// It confirms or refuses what this leader has never said.
    case answersNothing
    /// Only a leader may say that.
    case notFromLeader
    /// A snapshot of more bytes than are ever taken.
    case tooLong(bytes: UInt64)
}

extension RaftRejection: CustomStringConvertible {
    public var description: String {
        switch self {
        case .ownName: "it comes in this node's own name"
        case .implausibleNumber: "its term or index is one that nobody can have counted to"
        case .inconsistent: "it contradicts itself"
        case .contradictsCommitted(let index):
            "it contradicts the committed entry \(index): a state directory was copied or "
                + "rolled back"
        case .secondLeader(let term, let first):
            "\(first) leads term \(term) already: a state directory was copied or rolled back"
        case .answersNothing: "it answers what was never said"
        case .notFromLeader: "only the leader may say that"
        case .tooLong(let bytes): "its snapshot has \(bytes) bytes, more than are taken"
        }
    }
}

extension RaftMessage {
    /// Far beyond what a cluster can count to, and far below where counting on would overflow.
    static let countLimit: UInt64 = 1 << 62
    /// How far a term may lie ahead: a message that used up the terms would end all elections.
    private static let termJumpLimit: UInt64 = 1 << 32

    /// What is wrong with it, judged by itself, for a node of that term; nil if nothing is.
    func flaw(seenIn term: Term) -> RaftRejection? {
        let isCountable = numbers.allSatisfy { $0 < Self.countLimit }
        guard isCountable, self.term.value <= term.value + Self.termJumpLimit else {
            return .implausibleNumber
        }
        return isConsistent ? nil : .inconsistent
    }

    /// The terms and indexes that it speaks of, but those of entries, which are a run.
    private var numbers: [UInt64] {
        let numbers: [UInt64] =
            switch kind {
            case .preVoteRequest(let index, let term), .voteRequest(let index, let term, _):
                [index.value, term.value]
            case .append(let index, let term, let entries, let commit, let round):
                [
                    index.value, term.value, entries.last?.index.value ?? 0, commit.value,
                    round.value,
                ]
            case .appendReply(_, let matched, let round): [matched.value, round.value]
            case .installSnapshot(let snapshot): [snapshot.index.value, snapshot.term.value]
            case .snapshotPiece(let piece):
                [piece.index.value, piece.term.value, piece.stateByteCount, piece.offset]
            case .snapshotReply(let index): [index.value]
            case .snapshotPieceReply(let index, let received): [index.value, received]
            case .preVoteReply, .voteReply, .timeoutNow: []
            }
        return numbers + [term.value]
    }

    private var isConsistent: Bool {
        switch kind {
        // A candidate stands for a term that is newer than any of its log's.
        case .preVoteRequest(_, let lastTerm), .voteRequest(_, let lastTerm, _): lastTerm < term
        case .append(let previous, let previousTerm, let entries, _, _):
            isRun(entries, after: previous, of: previousTerm)
        case .installSnapshot(let snapshot): snapshot.index > .zero && snapshot.term <= term
        case .snapshotPiece(let piece):
            piece.index > .zero && piece.term <= term
                && piece.offset + UInt64(piece.bytes.count) <= piece.stateByteCount
        case .preVoteReply, .voteReply, .appendReply, .snapshotReply, .snapshotPieceReply,
            .timeoutNow:
            true
        }
    }

    /// True if the entries follow that place without gaps, in terms that never fall and are not
    /// of the future.
    private func isRun(
        _ entries: [LogEntry], after previous: LogIndex, of previousTerm: Term
    ) -> Bool {
        var last = (index: previous, term: previousTerm)
        for entry in entries {
            guard entry.index == last.index.next, entry.term >= last.term else { return false }
            last = (entry.index, entry.term)
        }
        return last.term <= term
    }
}

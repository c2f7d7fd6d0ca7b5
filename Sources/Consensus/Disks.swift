// Whose promises they are. A vote or a copy is a promise only as long as the disk remembers that holds it; a node that
// comes back with another disk under its old name has forgotten, and does not know what. So a promise says
// which disk it stands on, and the participants in the log say which disk of a voter counts.

/// One disk of a node, drawn when its state directory was made.
public struct DiskID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let value: UInt64

    public init(_ value: UInt64) {
        self.value = value
    }

    public static func < (left: DiskID, right: DiskID) -> Bool { left.value < right.value }

    public var description: String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// The disk that a node speaks for, and in which of its lives.
public struct DiskStamp: Hashable, Sendable {
    public let disk: DiskID
    /// Drawn at every start: within one life a log never grows shorter than what was confirmed.
    public let life: UInt64

    public init(disk: DiskID, life: UInt64) {
        self.disk = disk
        self.life = life
    }
}

/// What a leader found out about the disk of a voter.
public enum DiskNews: Hashable, Sendable {
    /// It is another one than before: what the voter promised is forgotten.
    case replaced
    /// It lacks entries that it had confirmed: an older copy was put back.
    case rolledBack
    /// The voter counts like any other from now on.
    case trusted
}

extension DiskNews: CustomStringConvertible {
    public var description: String {
        switch self {
        case .replaced:
            "has a new state directory: its votes and copies count only beside enough voters that "
                + "remember, until it knows again what is agreed"
        case .rolledBack:
            "lacks log entries that it had confirmed, as if an older copy of its state directory "
                + "had been put back: its votes and copies count only beside enough voters that "
                + "remember, until it knows again what is agreed"
        case .trusted: "remembers: its votes and copies count"
        }
    }
}

extension RaftMessage.Kind {
    /// Whether somebody may build on it: a vote, or a copy.
    var isPromise: Bool {
        switch self {
        case .preVoteReply, .voteReply, .appendReply, .snapshotReply: true
        case .preVoteRequest, .voteRequest, .append, .installSnapshot, .snapshotPiece,
            .snapshotPieceReply, .timeoutNow:
            false
        }
    }
}

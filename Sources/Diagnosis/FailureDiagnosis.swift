// Which rank failed first. All ranks of a group end within seconds of one another, most of them because
// of one. Three things tell that one: what each said (most errors say that somebody else is missing),
// when, on clocks that agree only so well, and whom the others blame.

public import Base

/// What one rank said, its time brought onto the leader's clock.
public struct RankSighting: Hashable, Sendable {
    public let rank: NodeRank
    public let node: NodeID
    public let sighting: Sighting
    public let time: TimeSpan

    public init(rank: NodeRank, node: NodeID, sighting: Sighting, time: TimeSpan) {
        self.rank = rank
        self.node = node
        self.sighting = sighting
        self.time = time
    }

    var role: FailureKind.Role { sighting.role }

    /// It tells that a process ended, and not why.
    var isEnd: Bool {
        sighting.kind == FailureKind.ended.id || sighting.kind == FailureKind.schedulerLost.id
    }
}

/// Why a generation ended, as far as its logs tell.
public struct FailureDiagnosis: Hashable, Sendable {
    /// The ``FailureKind`` by its name.
    public let kind: String
    /// Who failed first.
    public let rank: NodeRank
    public let node: NodeID
    /// In the world of dies; nil where it is not told.
    public let worldRank: Int?
    public let die: Int?
    /// The line that says so. It is another rank's where ``accuser`` is one.
    public let line: String
    /// Between these two, by the leader's clock.
    public let time: TimeSpan
    /// Who said it, where the rank itself said nothing.
    public let accuser: NodeRank?
    /// Other ranks that may have been first as well: their times overlap.
    public let rivals: [NodeRank]
    /// What the other ranks said, by time.
    public let echoes: [Echo]

    /// What another rank said.
    public struct Echo: Hashable, Sendable {
        public let rank: NodeRank
        public let node: NodeID
        public let kind: String
        public let line: String
        /// After the first failure; negative where it was told before, or the clocks disagree.
        public let milliseconds: Int64

        public init(
            rank: NodeRank, node: NodeID, kind: String, line: String, milliseconds: Int64
        ) {
            self.rank = rank
            self.node = node
            self.kind = kind
            self.line = line.shortened(to: FailureDiagnosis.echoLineLimit)
            self.milliseconds = milliseconds
        }
    }

    /// It is agreed on and kept by every node, so it is short.
    public static let echoLimit = 12
    public static let echoLineLimit = 240

    public init(
        kind: String, rank: NodeRank, node: NodeID, worldRank: Int?, die: Int?, line: String,
        time: TimeSpan, accuser: NodeRank?, rivals: [NodeRank], echoes: [Echo]
    ) {
        self.kind = kind
        self.rank = rank
        self.node = node
        self.worldRank = worldRank
        self.die = die
        self.line = line
        self.time = time
        self.accuser = accuser
        self.rivals = rivals
        self.echoes = echoes
    }

    /// How well the time is known, in milliseconds either way.
    public var marginMilliseconds: Int64 {
        time.width / 2000 + 1
    }

    /// Whether it is worth taking the place of an earlier one: another verdict, or more to go by.
    public func says(moreThan other: FailureDiagnosis?) -> Bool {
        guard let other else { return true }
        return kind != other.kind || rank != other.rank || die != other.die || line != other.line
            || rivals != other.rivals || echoes.count > other.echoes.count
    }

    /// `rank 3 on node-2, die 5`.
    public var place: String { "rank \(rank) on \(node)" + (die.map { ", die \($0)" } ?? "") }

    /// One line for a list of events. Nothing where what the agents saw is all that is known: that is told
    /// with the cause.
    public var summary: String {
        let known = FailureKind.named(kind)
        guard !FailureKind.seenByAgents.contains(kind) else { return "" }
        let said = accuser.map { "rank \($0) says: " } ?? ""
        let code = known.id == known.id.uppercased() ? " (\(known.id))" : ""
        return "\(place): \(known.title)\(code): \(said)\(line)\(doubt)"
    }

    /// Empty where the order is certain.
    public var doubt: String {
        guard !rivals.isEmpty else { return "" }
        let others = rivals.map { "rank \($0)" }.joined(separator: " or ")
        return " (it may as well have been \(others): times are known within "
            + "±\(marginMilliseconds) ms)"
    }
}

// A group restarts as a gang, so what ends is a generation: one cause, named once, for all its ranks.

public import Base
public import Diagnosis

/// Why a generation ended.
public struct EndCause: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// A shard exited or stopped answering.
        case failure
        /// The node of a rank is gone.
        case nodeLost
        /// The plan changed what this group is launched with.
        case planChanged
        /// The operator stopped or restarted it.
        case byOperator
        /// Another group, without which it cannot go on, has ended: the owner of its transfer store.
        case dependency
    }

    public let kind: Kind
    /// For people: what happened, with node and rank.
    public let why: String
    /// The first failing rank and its node, where one is known.
    public let node: NodeID?
    public let rank: NodeRank?
    /// The last lines of that rank's log.
    public let logTail: [String]
    /// What the logs of all ranks say of it; nil where they say nothing.
    public var diagnosis: FailureDiagnosis?
    /// The group whose end took this one with it, for `dependency`.
    public let owner: GroupName?

    /// The end of a group because of the end of another.
    public init(endOf owner: GroupName, why: String) {
        kind = .dependency
        self.why = why
        self.owner = owner
        node = nil
        rank = nil
        logTail = []
    }

    public init(
        _ kind: Kind, why: String, node: NodeID? = nil, rank: NodeRank? = nil,
        logTail: [String] = [], diagnosis: FailureDiagnosis? = nil
    ) {
        self.kind = kind
        self.why = why
        self.node = node
        self.rank = rank
        self.logTail = logTail
        owner = nil
        self.diagnosis = diagnosis
    }

    /// How many lines of a log an operator is shown at once, and how much of each.
    private static let quotedLines = 3
    private static let quotedCharacters = 200

    /// The last words of the rank that fell first, for people; empty where it left none.
    public var lastWords: String {
        let lines = logTail.suffix(Self.quotedLines).map { $0.shortened(to: Self.quotedCharacters) }
        return lines.isEmpty ? "" : "its log ends: " + lines.joined(separator: " | ")
    }

    /// What happened, and what the logs say of it in one line.
    public var told: String {
        let summary = diagnosis?.summary ?? ""
        return summary.isEmpty ? why : "\(why); first: \(summary)"
    }

    /// Only failures of the engine count towards the backoff and the budget: a lost node is waited
    /// for, and what was meant is no failure.
    public var isFailure: Bool { kind == .failure }

    /// Whether every rank was as well as before when its generation ended: then rank 0 can still answer
    /// what it has begun.
    public var leavesEngineSound: Bool {
        switch kind {
        case .failure, .nodeLost: false
        case .planChanged, .byOperator, .dependency: true
        }
    }
}

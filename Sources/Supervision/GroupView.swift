// What the leader knows of one group when it decides: what is agreed, and what is observed.

public import Base
public import Diagnosis

/// A group, as its leader sees it at one moment.
public struct GroupView: Hashable, Sendable {
    public enum Phase: Hashable, Sendable {
        case idle, running
        case ended(EndCause)
        case failed(EndCause)
    }

    public var phase: Phase
    public var generation: Generation
    public var failures: Int
    public var isWanted: Bool
    /// The plan gives this group another launch than the one that runs.
    public var launchDiffers: Bool
    /// Why it goes on for now all the same.
    public var heldBack: String?
    /// Why, where it can be said better than that the plan has changed.
    public var whyDiffers: String?
    /// This generation has served, or has nothing to load that would be lost with it.
    public var hasServed: Bool
    /// What this generation was launched to work with is gone, and it must end for it.
    public var lostDependency: EndCause?
    /// How long its ranks must have been gone before a launch, so that those who served with them
    /// notice; nil where nobody must.
    public var silence: Duration?
    /// Why a launch must still wait; nil where nothing stands in its way.
    public var prerequisite: String?
    /// What the launch gate found in its way, or that it still looks. It should clear within moments.
    public var obstacle: String?
    /// Who takes the rank of a node that is gone, and when; nil where that is not known.
    public var takeover: String?
    /// The ranks as planned (or as launched, while it runs), by rank.
    public var ranks: [RankView]
    /// Shards of the group of any generation that a node still has: `prefill-0.g2.r1 on node-2`.
    public var leftovers: [String]

    public init(
        phase: Phase, generation: Generation, failures: Int, isWanted: Bool, launchDiffers: Bool,
        heldBack: String? = nil, whyDiffers: String? = nil, hasServed: Bool = false,
        lostDependency: EndCause? = nil,
        silence: Duration? = nil,
        prerequisite: String?,
        obstacle: String? = nil, ranks: [RankView], leftovers: [String]
    ) {
        self.phase = phase
        self.generation = generation
        self.failures = failures
        self.isWanted = isWanted
        self.launchDiffers = launchDiffers
        self.heldBack = heldBack
        self.whyDiffers = whyDiffers
        self.hasServed = hasServed
        self.lostDependency = lostDependency
        self.silence = silence
        self.prerequisite = prerequisite
        self.obstacle = obstacle
        self.ranks = ranks
        self.leftovers = leftovers
    }
}

/// One rank of a group, as its leader sees it.
public struct RankView: Hashable, Sendable {
    public let node: NodeID
    public let rank: NodeRank
    /// Since when its node is dead or has left; nil while it is there.
    public let absentSince: Instant?
    /// When its host last answered: it said that its agent is gone, such as by refusing a connection, or the
    /// agent was met again; nil where it never has.
    public let hostAnsweredAt: Instant?
    /// True once its node has reported to this leader.
    public let hasReported: Bool
    /// What its node says of its shard of the newest generation.
    public let report: ShardReport?
    /// What its node says of processes there that cannot move; nil where all do.
    public let still: Sighting?
    /// By how much the clock of its node is ahead of the leader's.
    public let clockAhead: Duration

    public init(
        node: NodeID, rank: NodeRank, absentSince: Instant?, hostAnsweredAt: Instant? = nil,
        hasReported: Bool, report: ShardReport?, still: Sighting? = nil,
        clockAhead: Duration = .zero
    ) {
        self.still = still
        self.clockAhead = clockAhead
        self.node = node
        self.rank = rank
        self.absentSince = absentSince
        self.hostAnsweredAt = hostAnsweredAt
        self.hasReported = hasReported
        self.report = report
    }

    /// A host that refuses connections is dialled every second; its word holds a little longer.
    static let hostWord = Duration.seconds(5)

    /// Its node is out of sight, and only its agent is gone, as its host says.
    func hostAnswers(at now: Instant) -> Bool {
        guard let absentSince, let hostAnsweredAt else { return false }
        return hostAnsweredAt >= absentSince && now - hostAnsweredAt < Self.hostWord
    }

    /// Its process has ended, unasked.
    var hasEnded: Bool {
        absentSince == nil && (report?.state == .exited || report?.state == .stopped)
    }

    /// It runs, but has lost a part of itself at a known time.
    private var isBroken: Bool {
        absentSince == nil && report?.state == .unresponsive && report?.endedAt != nil
    }

    /// It has ended, or what is left of it is as good as ended: who fell first is told by the time.
    var hasFallen: Bool { hasEnded || isBroken }

    /// When its process ended, by the leader's clock; where nobody saw that, when its agent found it ended.
    var fellAt: EndTime {
        guard let report else { return EndTime(microsecondsSinceEpoch: .max) }
        let told = report.endedAt ?? EndTime(report.since)
        let (time, overflows) = told.microsecondsSinceEpoch.subtractingReportingOverflow(
            clockAhead.nanoseconds / 1000)
        return overflows ? told : EndTime(microsecondsSinceEpoch: time)
    }
}

/// How a group is, in one word.
public enum GroupCondition: String, Hashable, Sendable, CaseIterable {
    /// For a node, a report, another group.
    case waiting
    case starting
    case ready
    /// Something of it is out of sight, or does not answer well, or its load stands still.
    case degraded
    case stopping
    /// Before the next launch after a failure.
    case backoff
    /// Given up: the operator must look.
    case failed
    /// By the operator's word.
    case stopped
}

/// What the leader makes of a group.
public struct GroupDecision: Hashable, Sendable {
    public enum Proposal: Hashable, Sendable {
        case launch(why: String)
        case end(EndCause, isTerminal: Bool)
        case settle
    }

    /// What is said of a group whose engine was just asked. It is true no longer when nobody asks any more.
    public static let answers = "the engine answers"

    public let condition: GroupCondition
    /// Why, for people; empty where the condition says it all.
    public let why: String
    public var proposal: Proposal?
    /// The engine is known to answer.
    public var serves = false
    /// It may answer: this leader does not know yet.
    public var mayServe = false
    /// When it is launched next, if nothing else is in the way; nil where it does not wait for a time.
    public var launchAt: Instant?
    /// How long it waits at most, as things stand; nil where there is no such limit.
    public var until: Instant?
    /// What comes then, where that is known.
    public var then: String?
    /// Ask the engine itself, from here: its own node cannot.
    public var probesMaster = false
    /// What it waits for does not clear by itself, it seems: a person must look.
    public var needsOperator = false
    /// It may be launched in a moment: the launch gate should look at its nodes.
    public var isLaunchNear = false

    init(
        _ condition: GroupCondition, why: String = "", proposal: Proposal? = nil,
        probesMaster: Bool = false
    ) {
        self.condition = condition
        self.why = why
        self.proposal = proposal
        self.probesMaster = probesMaster
    }
}

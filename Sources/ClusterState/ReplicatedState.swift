// What the cluster has agreed on. Every node applies the same committed commands in the same order
// and so holds the same state; whatever breaks a rule below is refused at the same place on every
// node, whoever proposed it. Nothing observed is in here: shard states and health are reported to
// the leader, who compares them with this.

public import Base
public import Planning
public import Supervision

/// The agreed state of the cluster.
public struct ReplicatedState: Hashable, Sendable {
    public internal(set) var deployment: Deployment?
    /// Rises with every change of the deployment, so that a group knows whether it runs the newest.
    public internal(set) var deploymentSerial: UInt64 = 0
    /// False while the operator has stopped the whole deployment.
    public internal(set) var isWanted = true
    public internal(set) var plan: Plan?
    public internal(set) var epoch = Epoch.none
    /// Sorted by name. A record outlives its group, so that generations never repeat.
    public internal(set) var groups: [GroupRecord] = []
    /// The last happenings, oldest first, at most ``ledgerLimit``.
    public internal(set) var ledger: [LedgerEvent] = []
    public internal(set) var nextSequence: UInt64 = 1
    /// The newest term whose leader is known; 0 before the first.
    public internal(set) var electedTerm: UInt64 = 0
    /// The nodes that a leader has noted as there, sorted.
    public internal(set) var present: [NodeID] = []
    /// What the restarts have cost.
    public internal(set) var restartLedger = RestartLedger()
    /// The nodes that an operator keeps out of plans to come, sorted.
    public internal(set) var cordons: [Cordon] = []
    public internal(set) var rollout = Rollout()
    public internal(set) var roster = Roster()

    /// How many events are kept.
    public static let ledgerLimit = 500
    /// How many of them may be of one kind of chatter, so that a flapping node or leadership cannot
    /// push out what happened to groups.
    public static let chatterLimit = 60

    public init() {}

    /// A state as a snapshot holds it.
    public init(
        deployment: Deployment?, deploymentSerial: UInt64, isWanted: Bool, plan: Plan?,
        epoch: Epoch, groups: [GroupRecord], ledger: [LedgerEvent], nextSequence: UInt64,
        electedTerm: UInt64 = 0, present: [NodeID] = [],
        restartLedger: RestartLedger = RestartLedger(), cordons: [Cordon] = [],
        rollout: Rollout = Rollout(), roster: Roster = Roster()
    ) {
        self.deployment = deployment
        self.deploymentSerial = deploymentSerial
        self.isWanted = isWanted
        self.plan = plan
        self.epoch = epoch
        self.groups = groups
        self.ledger = ledger
        self.nextSequence = nextSequence
        self.electedTerm = electedTerm
        self.present = present
        self.restartLedger = restartLedger
        self.cordons = cordons
        self.rollout = rollout
        self.roster = roster
    }

    /// What is agreed of a group; a group never launched has an empty record.
    public func record(of group: GroupName) -> GroupRecord {
        groups.first { $0.name == group } ?? GroupRecord(name: group)
    }

    /// The groups that share the transfer store that a group has, in the plan's order; none where it has none.
    public func sharers(ofStoreIn group: GroupName) -> [GroupName] {
        guard let plan, plan.storeOwner == group else { return [] }
        return plan.groups.filter { $0.store != nil && $0.name != group }.map(\.name)
    }

    /// Whether the group should run, by the operator's word.
    public func isWanted(_ group: GroupName) -> Bool {
        isWanted && !record(of: group).isStoppedByOperator && plan?.group(group) != nil
    }
}

/// What is agreed of one group.
public struct GroupRecord: Hashable, Sendable {
    public let name: GroupName
    /// The newest launch; every older one is fenced.
    public var generation = Generation.none
    public var phase = GroupPhase.idle
    /// The group as the newest generation was launched: who holds which rank, every port.
    public var launched: PlannedGroup?
    /// The deployment that it was launched with.
    public var launchedSerial: UInt64 = 0
    /// Launches that failed in a row. It drives the backoff, and survives a change of leader.
    public var failures = 0
    /// Launches that followed a failure, a lost node or a changed plan. What the operator ordered is
    /// not counted.
    public var restarts = 0
    public var isStoppedByOperator = false
    /// When the newest generation was launched, and when it first served; nil before that.
    public var launchedAt: WallTime?
    public var servesSince: WallTime?
    /// The generation of the store's owner that runs, or ran, when this generation was launched; nil where it
    /// shares no store, and where an older agent has taken the snapshot.
    public var storeGeneration: Generation?
    /// The last failure or loss of a node, for as long as there is no newer one.
    public var lastFailure: GroupFailure?

    public init(name: GroupName) {
        self.name = name
    }
}

/// How a generation ended that was not meant to end.
public struct GroupFailure: Hashable, Sendable {
    public let generation: Generation
    public internal(set) var cause: EndCause
    /// By the clock of the leader that ended the generation.
    public let time: WallTime

    public init(generation: Generation, cause: EndCause, time: WallTime) {
        self.generation = generation
        self.cause = cause
        self.time = time
    }
}

/// Where a group stands, as agreed.
public enum GroupPhase: Hashable, Sendable {
    /// Never launched.
    case idle
    /// The newest generation should run.
    case running
    /// The newest generation has ended on every node or must end there; the next may be launched.
    case ended(EndCause)
    /// The restart budget is used up: only an operator's restart launches it again.
    case failed(EndCause)
}

/// One line of the ledger.
public struct LedgerEvent: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        case deployed, planned, launched, ended, failed, settled, stopped, started, restarted
        /// A leader was elected.
        case elected
        /// The leader hears nodes, or does not any more.
        case joined, lost
        /// A generation serves.
        case ready
        /// More has been found out about why a generation ended.
        case diagnosed
        /// The operator keeps a node out, or takes that back.
        case cordoned, draining, uncordoned
        /// The operator changed who the nodes of the cluster are, or who of them may vote.
        case added, removed, promoted, demoted
        /// A majority was lost for ever, and one node went on alone.
        case recovered

        /// Whether it may happen again and again with nothing done about it.
        var isChatter: Bool { self == .elected || self == .joined || self == .lost }
    }

    public let sequence: UInt64
    /// By the clock of the leader that proposed it.
    public let time: WallTime
    public let kind: Kind
    public let node: NodeID?
    public let group: GroupName?
    public let generation: Generation?
    public let text: String

    public init(
        sequence: UInt64, time: WallTime, kind: Kind, node: NodeID?, group: GroupName?,
        generation: Generation?, text: String
    ) {
        self.sequence = sequence
        self.time = time
        self.kind = kind
        self.node = node
        self.group = group
        self.generation = generation
        self.text = text
    }
}

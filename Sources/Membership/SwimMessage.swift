// The words that members say to one another. Das, Gupta, Motivala: "SWIM: Scalable
// Weakly-consistent Infection-style Process Group Membership Protocol", DSN 2002; the suspicion
// rules follow Dadgar, Phillips, Currey: "Lifeguard: Local Health Awareness for More Accurate
// Failure Detection", 2018. Every message carries gossip.

public import Base

/// Rises whenever a member refutes a suspicion of itself. Only the member itself raises it. It
/// starts above every earlier life of the member (wall milliseconds at its start will do).
public struct Incarnation: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let value: UInt64

    public init(_ value: UInt64) {
        self.value = value
    }

    public static func < (left: Incarnation, right: Incarnation) -> Bool {
        left.value < right.value
    }
    public var description: String { String(value) }
}

/// What membership believes of a member.
public enum MemberState: String, Hashable, Sendable, CaseIterable {
    case alive, suspect, dead, left

    /// Dead, or left by itself.
    public var isGone: Bool { self == .dead || self == .left }
}

/// What a member lets everybody know of itself, whoever leads and whether anybody does. Membership
/// carries the bytes and does not read them. They belong to an incarnation: the member raises it when it
/// says something new, so that the newer word wins wherever both are heard.
public struct MemberMetadata: Hashable, Sendable {
    public let bytes: [UInt8]

    /// Thirty-two updates with this much still make a small message.
    public static let limitBytes = 256
    public static let none = MemberMetadata()

    /// nil where there are more than ``limitBytes``.
    public init?(_ bytes: [UInt8]) {
        guard bytes.count <= Self.limitBytes else { return nil }
        self.bytes = bytes
    }

    private init() { bytes = [] }
}

/// One belief about one member: the unit of gossip.
public struct MemberUpdate: Hashable, Sendable {
    public let node: NodeID
    public let state: MemberState
    public let incarnation: Incarnation
    /// Who holds the suspicion or declared the death; the member itself for `alive` and `left`.
    public let source: NodeID
    /// What the member says of itself at this incarnation.
    public let metadata: MemberMetadata

    public init(
        node: NodeID, state: MemberState, incarnation: Incarnation, source: NodeID,
        metadata: MemberMetadata = .none
    ) {
        self.node = node
        self.state = state
        self.incarnation = incarnation
        self.source = source
        self.metadata = metadata
    }
}

/// Numbers the probes of one prober, so that a late answer is not taken for a fresh one.
public struct ProbeSequence: Hashable, Sendable {
    public let value: UInt64

    public init(_ value: UInt64) {
        self.value = value
    }
}

/// A message of the membership protocol.
public struct SwimMessage: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        /// Are you there? Answered by `acknowledge` of the same sequence.
        case ping(ProbeSequence)
        /// Ask `target` for me; answered by `acknowledge`, or `nack` if it did not answer in time.
        case pingRequest(ProbeSequence, target: NodeID)
        /// `subject` is the member that answered: the sender, or the target of a ping request.
        case acknowledge(ProbeSequence, subject: NodeID)
        /// The relay is well, but the target did not answer it (Lifeguard).
        case negativeAcknowledge(ProbeSequence)
        /// Everything the sender believes is in `updates`; answered by `pullReply` of the same kind.
        case pushPull
        case pullReply
        /// Nothing but gossip.
        case gossip
    }

    public let kind: Kind
    public let updates: [MemberUpdate]

    public init(_ kind: Kind, updates: [MemberUpdate] = []) {
        self.kind = kind
        self.updates = updates
    }
}

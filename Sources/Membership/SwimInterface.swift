// What goes into the membership machine and what comes out. Local inputs and wire messages are
// different types; every effect is an action; time is an argument.

public import Base

/// What can happen to the membership machine of one node.
public enum SwimInput: Hashable, Sendable {
    /// The deadline that the machine named has come. Early or repeated ticks do no harm.
    case tick
    /// A message arrived on an authenticated stream of that member.
    case received(SwimMessage, from: NodeID)
    /// A stream to the member stands.
    case streamOpened(NodeID)
    /// A stream was reset, or a dial was refused by the member's host: its agent is gone while its
    /// host is up, known without waiting for any timeout.
    case agentGone(NodeID)
    /// A stream ended or a dial failed without such evidence (timeout, unreachable).
    case streamLost(NodeID)
    /// This node has something new to say of itself.
    case describe(MemberMetadata)
    /// Who the other members are from now on. Those that were members keep what is known of them.
    case configure([NodeID])
    /// This node leaves on purpose.
    case leave
}

/// What the membership machine wants done.
public enum SwimAction: Hashable, Sendable {
    case send(SwimMessage, to: NodeID)
    /// A belief changed. Emitted once for each change, in order.
    case changed(Member, from: MemberState)
    /// This node hears fewer than a majority of the configured members, itself included, or a
    /// majority again. A node among several starts isolated and does not say so.
    case isolated(Bool)
    /// This node was stopped or starved: its step came that late. It judges nobody before it has
    /// asked anew. Said once, until `inTime`.
    case late(by: Duration)
    case inTime
}

/// What this node believes of one member.
public struct Member: Hashable, Sendable {
    public let node: NodeID
    public var state: MemberState
    public var incarnation: Incarnation
    /// When this state was taken on, on this node's clock.
    public var since: Instant
    /// What the member said of itself last; none before it is heard of.
    public var metadata: MemberMetadata

    public init(
        node: NodeID, state: MemberState, incarnation: Incarnation, since: Instant,
        metadata: MemberMetadata = .none
    ) {
        self.node = node
        self.state = state
        self.incarnation = incarnation
        self.since = since
        self.metadata = metadata
    }
}

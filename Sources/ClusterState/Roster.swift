// Who the nodes of the cluster are. The files of the nodes say it once, when a cluster begins; from then
// on it is agreed on like everything else, so that a node can come and go without a moment in which two
// nodes go by different lists. Every change raises the serial: of two rosters the one with the higher
// serial is the newer, whoever tells it.

public import Base
public import Planning

/// A node of the operator's list.
public struct ConfiguredNode: Hashable, Sendable {
    public let node: NodeID
    public let address: String
    /// The super pod that it is in; nil where the operator does not say.
    public let superPod: String?

    public init(node: NodeID, address: String, superPod: String? = nil) {
        self.node = node
        self.address = address
        self.superPod = superPod
    }

    /// This node as the planner knows it.
    public func candidate(
        isUsable: Bool, standing: Candidate.Standing = .open
    ) -> Candidate {
        Candidate(
            node: node, address: address, isUsable: isUsable, superPod: superPod,
            standing: standing)
    }
}

/// The nodes of a cluster, as agreed.
public struct Roster: Hashable, Sendable {
    /// A node of the cluster.
    public struct Entry: Hashable, Sendable {
        public let node: ConfiguredNode
        /// False where the operator wants it to learn only.
        public var mayVote: Bool

        public init(_ node: ConfiguredNode, mayVote: Bool = true) {
            self.node = node
            self.mayVote = mayVote
        }
    }

    /// A node that was removed: it is told so when it comes back.
    public struct Departure: Hashable, Sendable {
        public let node: ConfiguredNode
        /// The serial of its removal.
        public let serial: UInt64

        public init(_ node: ConfiguredNode, serial: UInt64) {
            self.node = node
            self.serial = serial
        }
    }

    /// Rises with every change; 0 as long as the files of the nodes rule.
    public internal(set) var serial: UInt64 = 0
    /// In the operator's order, those that were added later at the end.
    public internal(set) var entries: [Entry] = []
    /// The last that were removed, oldest first, at most ``departureLimit``.
    public internal(set) var departures: [Departure] = []

    public static let departureLimit = 32

    public init() {}

    /// A roster as a snapshot holds it.
    public init(serial: UInt64, entries: [Entry], departures: [Departure]) {
        self.serial = serial
        self.entries = entries
        self.departures = departures
    }

    /// Whether it rules, and no file does.
    public var isAgreed: Bool { serial > 0 }

    public var nodes: [ConfiguredNode] { entries.map(\.node) }

    public func entry(of node: NodeID) -> Entry? { entries.first { $0.node.node == node } }

    public func contains(_ node: NodeID) -> Bool { entry(of: node) != nil }

    /// Where a node is, or was until it was removed.
    public func knownNode(_ node: NodeID) -> ConfiguredNode? {
        entry(of: node)?.node ?? departures.last { $0.node.node == node }?.node
    }

    /// A node of that plan that is none of the cluster any more.
    func stranger(in group: PlannedGroup) -> NodeID? {
        guard isAgreed else { return nil }
        return group.ranks.map(\.node).first { !contains($0) }
    }
}

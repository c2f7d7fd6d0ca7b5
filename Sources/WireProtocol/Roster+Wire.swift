// Who the nodes are, on the wire: in commands and snapshots, in an operator's orders, and in what any node
// tells another of the newest roster that it knows.

public import Base
public import CBOR
public import ClusterState

/// Who takes part, as far as a node knows. It decides nothing: who hears of a newer roster than its own
/// learns whom to talk to, or that it takes no part any more.
public struct RosterNews: Hashable, Sendable {
    /// Of the roster; 0 where none is agreed on, or known.
    public let serial: UInt64
    /// The nodes of the cluster, and those that are on their way out of it.
    public let nodes: [ConfiguredNode]
    /// Which generations are over, for one that takes no part and reads no log.
    public let fences: [Fence]

    /// Every generation of the group up to that one is over.
    public struct Fence: Hashable, Sendable {
        public let group: GroupName
        public let generation: Generation

        public init(group: GroupName, generation: Generation) {
            self.group = group
            self.generation = generation
        }
    }

    public init(serial: UInt64, nodes: [ConfiguredNode], fences: [Fence]) {
        self.serial = serial
        self.nodes = nodes
        self.fences = fences
    }
}

/// What an operator orders of the nodes of the cluster.
public enum MembersOrder: Hashable, Sendable {
    case add(ConfiguredNode)
    /// Forced, also a node that holds a rank of a group that runs.
    case remove(NodeID, isForced: Bool)
    case promote(NodeID)
    case demote(NodeID)
    /// The node is to lead.
    case lead(NodeID)
}

extension MembersOrder: WireCodable {
    public var cbor: CBORValue {
        switch self {
        case .add(let node): .choice(1, node.cbor)
        case .remove(let node, let isForced): .choice(2, CBORValue(node), .bool(isForced))
        case .promote(let node): .choice(3, CBORValue(node))
        case .demote(let node): .choice(4, CBORValue(node))
        case .lead(let node): .choice(5, CBORValue(node))
        }
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "members order")
        let choice = try record.unsigned()
        switch choice {
        case 1: self = .add(try record.value(as: ConfiguredNode.self))
        case 2: self = .remove(try record.node(), isForced: try record.bool())
        case 3: self = .promote(try record.node())
        case 4: self = .demote(try record.node())
        case 5: self = .lead(try record.node())
        default: throw record.unknownChoice(choice, of: "members order")
        }
    }
}

extension RosterNews: WireCodable {
    public var cbor: CBORValue {
        .array([.unsigned(serial), .list(nodes), .list(fences)])
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "roster news")
        self.init(
            serial: try record.counter(), nodes: try record.list(of: ConfiguredNode.self),
            fences: try record.list(of: Fence.self))
    }
}

extension RosterNews.Fence: WireCodable {
    public var cbor: CBORValue { .array([.text(group.name), .unsigned(generation.value)]) }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "fence")
        self.init(group: try record.group(), generation: try record.generation())
    }
}

extension ConfiguredNode: WireCodable {
    public var cbor: CBORValue {
        .array([CBORValue(node), .text(address), CBORValue(superPod)])
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "configured node")
        self.init(
            node: try record.node(), address: try record.text(),
            superPod: try record.optional(as: String.self))
    }
}

extension Roster: WireCodable {
    public var cbor: CBORValue {
        .array([.unsigned(serial), .list(entries), .list(departures)])
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "roster")
        self.init(
            serial: try record.counter(), entries: try record.list(of: Entry.self),
            departures: try record.list(of: Departure.self))
    }
}

extension Roster.Entry: WireCodable {
    public var cbor: CBORValue { .array([node.cbor, .bool(mayVote)]) }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "roster entry")
        self.init(
            try record.value(as: ConfiguredNode.self), mayVote: try record.bool())
    }
}

extension Roster.Departure: WireCodable {
    public var cbor: CBORValue { .array([node.cbor, .unsigned(serial)]) }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "departure")
        self.init(
            try record.value(as: ConfiguredNode.self), serial: try record.counter())
    }
}

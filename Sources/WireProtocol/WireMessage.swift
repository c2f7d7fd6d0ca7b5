// What agents say to one another, over the streams of the transport. One frame is one message:
// [version, kind, body]. The CDDL is Protocols/wire.cddl; the vectors beside it are read in the tests
// by a foreign decoder too.

public import Base
public import CBOR
public import ClusterState
public import Consensus
public import Diagnosis
public import Doctor
public import Membership
public import Supervision

/// A message from one agent to another.
public enum WireMessage: Hashable, Sendable {
    case swim(SwimMessage)
    case raft(RaftMessage)
    /// From every node to the leader, at every change and from time to time.
    case report(NodeReport)
    /// From the leader to every node, at every change and from time to time.
    case view(LeaderView)
    /// A question for the other node, answered by `answer` of the same number.
    case request(RequestID, PeerRequest)
    case answer(RequestID, PeerAnswer)
    /// From every node to the leader, when the log of a shard says that something is wrong.
    case sightings(NodeSightings)
    /// From every node to the leader, when what it is has changed, and to a new leader.
    case inventory(ToldInventory)
    /// From every node to every other that it talks to, when a stream opens and when the roster changes.
    case roster(RosterNews)
}

/// Numbers the requests of one node.
public struct RequestID: Hashable, Comparable, Sendable {
    public let value: UInt64

    public init(_ value: UInt64) {
        self.value = value
    }

    public static func < (left: RequestID, right: RequestID) -> Bool { left.value < right.value }
}

/// What a node observes of itself.
public struct NodeReport: Hashable, Sendable {
    public let node: NodeID
    /// How far it has applied the log: it knows nothing of what was agreed later.
    public var applied: LogIndex
    /// Of the deployment in its own configuration file, to see files that differ.
    public var deploymentDigest: UInt64
    /// By shard.
    public var shards: [ShardReport]
    /// What an operator should know of it though it keeps nothing from being launched, for people.
    public var notes: [String]

    public init(
        node: NodeID, applied: LogIndex, deploymentDigest: UInt64, shards: [ShardReport],
        notes: [String] = []
    ) {
        self.node = node
        self.applied = applied
        self.deploymentDigest = deploymentDigest
        self.shards = shards
        self.notes = notes
    }
}

/// What the logs of a node's shards say is wrong.
public struct NodeSightings: Hashable, Sendable {
    public let node: NodeID
    /// By shard.
    public let shards: [ShardSightings]
    /// The newest kind of command that the node can read in the log; 0 where it does not tell.
    public let understands: UInt64

    public init(node: NodeID, shards: [ShardSightings], understands: UInt64 = 0) {
        self.node = node
        self.shards = shards
        self.understands = understands
    }
}

/// What the log of one shard says is wrong, in its order.
public struct ShardSightings: Hashable, Sendable {
    public let shard: ShardID
    public let sightings: [Sighting]

    public init(shard: ShardID, sightings: [Sighting]) {
        self.shard = shard
        self.sightings = sightings
    }
}

/// What a node is, in full, as it told the leader.
public struct ToldInventory: Hashable, Sendable {
    public let node: NodeID
    /// By the node's own clock.
    public let time: WallTime
    /// JSON, Protocols/inventory.md.
    public let document: String

    public init(node: NodeID, time: WallTime, document: String) {
        self.node = node
        self.time = time
        self.document = document
    }
}

/// What the leader makes of the cluster, so that every node can answer `status`.
public struct LeaderView: Hashable, Sendable {
    /// By group name.
    public var groups: [GroupSummary]
    /// By node.
    public var reports: [NodeReport]
    /// How many voters the leader is in contact with, itself included.
    public var voters: Int
    /// What of its own file the leader goes by, so that nodes with another file notice; an older one tells none.
    public var settings: [FileSetting]

    public init(
        groups: [GroupSummary], reports: [NodeReport], voters: Int, settings: [FileSetting] = []
    ) {
        self.groups = groups
        self.reports = reports
        self.voters = voters
        self.settings = settings
    }
}

/// One setting of a node's configuration file, for people: its name, as `timing.stable_view`, and its value.
public struct FileSetting: Hashable, Sendable {
    public let name: String
    public let value: String

    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// The leader's judgement of one group.
public struct GroupSummary: Hashable, Sendable {
    public let group: GroupName
    public let condition: GroupCondition
    public let why: String
    /// What the launch gate found last, what blocks first.
    public let gate: [GateFinding]
    /// Whether its engine answers requests; nil where the leader does not know.
    public let serves: Bool?
    /// When it is to be launched next, by the leader's clock; nil where it does not wait for a time.
    public let launchAt: WallTime?

    public init(
        group: GroupName, condition: GroupCondition, why: String, gate: [GateFinding] = [],
        serves: Bool? = nil, launchAt: WallTime? = nil
    ) {
        self.serves = serves
        self.launchAt = launchAt
        self.group = group
        self.condition = condition
        self.why = why
        self.gate = gate
    }
}

/// What one node may ask of another.
public enum PeerRequest: Hashable, Sendable {
    /// For the leader: propose this.
    case propose(Command)
    /// The log of a shard of that node: the last lines, or what follows an offset.
    case log(shard: String, lastLines: Int, from: UInt64?)
    /// What the doctor wants to know of that node.
    case examine(NodeQuestion)
    /// For the leader: what a node has told it to be.
    case inventory(NodeID)
    /// For the leader: change who the nodes are, if that is safe.
    case members(MembersOrder)
    /// For the leader: how far is all agreed on? It has a majority confirm that it leads still.
    case confirm
}

/// What a doctor asks of a node, or a drill.
public enum NodeQuestion: Hashable, Sendable {
    /// What it is and what is planned there; it then listens for a while on planned ports that are free.
    /// Before the launch of a group only that group's plan counts, and what cannot change while the host
    /// runs may be told from memory.
    case facts(launchOf: GroupName?)
    /// Whether it reaches the others.
    case reach(dials: [DialTarget], pings: [PingTarget])
    /// How fast it computes: it is kept busy for about a second.
    case speed
    /// For a drill: something of it is struck on purpose.
    case strike(Strike)
    /// Whether its SGLang understands the commands that are planned there, or that of one group.
    case preflight(launchOf: GroupName?)
}

/// A port to dial.
public struct DialTarget: Hashable, Sendable {
    /// Whose port it is.
    public let node: NodeID
    public let endpoint: Endpoint

    public init(node: NodeID, endpoint: Endpoint) {
        self.node = node
        self.endpoint = endpoint
    }
}

/// An address on the fabric to ping.
public struct PingTarget: Hashable, Sendable {
    /// The die to ping from, by its physical id.
    public let die: Int
    /// Whose address it is.
    public let node: NodeID
    public let address: String

    public init(die: Int, node: NodeID, address: String) {
        self.die = die
        self.node = node
        self.address = address
    }
}

/// What the other node answers.
public enum PeerAnswer: Hashable, Sendable {
    case accepted(String)
    /// Why not, and what to do about it where that is more than the reason says.
    case refused(Refusal, String, advice: String? = nil)
    /// A piece of a log and where the next begins.
    case log(text: String, next: UInt64)
    /// A JSON document: what a doctor's question found.
    case document(String)
    /// Whoever has applied the log up to here knows all that was agreed on when it was asked.
    case confirmed(LogIndex)
}

/// What kind of no an answer is.
public enum Refusal: String, Hashable, Sendable, CaseIterable {
    /// There is no such node, group or shard.
    case notFound
    /// No leader, no quorum, or a node out of reach: later it may go.
    case unavailable
    /// It may still be done: look at the events.
    case timedOut
    /// It would do harm as things are.
    case unsafe
}

// MARK: - Frames

extension WireMessage {
    /// Rises when an older agent could no longer understand a newer one.
    public static let version: UInt64 = 1

    private enum Kind: UInt64 {
        case swim = 1
        case raft, report, view, request, answer, sightings, inventory, roster
    }

    /// The frame that carries this message.
    public var frame: [UInt8] {
        CBORValue.array([.unsigned(Self.version), .unsigned(kind.rawValue), body]).encoded
    }

    private var kind: Kind {
        switch self {
        case .swim: .swim
        case .raft: .raft
        case .report: .report
        case .view: .view
        case .request: .request
        case .answer: .answer
        case .sightings: .sightings
        case .inventory: .inventory
        case .roster: .roster
        }
    }

    private var body: CBORValue {
        switch self {
        case .swim(let message): message.cbor
        case .raft(let message): message.cbor
        case .report(let report): report.cbor
        case .view(let view): view.cbor
        case .request(let id, let request): .array([.unsigned(id.value), request.cbor])
        case .answer(let id, let answer): .array([.unsigned(id.value), answer.cbor])
        case .sightings(let words): words.cbor
        case .inventory(let told): told.cbor
        case .roster(let news): news.cbor
        }
    }

    /// Reads the message of a frame.
    /// - Throws: ``CBORError`` where the bytes are no message of this version.
    public init(frame: [UInt8]) throws(CBORError) {
        var record = try CBORRecord(try CBORValue(decoding: frame), "frame")
        let version = try record.unsigned()
        guard version == Self.version else {
            throw .unexpected(expected: "version \(Self.version)", found: "version \(version)")
        }
        let number = try record.unsigned()
        guard let kind = Kind(rawValue: number) else {
            throw .unexpected(expected: "a known kind of message", found: String(number))
        }
        let body = try record.next()
        switch kind {
        case .swim: self = .swim(try SwimMessage(cbor: body))
        case .raft: self = .raft(try RaftMessage(cbor: body))
        case .report: self = .report(try NodeReport(cbor: body))
        case .view: self = .view(try LeaderView(cbor: body))
        case .request:
            var pair = try CBORRecord(body, "request")
            let id = RequestID(try pair.counter())
            self = .request(id, try PeerRequest(cbor: try pair.next()))
        case .answer:
            var pair = try CBORRecord(body, "answer")
            let id = RequestID(try pair.counter())
            self = .answer(id, try PeerAnswer(cbor: try pair.next()))
        case .sightings: self = .sightings(try NodeSightings(cbor: body))
        case .inventory: self = .inventory(try ToldInventory(cbor: body))
        case .roster: self = .roster(try RosterNews(cbor: body))
        }
    }
}

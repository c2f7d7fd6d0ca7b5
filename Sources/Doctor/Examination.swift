// What the doctor judges: everything that each node told, and what came of the dials and pings between
// them. Agents send one another these values as JSON documents.

public import Ascend
public import Base

/// A shard that the plan gives to a node.
public struct PlannedShard: Hashable, Sendable {
    /// `prefill-0/1`.
    public let name: String
    public let role: Role
    /// What its launch sets.
    public let environment: [Variable]
    public let unset: [String]
    /// What it will listen on, on its own node.
    public let endpoints: [Endpoint]
    /// What it may listen on in any generation, and where HCCL searches.
    public let reservedPorts: [PortRange]

    public init(
        name: String, role: Role, environment: [Variable], unset: [String], endpoints: [Endpoint],
        reservedPorts: [PortRange] = []
    ) {
        self.name = name
        self.role = role
        self.environment = environment
        self.unset = unset
        self.endpoints = endpoints
        self.reservedPorts = reservedPorts
    }

    func value(of name: String) -> String? { environment.last { $0.name == name }?.value }
}

/// Ports of which something takes a free one when it starts.
public struct SearchedPorts: Hashable, Sendable, CustomStringConvertible {
    public let range: PortRange
    /// `decode-0 HCCL`.
    public let purpose: String

    public init(_ range: PortRange, by purpose: String) {
        self.range = range
        self.purpose = purpose
    }

    public var description: String { "\(purpose) takes one of \(range)" }
}

/// What became of a planned port on its own node.
public struct PlannedPort: Hashable, Sendable {
    public enum State: String, Hashable, Sendable, CaseIterable {
        /// The agent listens there while the others dial.
        case free
        /// A shard of this node's agent has it.
        case own
        /// Somebody else has it, or it cannot be bound.
        case taken
    }

    public let endpoint: Endpoint
    public let state: State
    /// Who has it, or why it cannot be bound; empty where it is free.
    public let reason: String
    /// What it stands for, where no port is planned and any of a range may be taken.
    public let searched: SearchedPorts?

    public init(
        _ endpoint: Endpoint, _ state: State, reason: String = "", of searched: SearchedPorts? = nil
    ) {
        self.endpoint = endpoint
        self.state = state
        self.reason = reason
        self.searched = searched
    }
}

/// What a node launches, as far as the checks go by it.
public enum ExaminedEngine: String, Hashable, Sendable {
    case sglang
    /// The built-in engine, which needs neither SGLang nor weights.
    case rehearsal
    /// A program of the operator's own.
    case command
}

/// A shard that bears the stamp of the node's agent, which has no record of it: as when the agent's state
/// directory was emptied while engines ran.
public struct AbandonedShard: Hashable, Sendable {
    /// `prefill-0.g3.r1`.
    public let shard: String
    public let processes: [Int32]
    /// What a person can type to end all of it.
    public let command: String

    public init(shard: String, processes: [Int32], command: String) {
        self.shard = shard
        self.processes = processes
        self.command = command
    }
}

/// What one node tells of itself.
public struct NodeExamination: Hashable, Sendable {
    public let inventory: NodeInventory
    /// Where its agent and its engines are reached; nil without an agent.
    public let address: String?
    /// The interface that engines are told.
    public let interface: String?
    /// Of the agent, which its engines inherit.
    public let environment: [Variable]
    public let shards: [PlannedShard]
    public let ports: [PlannedPort]
    /// Processes of the shards that run here: they hold the dies by right.
    public let ownProcesses: [Int32]
    /// What an earlier life of its agent has left running.
    public let abandoned: [AbandonedShard]
    /// Settings that the profile wants of the host and that are not so; nil where nobody compared.
    public let untuned: [UntunedSetting]?
    /// What is known of its dies when nothing runs on them.
    public let idle: IdleMemory
    /// nil without an agent.
    public let engine: ExaminedEngine?

    public init(
        inventory: NodeInventory, address: String?, interface: String?, environment: [Variable],
        shards: [PlannedShard], ports: [PlannedPort], ownProcesses: [Int32],
        abandoned: [AbandonedShard] = [],
        untuned: [UntunedSetting]? = nil, idle: IdleMemory = IdleMemory(),
        engine: ExaminedEngine? = nil
    ) {
        self.inventory = inventory
        self.address = address
        self.interface = interface
        self.environment = environment
        self.shards = shards
        self.ports = ports
        self.ownProcesses = ownProcesses
        self.abandoned = abandoned
        self.untuned = untuned
        self.idle = idle
        self.engine = engine
    }
}

/// A setting of a host that is not as a profile wants it.
public struct UntunedSetting: Hashable, Sendable {
    /// `vm.swappiness=0`.
    public let wanted: String
    public let found: String
    /// The host has it: it can be set.
    public let isSettable: Bool

    public init(wanted: String, found: String, isSettable: Bool = true) {
        self.wanted = wanted
        self.found = found
        self.isSettable = isSettable
    }
}

/// What a node told of its speed.
public struct NodeSpeed: Hashable, Sendable {
    public let node: NodeID
    public let measure: Fact<SpeedMeasure>

    public init(_ node: NodeID, _ measure: Fact<SpeedMeasure>) {
        self.node = node
        self.measure = measure
    }
}

/// A node that was asked.
public struct ExaminedNode: Hashable, Sendable {
    public enum Answer: Hashable, Sendable {
        case told(NodeExamination)
        /// It said nothing, for that reason.
        case silent(String)
    }

    public let node: NodeID
    public let answer: Answer
    /// How far its clock is ahead of that of the node that asked; nil where it was not compared.
    public let clockAhead: Duration?

    public init(_ node: NodeID, _ answer: Answer, clockAhead: Duration? = nil) {
        self.node = node
        self.answer = answer
        self.clockAhead = clockAhead
    }
}

/// A TCP dial from one node to a planned port of another.
public struct Dial: Hashable, Sendable {
    public let from: NodeID
    public let to: NodeID
    public let endpoint: Endpoint
    /// nil where the connection stood.
    public let failure: String?

    public init(from: NodeID, to: NodeID, endpoint: Endpoint, failure: String?) {
        self.from = from
        self.to = to
        self.endpoint = endpoint
        self.failure = failure
    }
}

/// A ping over the fabric from a die of one node to a die of another.
public struct FabricProbe: Hashable, Sendable {
    public let from: NodeID
    public let die: DieID
    public let to: NodeID
    public let address: String
    /// Whether every packet came back over a sound plane.
    public let isSound: Fact<Bool>
    /// What came back, for people.
    public let text: String

    public init(
        from: NodeID, die: DieID, to: NodeID, address: String, isSound: Fact<Bool>, text: String
    ) {
        self.from = from
        self.die = die
        self.to = to
        self.address = address
        self.isSound = isSound
        self.text = text
    }
}

/// All that is judged together.
public struct ClusterExamination: Hashable, Sendable {
    /// In the configured order.
    public let nodes: [ExaminedNode]
    public let dials: [Dial]
    public let pings: [FabricProbe]
    /// Empty where nobody asked for it.
    public let speeds: [NodeSpeed]
    /// Empty where nobody asked for it.
    public let preflights: [NodePreflight]
    /// The nodes are those of one group, and the plan has others.
    public let isOneGroup: Bool

    public init(
        nodes: [ExaminedNode], dials: [Dial] = [], pings: [FabricProbe] = [],
        speeds: [NodeSpeed] = [], preflights: [NodePreflight] = [], isOneGroup: Bool = false
    ) {
        self.nodes = nodes
        self.dials = dials
        self.pings = pings
        self.speeds = speeds
        self.preflights = preflights
        self.isOneGroup = isOneGroup
    }

    /// Whether a host was examined without any agent: then no plan and no other node is known.
    var isLocal: Bool { told.allSatisfy { $0.found.address == nil } }

    /// The nodes that told nothing.
    var silent: [NodeID] {
        nodes.compactMap { examined in
            if case .silent = examined.answer { examined.node } else { nil }
        }
    }

    /// The nodes that answered.
    var told: [(node: NodeID, found: NodeExamination)] {
        nodes.compactMap { examined in
            guard case .told(let found) = examined.answer else { return nil }
            return (examined.node, found)
        }
    }
}

// What a node is told once, at its start.

public import Base
public import ClusterState
public import Consensus
public import Membership
public import Planning
public import Supervision
public import WireProtocol

/// The fixed facts and limits of one node.
public struct NodeConfiguration: Sendable {
    public let cluster: String
    public let version: String
    public let local: NodeID
    /// The interface that carries this node's address: HCCL and gloo are bound to it.
    public let interface: String
    /// Every node that this node's file names, in the operator's order, this one included: the nodes of
    /// the cluster until the log says who they are.
    public let nodes: [ConfiguredNode]
    /// The node joins a cluster that is there: it says nothing until a leader speaks to it.
    public var joins = false
    /// The deployment of this node's own configuration file.
    public let deployment: Deployment
    public var supervision = SupervisionPolicy()
    public var membership = SwimConfiguration.standard
    public var consensus = RaftConfiguration()
    /// How long a new leader waits for every node that the plan needs before it plans with nodes
    /// that are not there yet.
    public var planGrace: Duration = .seconds(30)
    /// How often a node reports, and a leader shows its view, though nothing has changed.
    public var reportInterval: Duration = .seconds(2)
    /// How long an operator's request may take before it is answered with a refusal.
    public var requestTimeout: Duration = .seconds(10)
    /// How long a voter may be gone before its vote goes to a node that is there.
    public var voterGrace: Duration = .seconds(60)
    /// How long a node must have been there before it may be given a vote.
    public var voterTrial: Duration = .seconds(3)
    /// How often the nodes of a group are examined while something on them keeps it from being launched.
    public var gateInterval: Duration = .seconds(5)
    /// An operator's own command is launched through the gate, too.
    public var gatesCommands = false
    /// How old an examination may be at a launch.
    public var gateAge: Duration = .seconds(15)
    /// How long a node may take to examine itself: npu-smi answers one question at a time.
    public var examinationTimeout: Duration = Self.standardExaminationTimeout

    /// How long this node may have no contact with a majority before it stops its engines by itself;
    /// nil: they go on.
    public var isolation: Duration?

    /// What of this node's file it would go by as the leader, as people read it: every node compares it
    /// with what the leader goes by.
    public var settings: [FileSetting] = []

    /// The newest kind of command that this node says it can read; the simulator has older agents.
    public var understands = NodeMachine.understands

    /// Entries kept behind the applied index before the log is compacted.
    public var logLimit = Self.standardLogLimit

    public init(
        cluster: String, version: String, local: NodeID, interface: String,
        nodes: [ConfiguredNode], deployment: Deployment
    ) {
        self.cluster = cluster
        self.version = version
        self.local = local
        self.interface = interface
        self.nodes = nodes
        self.deployment = deployment
    }

    public static let standardLogLimit: UInt64 = 1000
    public static let standardExaminationTimeout = Duration.seconds(60)

    /// At most this many nodes vote; the rest learn. More voters make commits slower, not safer.
    public static let voterLimit = 5

    /// Who takes part until the log says it; nil on a node that joins.
    var bootstrap: Participants? {
        if joins { return nil }
        return Participants(
            voters: nodes.prefix(Self.voterLimit).map(\.node),
            learners: nodes.dropFirst(Self.voterLimit).map(\.node))
    }
}

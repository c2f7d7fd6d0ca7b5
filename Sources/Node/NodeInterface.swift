// What goes into the node machine and what comes out: everything that touches the world. The agent's
// loop executes the actions on sockets, files and processes; the simulator on its models of them.

public import Ascend
public import Base
public import ClusterState
public import Consensus
public import Diagnosis
public import Doctor
public import Planning
public import Profiles
public import Supervision
public import WireProtocol

/// What can happen to a node.
public enum NodeInput: Sendable {
    /// The deadline that the machine named has come. Early or repeated ticks do no harm.
    case tick
    /// A frame arrived on an authenticated stream of that node.
    case frame([UInt8], from: NodeID)
    case streamOpened(NodeID)
    /// The node's host says that its agent is gone: reset, end of stream, refused dial.
    case agentGone(NodeID)
    /// A stream ended without such evidence.
    case streamLost(NodeID)
    case persisted(PersistToken)
    case shard(ShardID, ShardInput)
    /// All that the log of a shard has said is wrong.
    case sighted(ShardID, [Sighting])
    /// What the engine of a group answered to this node, which leads and asked from afar.
    case masterProbed(GroupName, ProbeResult)
    /// What the router process that this node runs said to `callRouter`.
    case routerAnswered(ShardID, RouterAnswer)
    /// What `examineGroup` of that number found.
    case groupExamined(GroupName, round: UInt64, [GateFinding])
    /// What this node is: the digest for every member to know, the JSON for the leader.
    case inventoried(InventoryDigest, document: String? = nil)
    /// What operators should know of this node, all of it; it takes the place of what was noted before.
    case noted([String])
    /// The operator asks; answered by `answer` of the same number.
    case operate(RequestID, OperatorRequest)
    /// What `readLog` or `examine` found.
    case found(Recipient, PeerAnswer)
    /// What `findSGLang` found out.
    case sglangFound(ShardID, SGLangFinding)
    /// What `findRouter` found out.
    case routerFound(ShardID, RouterFinding)
    /// This router, of an earlier run of this agent, is the built-in one.
    case builtInRouter(ShardID)
    /// The agent stops; its shards go on.
    case leave
}

/// What an operator may ask of an agent.
public enum OperatorRequest: Hashable, Sendable {
    case propose(Command.Action)
    /// The deployment of this node's file is to be agreed on, whatever the other files say.
    case apply
    /// Change who the nodes of the cluster are, if the leader finds it safe.
    case members(MembersOrder)
    /// What a deployment would change; answered by a document, and nothing is done.
    case compare(Deployment)
    /// `shard` is `prefill-0/1` (group and rank, newest generation) or `prefill-0.g3.r1`.
    case log(shard: String, lastLines: Int, from: UInt64?)
    /// A doctor's question to a node, answered by a document.
    case examine(NodeID, NodeQuestion)
    /// What the leader was told of a node last, answered by a document.
    case inventory(NodeID)
    /// Answered once this node knows all that was agreed on when it was asked.
    case confirm
}

/// Whether a node has the published router.
public enum RouterFinding: Hashable, Sendable {
    case installed, missing
    /// Why the question could not be answered.
    case unknown(String)
}

/// What SGLang a node has.
public enum SGLangFinding: Hashable, Sendable {
    case version(Version)
    /// What was answered, which is no version.
    case unreadable(String)
    /// Why the question could not be answered.
    case unknown(String)
}

extension SGLangFinding {
    /// Of what the engine's Python answered.
    public init(told text: String) {
        self = Version(text).map { .version($0) } ?? .unreadable(text)
    }

    /// Why nothing can be launched with that; nil where something can.
    public var refusal: String? {
        guard case .unreadable(let text) = self else { return nil }
        return "the engine's Python says that its SGLang is \"\(text)\", which is no version: "
            + "which arguments it understands is not known; install a release, or build it from "
            + "a full working copy"
    }
}

/// Who gets what is found on this node.
public enum Recipient: Hashable, Sendable {
    case local(RequestID)
    case peer(NodeID, RequestID)
}

/// What a node wants done.
public enum NodeAction: Sendable {
    case send([UInt8], to: NodeID)
    /// From now on, keep streams to those nodes; let the others in when they come, and do not dial them.
    case connect(to: [ConfiguredNode], accepting: [ConfiguredNode])
    case persist(PersistRequest)
    case checkPorts(ShardID, [Endpoint])
    /// Make the doctor's checks on these nodes and between them, and to what of other groups serves them
    /// already, as before a launch of that group; `groupExamined` of the same number answers.
    case examineGroup(GroupName, [NodeID], reaching: [DialTarget], round: UInt64)
    /// Ask the Python of this shard which SGLang is installed; `sglangFound` answers.
    case findSGLang(ShardID, LaunchSpec)
    /// Ask the Python of this router whether the published one is installed; `routerFound` answers.
    case findRouter(ShardID, LaunchSpec)
    case launch(ShardID, LaunchSpec, EngineKind)
    case stop(ShardID, grace: Duration)
    case probe(ShardID, ProbeTarget)
    /// Nothing refers to this shard any more; its logs may be kept for a while.
    case forget(ShardID)
    case probeMaster(GroupName, ProbeTarget)
    case callRouter(ShardID, Endpoint, RouterCall)
    /// Read at once what has been written about this shard, CANN's own logs too; `sighted` tells of it.
    case consultLogs(ShardID)
    case readLog(Recipient, shard: String, lastLines: Int, from: UInt64?)
    case examine(Recipient, NodeQuestion)
    case answer(RequestID, PeerAnswer)
    case log(LogLevel, String)
    /// A happening was agreed on. It is no news where this node's disk held it at the start.
    case ledger(LedgerEvent, isNews: Bool)
}

/// Where and how an engine is asked.
public struct ProbeTarget: Hashable, Sendable {
    public let kind: ProbeKind
    public let role: Role
    public let http: Endpoint
    /// The bootstrap server of a prefill group, which serves only once every rank is registered.
    public let bootstrap: Endpoint?

    public init(kind: ProbeKind, role: Role, http: Endpoint, bootstrap: Endpoint?) {
        self.kind = kind
        self.role = role
        self.http = http
        self.bootstrap = bootstrap
    }

    init(_ kind: ProbeKind, of group: PlannedGroup) {
        self.init(kind: kind, role: group.role, http: group.http, bootstrap: group.bootstrap)
    }
}

/// How much a log line matters.
public enum LogLevel: String, Hashable, Sendable {
    case info, warning, error
}

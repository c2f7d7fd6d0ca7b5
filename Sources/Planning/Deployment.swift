// What the operator wants, complete in itself: the resolved profile, where the weights lie and what
// runs the shards. It is replicated as text, so that a node whose file differs still runs what was
// committed.

public import Base

/// The deployment wanted.
public struct Deployment: Hashable, Sendable {
    /// The profile's name, for people.
    public let profileName: String
    /// The resolved profile with every override applied, in the profile format.
    public let profileYAML: String
    /// The directory of the weights, the same on every node.
    public let modelPath: String
    public let engine: EngineKind

    public init(
        profileName: String, profileYAML: String, modelPath: String, engine: EngineKind
    ) {
        self.profileName = profileName
        self.profileYAML = profileYAML
        self.modelPath = modelPath
        self.engine = engine
    }
}

/// What runs the shards.
public enum EngineKind: Hashable, Sendable {
    /// The published command as it stands.
    case sglang
    /// The engine in this binary, with the published arguments and environment.
    case rehearsal
    /// The operator's own program, given the published command as its arguments.
    case command([String])
}

/// A node as the planner knows it, in the configured order.
public struct Candidate: Hashable, Sendable {
    public let node: NodeID
    public let address: String
    /// Only usable nodes are given a rank they do not hold yet.
    public let isUsable: Bool
    /// The super pod the node is in; nodes of a group must share it. Nil where it is not known.
    public let superPod: String?
    public let standing: Standing

    /// What an operator lets a node have.
    public enum Standing: Hashable, Sendable {
        case open
        /// It keeps what it holds, and takes nothing new.
        case cordoned
        /// It takes nothing new, and gives what it holds to whoever has room.
        case draining
    }

    public init(
        node: NodeID, address: String, isUsable: Bool, superPod: String? = nil,
        standing: Standing = .open
    ) {
        self.node = node
        self.address = address
        self.isUsable = isUsable
        self.superPod = superPod
        self.standing = standing
    }

    /// Whether its ranks stay where they are.
    var keepsRanks: Bool { isUsable && standing != .draining }
}

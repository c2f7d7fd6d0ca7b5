// What the transport tells, and how it is set up.

public import Base
public import EventLoop

/// Why a stream to a peer is over, or a dial has failed, as far as it says something of the peer.
public enum PeerCloseReason: Hashable, Sendable, CustomStringConvertible {
    /// The peer's host answered that the agent is not there (any more): the dial was refused, or
    /// the stream was reset or ended without the goodbye that a living agent says.
    case agentGone(because: String)
    /// The peer's host took the connection and ended it before TLS stood: its secret is another, or
    /// its cluster, which the offered key names too.
    case secretRefused
    /// The peer knows this agent's key, and still does not let it in.
    case refused(because: String)
    /// The peer holds a stream to another agent of this agent's name, which was started before.
    case twin(because: String)
    /// Anything else. It says nothing of the agent: no answer in time, no way to the host, a
    /// goodbye, a handshake that failed, or a reason of this side's.
    case lost(because: String)

    public var isAgentGone: Bool {
        if case .agentGone = self { true } else { false }
    }

    public var description: String {
        switch self {
        case .agentGone(let why): "agent gone: \(why)"
        case .secretRefused:
            "refused by the peer: the secret differs (or is of another cluster)"
        case .refused(let why), .twin(let why): "refused by the peer: \(why)"
        case .lost(let why): "lost: \(why)"
        }
    }
}

/// How much a line of the log matters.
public enum LogLevel: String, Hashable, Sendable {
    case info, warning
}

/// What the transport tells its owner. For each peer `opened` and `closed` alternate, and frames
/// come only in between, each at most once and in order; only where two agents dialled each other
/// at once may the last frames of the stream that gave way come among the first of the other.
public enum PeerEvent: Sendable {
    case opened(NodeID)
    case frame([UInt8], from: NodeID)
    case closed(NodeID, PeerCloseReason)
    /// A dial failed while no stream stood. The next follows by itself.
    case dialFailed(NodeID, PeerCloseReason)
    case log(LogLevel, String)
}

/// How an agent talks to its peers.
public struct TransportConfiguration: Sendable {
    public var node: NodeID
    public var cluster: String
    /// The first is dialled with; all are accepted. During a rotation: the new one and the old.
    public var keys: [ClusterKey]
    /// Where to listen. Dials leave from the same host, unless it is the wildcard address.
    public var listen: Endpoint
    /// Every other agent of the cluster.
    public var peers: [NodeID: Endpoint]

    /// A number of this machine and its boot, to tell a restarted agent from one that runs twice; 0 tells nothing.
    public var machine: UInt64 = 0
    /// When the agent was started: of two of one name, the earlier stays.
    public var startedAt = WallTime(millisecondsSinceEpoch: 0)
    /// How lately a stream must have been heard for its agent to be surely there.
    public var twinLimit = Duration.milliseconds(1500)
    /// Whether a peer must come from the host that `peers` lists for it.
    public var checksPeerHost = true
    public var frameLimitBytes = 4 << 20
    /// How much may wait for one peer that does not read; a frame beyond it is dropped.
    public var queueLimitBytes = 8 << 20
    public var dialLimit = Duration.seconds(2)
    /// From a TCP connection to both hellos.
    public var handshakeLimit = Duration.seconds(5)
    public var redial = Backoff(initial: .milliseconds(100), limit: .seconds(1))
    /// How long sent bytes may stay unacknowledged before the stream is given up. TCP doubles the
    /// pause between its attempts, so that a stream is silent for up to twice as long as the network
    /// was; by then membership takes a healthy peer for dead, which it does after 1.7 s at the
    /// earliest. A new stream is there sooner. The system counts from its first repetition, a fifth
    /// of a second after the bytes.
    public var unacknowledgedLimit = Duration.milliseconds(1200)
    /// Incoming connections that have not said who they are. Beyond it the oldest goes.
    public var halfOpenLimit = 128

    public init(
        node: NodeID, cluster: String, keys: [ClusterKey], listen: Endpoint,
        peers: [NodeID: Endpoint]
    ) {
        self.node = node
        self.cluster = cluster
        self.keys = keys
        self.listen = listen
        self.peers = peers
    }
}

/// Why a transport cannot start, or cannot take a change.
public enum TransportError: Error, Hashable, Sendable, CustomStringConvertible {
    case system(UVError)
    case tls(TLSError)
    case configuration(String)

    public var description: String {
        switch self {
        case .system(let error): error.description
        case .tls(let error): error.description
        case .configuration(let text): text
        }
    }
}

/// Counters since the start.
public struct TransportStatistics: Hashable, Sendable {
    public var framesSent: UInt64 = 0
    public var framesReceived: UInt64 = 0
    /// Payload bytes, without framing and encryption.
    public var bytesSent: UInt64 = 0
    public var bytesReceived: UInt64 = 0
    /// Frames not sent: no stream, a full queue, or too long.
    public var framesDropped: UInt64 = 0
    /// Streams ended because the peer announced a frame that is too long.
    public var oversizedFrames: UInt64 = 0
    /// Incoming connections that did not prove to be a peer.
    public var handshakesRejected: UInt64 = 0
    public var dials: UInt64 = 0
    public var dialsFailed: UInt64 = 0
    public var streamsOpened: UInt64 = 0
    /// Streams that gave way to another to the same peer, because both had dialled.
    public var streamsSuperseded: UInt64 = 0

    /// Takes over the counters that a link keeps.
    mutating func add(_ link: TransportStatistics) {
        dials += link.dials
        dialsFailed += link.dialsFailed
        streamsSuperseded += link.streamsSuperseded
    }
}

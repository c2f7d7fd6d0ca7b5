// What a stream can tell, and the ways in which it can end. Telling these ends apart is what TCP
// gives a failure detector for free: a reset or a refusal is an answer from a host that is up.

public import Base

/// Where a stream connects to or listens.
public enum StreamAddress: Hashable, Sendable, CustomStringConvertible {
    case tcp(Endpoint)
    /// A Unix socket at that path.
    case unix(String)

    public var description: String {
        switch self {
        case .tcp(let endpoint): endpoint.description
        case .unix(let path): path
        }
    }
}

/// One thing that happened to a stream.
public enum StreamEvent: Sendable {
    /// A dialled connection stands. Accepted ones and pipes stand from the beginning.
    case opened
    /// Bytes arrived; never empty.
    case received([UInt8])
    /// The peer will send no more, but may still read. Only told where half-closing is allowed;
    /// otherwise the end of the stream closes it.
    case peerFinished
    /// There is room again after a write was refused.
    case drained
    /// The connection is over. Told once and last; not told to who closes it himself.
    case closed(StreamCloseReason)
}

/// Why a stream is over.
public enum StreamCloseReason: Hashable, Sendable, CustomStringConvertible {
    /// The peer closed in an orderly way.
    case endOfStream
    /// The peer's host answered that there is no such connection (any more).
    case reset
    /// The peer's host answered the dial: nobody listens there.
    case refused
    /// No answer in time.
    case timedOut
    /// The network knows no way to the host, or the host is down.
    case unreachable
    /// This side closed it.
    case local
    /// Any other error.
    case failed(UVError)

    init(_ error: UVError) {
        switch error.name {
        case "EOF": self = .endOfStream
        case "ECONNRESET", "EPIPE", "ECONNABORTED", "ENOTCONN": self = .reset
        case "ECONNREFUSED": self = .refused
        case "ETIMEDOUT": self = .timedOut
        case "EHOSTUNREACH", "ENETUNREACH", "EHOSTDOWN", "ENETDOWN": self = .unreachable
        default: self = .failed(error)
        }
    }

    public var description: String {
        switch self {
        case .endOfStream: "closed by the peer"
        case .reset: "reset by the peer"
        case .refused: "connection refused"
        case .timedOut: "timed out"
        case .unreachable: "host unreachable"
        case .local: "closed by this side"
        case .failed(let error): error.description
        }
    }
}

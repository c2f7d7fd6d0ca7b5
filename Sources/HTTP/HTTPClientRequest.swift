// What a client sends, and how it can fail.

public import Base

/// A request to be sent.
public struct HTTPClientRequest: Sendable {
    public var method: HTTPMethod
    /// An `http` URL with a numeric or resolvable host.
    public var url: String
    public var headers: HTTPHeaders
    public var body: [UInt8]
    /// For the whole exchange; nil for none, as long streams want it.
    public var timeout: Duration?
    public var connectTimeout = Duration.seconds(5)
    /// The largest body of a whole response. A streamed one is not bounded by it.
    public var responseLimitBytes = 16 << 20
    /// Connects to this Unix socket; the host of the URL is then only sent as `Host`.
    public var unixSocketPath: String?
    /// Connects from this numeric address of the machine.
    public var localAddress: String?

    public init(
        _ method: HTTPMethod = .get, _ url: String, headers: HTTPHeaders = [:],
        body: [UInt8] = [], timeout: Duration? = .seconds(30)
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.timeout = timeout
    }

    /// A request with a JSON document as its body.
    public static func json(
        _ method: HTTPMethod = .post, _ url: String, _ document: JSONValue,
        timeout: Duration? = .seconds(30)
    ) -> HTTPClientRequest {
        HTTPClientRequest(
            method, url, headers: ["Content-Type": "application/json"],
            body: Array(document.compact.utf8), timeout: timeout)
    }
}

/// Why there is no response.
public struct HTTPClientError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What callers tell apart.
    public enum Cause: Hashable, Sendable {
        /// The host answered: nobody listens there. For a Unix socket also: no such file.
        case refused
        /// No connection could be made: no route, or a host that says nothing.
        case unreachable
        /// There was a connection, and no whole response in time.
        case timedOut
        /// The host's name has no address.
        case unresolved
        /// The connection broke off before the response was whole.
        case reset
        /// The response exceeds the limit of the request.
        case tooLarge
        /// Anything else; the text tells.
        case other
    }

    public let cause: Cause
    public let method: HTTPMethod
    public let url: String
    /// The particulars, in curl's words.
    public let detail: String

    public init(cause: Cause, method: HTTPMethod, url: String, detail: String) {
        self.cause = cause
        self.method = method
        self.url = url
        self.detail = detail
    }

    public var description: String {
        let what =
            switch cause {
            case .refused: "connection refused"
            case .unreachable: "no connection could be made"
            case .timedOut: "timed out"
            case .unresolved: "the host name has no address"
            case .reset: "the connection broke off before the response was whole"
            case .tooLarge: "the response is too large"
            case .other: "failed"
            }
        return "\(method.rawValue) \(url): \(what) (\(detail))"
    }
}

// Accepting streams.

public import Base
import CLibuv
import Glibc

/// Listens on a TCP port or a Unix socket. Dropping it closes it; accepted connections live on.
public final class StreamListener {
    /// Where it listens: for port 0 the port that the system gave.
    public let address: StreamAddress

    private let handle: Handle
    private weak var loop: Loop?
    private let isTCP: Bool
    private let onConnection: (StreamConnection) -> Void

    /// Listens on a TCP port; port 0 lets the system choose one.
    /// - Parameters:
    ///   - loop: where the listener lives.
    ///   - endpoint: the address to bind.
    ///   - onConnection: given each new connection; who does not keep it closes it. Bytes come
    ///     after ``StreamConnection/start(onEvent:)``.
    /// - Throws: when the address cannot be bound, such as EADDRINUSE or EADDRNOTAVAIL.
    public init(
        _ loop: Loop, on endpoint: Endpoint, onConnection: @escaping (StreamConnection) -> Void
    ) throws(UVError) {
        self.loop = loop
        self.onConnection = onConnection
        isTCP = true
        let local = try SocketAddress(endpoint, operation: "listen on")
        handle = try Handle(uv_tcp_t.self, loop: loop, "create a socket") { uv_tcp_init($0, $1) }
        guard let raw = handle.raw(as: uv_tcp_t.self) else {
            throw UVError(UV_ECANCELED, operation: "listen on", subject: endpoint.description)
        }
        try check(
            local.withPointer { uv_tcp_bind(raw, $0, 0) }, "listen on", endpoint.description)
        try Self.listen(handle, name: endpoint.description)
        let bound = SocketAddress { uv_tcp_getsockname(raw, $0, $1) }?.endpoint
        address = .tcp(bound ?? endpoint)
        handle.owner = self
    }

    /// Listens on a Unix socket. A stale socket file at the path is the caller's to remove; the
    /// file goes when the listener closes.
    /// - Parameters:
    ///   - loop: where the listener lives.
    ///   - path: the path of the socket.
    ///   - permissions: the mode of the socket file; set before the first connection is taken.
    ///   - onConnection: given each new connection; who does not keep it closes it.
    /// - Throws: when the path cannot be bound, such as EADDRINUSE where the file exists.
    public init(
        _ loop: Loop, onUnixPath path: String, permissions: UInt32,
        onConnection: @escaping (StreamConnection) -> Void
    ) throws(UVError) {
        self.loop = loop
        self.onConnection = onConnection
        isTCP = false
        address = .unix(path)
        handle = try Handle(uv_pipe_t.self, loop: loop, "create a socket") {
            uv_pipe_init($0, $1, 0)
        }
        guard let raw = handle.raw(as: uv_pipe_t.self) else {
            throw UVError(UV_ECANCELED, operation: "listen on", subject: path)
        }
        try check(uv_pipe_bind(raw, path), "listen on", path)
        guard chmod(path, permissions) == 0 else {
            throw UVError(errno: errno, operation: "set the permissions of", subject: path)
        }
        try Self.listen(handle, name: path)
        handle.owner = self
    }

    /// Where it listens, for TCP.
    public var endpoint: Endpoint? {
        if case .tcp(let endpoint) = address { endpoint } else { nil }
    }

    /// Stops listening.
    public func close() {
        handle.close()
    }

    private static func listen(_ handle: Handle, name: String) throws(UVError) {
        guard let raw = handle.raw(as: uv_stream_t.self) else { return }
        let result = uv_listen(raw, 511) { raw, status in
            guard status >= 0 else { return }
            Handle.owner(of: raw, as: StreamListener.self)?.accept()
        }
        try check(result, "listen on", name)
    }

    private func accept() {
        guard let loop, let server = handle.raw(as: uv_stream_t.self),
            let connection = try? StreamConnection(loop, tcp: isTCP, peerName: address.description),
            let client = connection.handle.raw(as: uv_stream_t.self),
            uv_accept(server, client) == 0
        else { return }
        if let peer = connection.peerEndpoint { connection.peerName = peer.description }
        connection.prepareTCP()
        onConnection(connection)
    }
}

@available(*, unavailable) extension StreamListener: Sendable {}

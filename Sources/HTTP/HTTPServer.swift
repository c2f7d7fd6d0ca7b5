// An HTTP/1.1 server on libmicrohttpd, driven by the loop: no thread, no polling. The library parses
// and frames; what a request means is the handler's.
//
// The daemon has an epoll descriptor of its own ("external epoll" in its manual), which stands in a
// SocketSet. An exchange that waits for its answer is suspended, and then the library looks away
// from its socket; the SocketSet watches it meanwhile, so that a client that leaves is noticed.

public import Base
import CMicrohttpd
public import EventLoop
import Glibc

/// The bounds of a server. Whatever exceeds one is refused, never queued.
public struct HTTPServerLimits: Hashable, Sendable {
    /// The largest request body; above it the answer is 413.
    public var bodyBytes = 1 << 20
    /// The memory of one connection, which its request line and headers must fit into; else 431.
    public var headerBytes = 32 << 10
    /// Further connections wait in the kernel's queue.
    public var connections = 256
    /// A connection on which nothing moves for so long is closed, unless its request waits for us.
    public var idleTimeout = Duration.seconds(60)
    /// What a client of a stream may fall behind before it is cut off.
    public var streamBytes = 1 << 20

    public init() {}
}

/// A server that is listening. Dropping it closes it.
public final class HTTPServer {
    /// Takes a request on the loop's thread, and may answer at once or later.
    public typealias Handler = (HTTPRequest, HTTPResponder) -> Void

    private let daemon: HTTPDaemon

    /// Starts to listen.
    /// - Throws: why the address cannot be used, naming it; `EADDRINUSE` when another holds it.
    public init(
        _ loop: Loop, listen address: HTTPListenAddress, limits: HTTPServerLimits = .init(),
        handler: @escaping Handler
    ) throws(UVError) {
        daemon = try HTTPDaemon(loop, listen: address, limits: limits, handler: handler)
    }

    deinit {
        daemon.close()
    }

    /// The address listened on, with the port that the system chose; nil for a Unix socket.
    public var boundEndpoint: Endpoint? { daemon.endpoint }

    /// Stops listening, cuts every connection, and removes the file of a Unix socket. In a handler,
    /// it happens as soon as the handler has returned.
    public func close() {
        daemon.close()
    }
}

@available(*, unavailable) extension HTTPServer: Sendable {}

/// The running daemon. It keeps itself alive until closed, since the library points at it.
final class HTTPDaemon {
    let limits: HTTPServerLimits
    /// nil once closed: the handler may hold responders, which hold the daemon.
    private(set) var handler: HTTPServer.Handler?
    let endpoint: Endpoint?

    private let file: SocketFile?
    private let sockets: SocketSet
    private var raw: OpaquePointer?
    private var keptAlive: HTTPDaemon?
    /// The exchanges that are suspended, by the tokens of their sockets.
    private var suspended: [UInt64: HTTPExchange] = [:]
    private var lastToken = HTTPDaemon.daemonToken
    private var isServicing = false
    private var isServiceDue = false
    private var isClosing = false

    private static let daemonToken: UInt64 = 0

    init(
        _ loop: Loop, listen address: HTTPListenAddress, limits: HTTPServerLimits,
        handler: @escaping HTTPServer.Handler
    ) throws(UVError) {
        self.limits = limits
        self.handler = handler
        sockets = try SocketSet(loop: loop)
        let listening = try ListeningSocket(address)
        endpoint = listening.endpoint
        file = listening.file
        var options = cmicrohttpd_options(
            listening_socket: listening.descriptor,
            connection_memory_bytes: limits.headerBytes,
            connection_limit: UInt32(clamping: limits.connections),
            idle_timeout_seconds: UInt32(clamping: limits.idleTimeout.components.seconds),
            handler: handleRequest, completed: handleCompletion,
            context: Unmanaged.passUnretained(self).toOpaque())
        raw = cmicrohttpd_start(&options)
        guard let raw else {
            let number = errno
            Glibc.close(listening.descriptor)
            file?.remove()
            throw UVError(
                errno: number == 0 ? ENOMEM : number, operation: "start an HTTP server on",
                subject: address.description)
        }
        keptAlive = self
        sockets.watch(
            cmicrohttpd_epoll_descriptor(raw), for: SocketSet.readable, token: Self.daemonToken)
        sockets.onEvents = { [weak self] in self?.dispatch($0) }
        sockets.onTimeout = { [weak self] in self?.service() }
    }

    func close() {
        isClosing = true
        if !isServicing { shutDown() }
    }

    private func shutDown() {
        guard let raw else { return }
        self.raw = nil
        // The library refuses to stop over suspended connections.
        for exchange in suspended.values.sorted(by: { $0.token < $1.token }) { exchange.wake() }
        MHD_stop_daemon(raw)
        sockets.close()
        file?.remove()
        handler = nil
        keptAlive = nil
    }

    private func dispatch(_ events: [SocketSet.Event]) {
        for event in events {
            if event.token == Self.daemonToken {
                service()
            } else {
                suspended[event.token]?.peerLeft()
            }
        }
    }

    /// Lets the library do what can be done now, and asks when it wants to be called next.
    private func service() {
        guard let raw, !isServicing else { return }
        isServicing = true
        isServiceDue = false
        let connectionsBefore = cmicrohttpd_connection_count(raw)
        MHD_run(raw)
        isServicing = false
        guard !isClosing else { return shutDown() }
        // A full daemon stops to accept, and starts again only in the run after one has ended.
        if cmicrohttpd_connection_count(raw) < connectionsBefore { isServiceDue = true }
        guard !isServiceDue else { return serviceSoon() }
        var milliseconds: UInt64 = 0
        let hasTimeout = MHD_get_timeout(raw, &milliseconds) == .YES
        sockets.wakeUp(afterMilliseconds: hasTimeout ? Int64(clamping: milliseconds) : nil)
    }

    // MARK: - For exchanges

    /// A resumed connection is not looked at before the next run, and nothing else calls for one.
    func serviceSoon() {
        isServiceDue = true
        if !isServicing { sockets.wakeUp(afterMilliseconds: 0) }
    }

    func nextToken() -> UInt64 {
        lastToken += 1
        return lastToken
    }

    func watchWhileSuspended(_ exchange: HTTPExchange) {
        suspended[exchange.token] = exchange
        sockets.watch(exchange.socket, for: SocketSet.peerClosed, token: exchange.token)
    }

    func endWatch(of exchange: HTTPExchange) {
        suspended[exchange.token] = nil
        sockets.forget(exchange.socket)
    }
}

@available(*, unavailable) extension HTTPDaemon: Sendable {}

/// libmicrohttpd calls this when the headers of a request are read, for each piece of its body, at
/// the body's end, and again whenever the connection is resumed before it was answered.
private func handleRequest(
    context: UnsafeMutableRawPointer?, connection: OpaquePointer?, url: UnsafePointer<CChar>?,
    method: UnsafePointer<CChar>?, version: UnsafePointer<CChar>?, bytes: UnsafePointer<CChar>?,
    count: UnsafeMutablePointer<Int>?, exchange: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> MHD_Result {
    guard let context, let connection, let url, let method, let count, let exchange else {
        return .NO
    }
    guard let present = exchange.pointee else {
        let daemon = Unmanaged<HTTPDaemon>.fromOpaque(context).takeUnretainedValue()
        let started = HTTPExchange(
            daemon: daemon, connection: connection, method: String(cString: method),
            path: String(cString: url))
        exchange.pointee = Unmanaged.passRetained(started).toOpaque()
        return started.begin()
    }
    let current = Unmanaged<HTTPExchange>.fromOpaque(present).takeUnretainedValue()
    guard count.pointee > 0, let bytes else { return current.advance() }
    let piece = UnsafeRawBufferPointer(start: bytes, count: count.pointee)
    count.pointee = 0
    return current.receive(piece)
}

/// libmicrohttpd calls this once for every request that ``handleRequest`` was called for.
private func handleCompletion(
    context: UnsafeMutableRawPointer?, connection: OpaquePointer?,
    exchange: UnsafeMutablePointer<UnsafeMutableRawPointer?>?, code: MHD_RequestTerminationCode
) {
    guard let present = exchange?.pointee else { return }
    exchange?.pointee = nil
    Unmanaged<HTTPExchange>.fromOpaque(present).takeRetainedValue().ended()
}

// One stream class for TCP, Unix sockets and the pipes of a child: they differ in how they begin,
// not in what can happen to them. Reading is pushed and can be paused; writing is bounded and says
// so, instead of growing a queue for a peer that does not read.

public import Base
import CLibuv
import Glibc

/// A connected stream, or one that is being dialled. Dropping it closes it.
public final class StreamConnection {
    /// The other end: address, path, or a word such as `pipe`.
    public internal(set) var peerName: String
    /// More bytes than this never wait to be sent, except for one single larger write.
    public var writeLimitBytes = 1 << 20
    /// Whether the stream stays open for writing when the peer has sent its last byte.
    public var allowsHalfClose = false
    /// Why the stream is over; nil while it is not.
    public private(set) var closeReason: StreamCloseReason?

    let handle: Handle
    private weak var loop: Loop?
    private let isTCP: Bool
    private var onEvent: ((StreamEvent) -> Void)?
    private var isReading = false
    /// Nothing more may be written.
    private var isFinished = false
    /// Everything is written, and the end of it said.
    private var allIsWritten = false
    private var peerIsFinished = false
    private var isLingering = false
    private var writeWasRefused = false
    private var deadline: LoopTimer?

    /// A stream whose libuv handle is initialised but not connected.
    init(_ loop: Loop, tcp: Bool, peerName: String) throws(UVError) {
        self.loop = loop
        self.peerName = peerName
        isTCP = tcp
        handle =
            tcp
            ? try Handle(uv_tcp_t.self, loop: loop, "create a socket") { uv_tcp_init($0, $1) }
            : try Handle(uv_pipe_t.self, loop: loop, "create a pipe") { uv_pipe_init($0, $1, 0) }
        handle.owner = self
    }

    // MARK: - Beginning

    /// Dials. Every failure, also an immediate one, is told as ``StreamEvent/closed(_:)`` after
    /// this call has returned.
    /// - Parameters:
    ///   - loop: where the connection lives.
    ///   - address: where to.
    ///   - localHost: the address of this host to dial from (TCP only); nil lets the system choose.
    ///   - limit: after this time the dial has timed out.
    ///   - onEvent: told everything that happens.
    /// - Returns: the connection; dropping it ends the dial.
    /// - Throws: when the system has no socket left.
    public static func connect(
        _ loop: Loop, to address: StreamAddress, from localHost: String? = nil,
        within limit: Duration, onEvent: @escaping (StreamEvent) -> Void
    ) throws(UVError) -> StreamConnection {
        let isTCP = if case .tcp = address { true } else { false }
        let connection = try StreamConnection(loop, tcp: isTCP, peerName: address.description)
        connection.onEvent = onEvent
        do throws(UVError) {
            try connection.dial(address, from: localHost)
            connection.deadline = loop.after(limit) { [weak connection] in
                connection?.end(.timedOut)
            }
        } catch {
            loop.soon { [weak connection] in connection?.end(StreamCloseReason(error)) }
        }
        return connection
    }

    /// Begins to read an accepted connection or the pipe of a child. Called once.
    public func start(onEvent: @escaping (StreamEvent) -> Void) {
        self.onEvent = onEvent
        resumeReading()
    }

    private func dial(_ address: StreamAddress, from localHost: String?) throws(UVError) {
        let request = UnsafeMutablePointer<uv_connect_t>.allocate(capacity: 1)
        let onConnect: uv_connect_cb = { request, status in
            let connection = Handle.owner(
                of: request?.pointee.handle, as: StreamConnection.self)
            request?.deallocate()
            connection?.connected(status: status)
        }
        switch address {
        case .tcp(let endpoint):
            do throws(UVError) {
                try dialTCP(request, endpoint, from: localHost, onConnect)
            } catch {
                request.deallocate()
                throw error
            }
        case .unix(let path):
            guard let raw = handle.raw(as: uv_pipe_t.self) else { return request.deallocate() }
            // Reports every failure through the callback.
            uv_pipe_connect(request, raw, path, onConnect)
        }
    }

    private func dialTCP(
        _ request: UnsafeMutablePointer<uv_connect_t>, _ endpoint: Endpoint,
        from localHost: String?, _ onConnect: uv_connect_cb
    ) throws(UVError) {
        let target = try SocketAddress(endpoint, operation: "connect to")
        guard let raw = handle.raw(as: uv_tcp_t.self) else {
            throw UVError(UV_ECANCELED, operation: "connect to", subject: peerName)
        }
        if let localHost {
            let local = Endpoint(host: localHost, port: 0)
            let source = try SocketAddress(local, operation: "bind to")
            try check(source.withPointer { uv_tcp_bind(raw, $0, 0) }, "bind to", localHost)
        }
        let result = target.withPointer { uv_tcp_connect(request, raw, $0, onConnect) }
        try check(result, "connect to", peerName)
    }

    private func connected(status: Int32) {
        deadline = nil
        guard status >= 0 else {
            let error = UVError(code: status, operation: "connect to", subject: peerName)
            return end(StreamCloseReason(error))
        }
        prepareTCP()
        resumeReading()
        onEvent?(.opened)
    }

    /// Small frames go out at once, and a peer whose host vanished is noticed even when idle.
    func prepareTCP() {
        guard isTCP, let raw = handle.raw(as: uv_tcp_t.self) else { return }
        uv_tcp_nodelay(raw, 1)
        uv_tcp_keepalive(raw, 1, 15)
    }

    /// Gives up on a TCP peer that leaves sent bytes unacknowledged for so long, with
    /// ``StreamCloseReason/timedOut``. Without it the system retries for a quarter of an hour.
    public func limitUnacknowledged(to limit: Duration) {
        var descriptor: Int32 = -1
        guard isTCP, let raw = handle.raw(as: uv_handle_t.self), uv_fileno(raw, &descriptor) == 0
        else { return }
        var milliseconds = CUnsignedInt(clamping: limit.millisecondsRoundedUp)
        setsockopt(
            descriptor, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, &milliseconds,
            socklen_t(MemoryLayout<CUnsignedInt>.size))
    }

    // MARK: - Addresses

    /// The address of the other end; nil where the stream is not TCP or not connected.
    public var peerEndpoint: Endpoint? { endpoint(uv_tcp_getpeername) }

    /// The address of this end; nil where the stream is not TCP or not connected.
    public var localEndpoint: Endpoint? { endpoint(uv_tcp_getsockname) }

    private func endpoint(
        _ read: (
            UnsafePointer<uv_tcp_t>?, UnsafeMutablePointer<sockaddr>?, UnsafeMutablePointer<Int32>?
        ) -> Int32
    ) -> Endpoint? {
        guard isTCP, let raw = handle.raw(as: uv_tcp_t.self) else { return nil }
        return SocketAddress { read(raw, $0, $1) }?.endpoint
    }

    // MARK: - Reading

    /// Stops reading: the peer's bytes wait in the kernel, and soon the peer does too.
    public func pauseReading() {
        guard isReading, let raw = handle.raw(as: uv_stream_t.self) else { return }
        isReading = false
        uv_read_stop(raw)
    }

    /// Reads again after ``pauseReading()``.
    public func resumeReading() {
        guard !isReading, let raw = handle.raw(as: uv_stream_t.self) else { return }
        isReading = true
        let result = uv_read_start(
            raw,
            { handle, _, buffer in
                guard let data = handle?.pointee.loop?.pointee.data else { return }
                let loop = Unmanaged<Loop>.fromOpaque(data).takeUnretainedValue()
                buffer?.pointee = uv_buf_init(
                    loop.readBuffer.baseAddress?.assumingMemoryBound(to: CChar.self),
                    UInt32(loop.readBuffer.count))
            },
            { stream, count, _ in
                Handle.owner(of: stream, as: StreamConnection.self)?.read(count: count)
            })
        if result < 0 {
            isReading = false
            let error = UVError(code: result, operation: "read from", subject: peerName)
            loop?.soon { [weak self] in self?.end(StreamCloseReason(error)) }
        }
    }

    private func read(count: Int) {
        // libuv's word for "would block" is 0.
        guard count != 0, let loop else { return }
        if count > 0 {
            onEvent?(.received(Array(loop.readBuffer[..<count])))
        } else if Int32(count) == UV_EOF.rawValue, allowsHalfClose {
            pauseReading()
            peerIsFinished = true
            onEvent?(.peerFinished)
            closeIfBothFinished()
        } else {
            let error = UVError(code: Int32(count), operation: "read from", subject: peerName)
            end(StreamCloseReason(error))
        }
    }

    // MARK: - Writing

    /// Bytes that wait to be sent.
    public var queuedBytes: Int {
        handle.raw(as: uv_stream_t.self).map { uv_stream_get_write_queue_size($0) } ?? 0
    }

    /// Sends the bytes, in order after all before them.
    /// - Returns: false when nothing was taken: either the stream is over, or the queue is full
    ///   and ``StreamEvent/drained`` will tell when to try again.
    public func write(_ bytes: [UInt8]) -> Bool {
        guard !isFinished, let raw = handle.raw(as: uv_stream_t.self) else { return false }
        guard !bytes.isEmpty else { return true }
        let queued = queuedBytes
        guard queued == 0 || queued + bytes.count <= writeLimitBytes else {
            writeWasRefused = true
            return false
        }
        let sent = queued == 0 ? max(0, tryWrite(raw, bytes)) : 0
        if sent < bytes.count { enqueue(raw, bytes[sent...]) }
        return true
    }

    /// What the kernel takes at once needs no copy. An error is left for the queued write to find.
    private func tryWrite(_ raw: UnsafeMutablePointer<uv_stream_t>, _ bytes: [UInt8]) -> Int {
        bytes.withUnsafeBytes { bytes in
            // libuv does not write into the buffer; its type just does not say so.
            let base = UnsafeMutableRawPointer(mutating: bytes.baseAddress)
            var buffer = uv_buf_init(
                base?.assumingMemoryBound(to: CChar.self), UInt32(bytes.count))
            return Int(uv_try_write(raw, &buffer, 1))
        }
    }

    private func enqueue(_ raw: UnsafeMutablePointer<uv_stream_t>, _ bytes: ArraySlice<UInt8>) {
        // One allocation holds the request and, behind it, the bytes.
        let header = MemoryLayout<uv_write_t>.stride
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: header + bytes.count, alignment: MemoryLayout<uv_write_t>.alignment)
        let request = memory.bindMemory(to: uv_write_t.self, capacity: 1)
        bytes.withUnsafeBytes { bytes in
            UnsafeMutableRawBufferPointer(start: memory + header, count: bytes.count)
                .copyMemory(from: bytes)
        }
        var buffer = uv_buf_init(
            (memory + header).assumingMemoryBound(to: CChar.self), UInt32(bytes.count))
        let result = uv_write(request, raw, &buffer, 1) { request, status in
            let connection = Handle.owner(
                of: request?.pointee.handle, as: StreamConnection.self)
            UnsafeMutableRawPointer(request)?.deallocate()
            connection?.wrote(status: status)
        }
        if result < 0 {
            memory.deallocate()
            let error = UVError(code: result, operation: "write to", subject: peerName)
            loop?.soon { [weak self] in self?.end(StreamCloseReason(error)) }
        }
    }

    private func wrote(status: Int32) {
        guard status >= 0 else {
            let error = UVError(code: status, operation: "write to", subject: peerName)
            return end(StreamCloseReason(error))
        }
        if writeWasRefused, queuedBytes <= writeLimitBytes / 2 {
            writeWasRefused = false
            onEvent?(.drained)
        }
    }

    /// Says everything queued and then the end, and closes when the peer has done so too, or after
    /// the given time. What the peer still sends is read and dropped: closing on unread bytes
    /// would reset the connection and could take from the peer what it has not read yet.
    /// The connection need not be held for that, and tells nothing any more.
    public func closeWhenWritten(within limit: Duration) {
        guard !handle.isClosed, let loop else { return }
        onEvent = nil
        allowsHalfClose = true
        isLingering = true
        loop.keep(self)
        deadline = loop.after(limit) { [weak self] in self?.close() }
        if !peerIsFinished { resumeReading() }
        finishWriting()
        closeIfBothFinished()
    }

    private func closeIfBothFinished() {
        if isLingering, peerIsFinished, allIsWritten { close() }
    }

    /// Tells the peer, after everything queued, that nothing more will be sent. Reading goes on.
    public func finishWriting() {
        guard !isFinished, let raw = handle.raw(as: uv_stream_t.self) else { return }
        isFinished = true
        let request = UnsafeMutablePointer<uv_shutdown_t>.allocate(capacity: 1)
        let result = uv_shutdown(request, raw) { request, _ in
            let connection = Handle.owner(
                of: request?.pointee.handle, as: StreamConnection.self)
            request?.deallocate()
            connection?.allIsWritten = true
            connection?.closeIfBothFinished()
        }
        if result < 0 {
            request.deallocate()
            loop?.soon { [weak self] in self?.end(.reset) }
        }
    }

    // MARK: - Ending

    /// Closes at once; what is still queued is lost. No event follows.
    public func close() {
        onEvent = nil
        end(.local)
    }

    private func end(_ reason: StreamCloseReason) {
        guard closeReason == nil else { return }
        closeReason = reason
        deadline = nil
        handle.close()
        loop?.letGo(of: self)
        let onEvent = onEvent
        self.onEvent = nil
        onEvent?(.closed(reason))
    }
}

@available(*, unavailable) extension StreamConnection: Sendable {}

// One request and its answer inside the daemon. libmicrohttpd pulls: it asks for the answer, and
// then for each piece of a streamed body, whenever the connection can take it. What is not there
// yet suspends the connection, and its arrival resumes it:
//
//     receiving ──body read──▶ waiting ──answer──▶ sending ──all sent, or the client left──▶ ended
//                               │   ▲               │   ▲
//                            suspend resume      suspend resume

import Base
import CMicrohttpd

/// The state of one exchange. The library holds it from the headers to the completion.
final class HTTPExchange {
    private enum Phase {
        case receiving, waiting, sending, ended
    }

    private enum Answer {
        case whole(HTTPResponse)
        case stream(HTTPStatus, HTTPHeaders)
    }

    /// Beyond its limit a body is read and dropped for so long, so that the client, which sends
    /// first and then listens, gets to read why it was refused (RFC 9112 §9.6).
    private static let discardLimit = 16 << 20
    private static let streamBlockBytes = 16 << 10

    let token: UInt64
    let socket: Int32
    /// Called once if the exchange ends before its answer was given in full.
    var onClosed: (() -> Void)?

    private let daemon: HTTPDaemon
    private let connection: OpaquePointer
    private let method: String
    private let path: String
    private var phase = Phase.receiving
    private var answer: Answer?
    private var isSuspended = false
    private var isAborted = false
    private var body: [UInt8] = []
    private var bodyBytesSeen = 0
    private var outgoing: [UInt8] = []
    private var outgoingOffset = 0
    private var isFinished = false

    init(daemon: HTTPDaemon, connection: OpaquePointer, method: String, path: String) {
        self.daemon = daemon
        self.connection = connection
        self.method = method
        self.path = path
        token = daemon.nextToken()
        socket = cmicrohttpd_socket(connection)
    }

    // MARK: - Called by the library

    /// The headers are there.
    func begin() -> MHD_Result {
        let headers = headers()
        let declared = headers["Content-Length"].flatMap { Int($0) } ?? 0
        let waitsForConsent = headers["Expect"] != nil
        let isHopeless = declared > daemon.limits.bodyBytes + Self.discardLimit
        guard declared > daemon.limits.bodyBytes, waitsForConsent || isHopeless else {
            return .YES
        }
        answer = .whole(contentTooLarge)
        return queueAnswer()
    }

    /// A piece of the body is there.
    func receive(_ piece: UnsafeRawBufferPointer) -> MHD_Result {
        bodyBytesSeen += piece.count
        if bodyBytesSeen <= daemon.limits.bodyBytes {
            body.append(contentsOf: piece)
            return .YES
        }
        body = []
        return bodyBytesSeen <= daemon.limits.bodyBytes + Self.discardLimit ? .YES : .NO
    }

    /// The body is complete, or the connection was resumed.
    func advance() -> MHD_Result {
        if phase == .receiving {
            phase = .waiting
            handle()
        }
        guard !isAborted else { return .NO }
        guard answer != nil else {
            suspend()
            return .YES
        }
        return queueAnswer()
    }

    /// The connection can take more of a streamed body.
    /// - Returns: the number of bytes given, or one of the library's end codes.
    func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        guard !isAborted else { return cmicrohttpd_end_with_error() }
        let count = min(buffer.count, outgoing.count - outgoingOffset)
        guard count > 0 else {
            guard !isFinished else { return cmicrohttpd_end_of_stream() }
            suspend()
            return 0
        }
        buffer.copyBytes(from: outgoing[outgoingOffset..<outgoingOffset + count])
        outgoingOffset += count
        if outgoingOffset == outgoing.count {
            outgoing.removeAll(keepingCapacity: true)
            outgoingOffset = 0
        }
        return count
    }

    /// The library is done with the exchange, for whatever reason.
    func ended() {
        if isSuspended { daemon.endWatch(of: self) }
        isSuspended = false
        phase = .ended
        let isComplete: Bool
        switch answer {
        case .whole: isComplete = true
        case .stream: isComplete = isFinished && outgoing.isEmpty
        case nil: isComplete = false
        }
        let onClosed = onClosed
        self.onClosed = nil
        outgoing = []
        if !isComplete { onClosed?() }
    }

    // MARK: - Called by the daemon

    /// The client closed its side while the connection was suspended. One that only half-closed
    /// counts as gone too, as for most servers: the two look alike until something is sent.
    func peerLeft() {
        abort()
    }

    /// Lets the library look at the connection again.
    func wake() {
        guard isSuspended else { return }
        isSuspended = false
        daemon.endWatch(of: self)
        MHD_resume_connection(connection)
        daemon.serviceSoon()
    }

    // MARK: - Called by the responder and the stream

    var isEnded: Bool { phase == .ended || isAborted }

    var isAnswered: Bool { answer != nil }

    func respond(_ response: HTTPResponse) {
        invariant(answer == nil, "a request for \(path) was answered twice")
        answer = .whole(response)
        wake()
    }

    func startStream(_ status: HTTPStatus, _ headers: HTTPHeaders) {
        invariant(answer == nil, "a request for \(path) was answered twice")
        answer = .stream(status, headers)
        wake()
    }

    /// - Returns: false when nobody will read the bytes any more.
    func write(_ bytes: [UInt8]) -> Bool {
        invariant(!isFinished, "written to the finished stream of \(path)")
        guard !isEnded else { return false }
        guard outgoing.count - outgoingOffset + bytes.count <= daemon.limits.streamBytes else {
            abort()
            return false
        }
        if outgoingOffset > daemon.limits.streamBytes {
            outgoing.removeFirst(outgoingOffset)
            outgoingOffset = 0
        }
        outgoing.append(contentsOf: bytes)
        wake()
        return true
    }

    func finishStream() {
        isFinished = true
        wake()
    }

    /// Cuts the connection as soon as the library looks at it.
    func abort() {
        guard phase != .ended else { return }
        isAborted = true
        wake()
    }

    // MARK: - Steps

    private func handle() {
        guard bodyBytesSeen <= daemon.limits.bodyBytes else {
            answer = .whole(contentTooLarge)
            return
        }
        guard let method = HTTPMethod(rawValue: method) else {
            answer = .whole(.text("method \(method) is not known here\n", status: .notImplemented))
            return
        }
        let request = HTTPRequest(
            method: method, path: path, query: query(), headers: headers(), body: body)
        body = []
        daemon.handler?(request, HTTPResponder(self))
    }

    private func suspend() {
        isSuspended = true
        MHD_suspend_connection(connection)
        daemon.watchWhileSuspended(self)
    }

    private func queueAnswer() -> MHD_Result {
        guard let answer else { return .NO }
        phase = .sending
        switch answer {
        case .whole(let response):
            let raw = response.body.withUnsafeBytes {
                cmicrohttpd_response($0.baseAddress, $0.count)
            }
            return queue(raw, response.status, response.headers)
        case .stream(let status, let headers):
            let raw = cmicrohttpd_streamed_response(
                Self.streamBlockBytes, readStream, Unmanaged.passUnretained(self).toOpaque())
            return queue(raw, status, headers)
        }
    }

    private func queue(
        _ raw: OpaquePointer?, _ status: HTTPStatus, _ headers: HTTPHeaders
    ) -> MHD_Result {
        guard let raw else { return .NO }
        defer { MHD_destroy_response(raw) }
        // The library refuses the fields that it frames with itself, such as Content-Length.
        for field in headers.fields { _ = MHD_add_response_header(raw, field.name, field.value) }
        return MHD_queue_response(connection, UInt32(clamping: status.code), raw)
    }

    private var contentTooLarge: HTTPResponse {
        .text(
            "the request body exceeds the limit of \(daemon.limits.bodyBytes) bytes\n",
            status: .contentTooLarge)
    }

    private func headers() -> HTTPHeaders {
        var headers = HTTPHeaders()
        for (name, value) in values(of: .HEADER_KIND) { headers.append(name, value) }
        return headers
    }

    private func query() -> [(name: String, value: String)] {
        values(of: .GET_ARGUMENT_KIND)
    }

    private func values(of kind: MHD_ValueKind) -> [(name: String, value: String)] {
        var values: [(name: String, value: String)] = []
        withUnsafeMutablePointer(to: &values) { pointer in
            _ = MHD_get_connection_values_n(
                connection, kind,
                { context, _, name, nameCount, value, valueCount in
                    context?.assumingMemoryBound(to: [(name: String, value: String)].self)
                        .pointee.append((text(name, nameCount), text(value, valueCount)))
                    return .YES
                }, pointer)
        }
        return values
    }
}

@available(*, unavailable) extension HTTPExchange: Sendable {}

private func text(_ start: UnsafePointer<CChar>?, _ count: Int) -> String {
    String(
        decoding: UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : count),
        as: UTF8.self)
}

private func readStream(
    context: UnsafeMutableRawPointer?, position: UInt64, buffer: UnsafeMutablePointer<CChar>?,
    capacity: Int
) -> Int {
    guard let context else { return cmicrohttpd_end_with_error() }
    return Unmanaged<HTTPExchange>.fromOpaque(context).takeUnretainedValue()
        .read(into: UnsafeMutableRawBufferPointer(start: buffer, count: capacity))
}

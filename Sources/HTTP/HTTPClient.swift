// An HTTP client on libcurl's multi-socket interface: curl says which sockets to watch and when to
// be woken, and does the rest. Nothing is called back from within curl, which forbids most of its
// functions there: what came in is collected, and delivered after curl has returned.

import Base
import CCurl
public import EventLoop

/// Sends requests from the loop. Dropping it drops its calls, without their completion.
public final class HTTPClient {
    /// Called once with the response, or with why there is none.
    public typealias Completion = (Result<HTTPResponse, HTTPClientError>) -> Void

    private let multi: CurlMulti

    /// - Throws: when the process or the system has no descriptor left.
    public init(_ loop: Loop) throws(UVError) {
        multi = try CurlMulti(loop)
    }

    deinit {
        multi.close()
    }

    /// Sends a request and collects the response.
    /// - Returns: the call, which needs to be kept only to cancel it.
    @discardableResult
    public func send(
        _ request: HTTPClientRequest, completion: @escaping Completion
    ) -> HTTPCall {
        let transfer = CurlTransfer(request, isStreamed: false)
        return multi.start(HTTPCall(transfer, multi) { completion($0) })
    }

    /// Sends a request and delivers the response as it comes.
    /// - Parameters:
    ///   - request: what to send; usually one without a timeout.
    ///   - onHead: called once, when status and headers are there.
    ///   - onBody: called with each piece of the body.
    ///   - completion: called at the end; the response that it gets has an empty body.
    /// - Returns: the call, which needs to be kept only to cancel it.
    @discardableResult
    public func stream(
        _ request: HTTPClientRequest, onHead: @escaping (HTTPResponseHead) -> Void = { _ in },
        onBody: @escaping ([UInt8]) -> Void, completion: @escaping Completion
    ) -> HTTPCall {
        let transfer = CurlTransfer(request, isStreamed: true)
        let call = HTTPCall(transfer, multi) { completion($0) }
        call.onHead = onHead
        call.onBody = onBody
        return multi.start(call)
    }

    /// Drops every call, without its completion. Later calls are dropped likewise.
    public func close() {
        multi.close()
    }
}

@available(*, unavailable) extension HTTPClient: Sendable {}

/// A request under way.
public final class HTTPCall {
    let transfer: CurlTransfer
    var onHead: ((HTTPResponseHead) -> Void)?
    var onBody: (([UInt8]) -> Void)?
    private weak var multi: CurlMulti?
    private var completion: HTTPClient.Completion?

    init(_ transfer: CurlTransfer, _ multi: CurlMulti, completion: @escaping HTTPClient.Completion)
    {
        self.transfer = transfer
        self.multi = multi
        self.completion = completion
    }

    /// Ends the call; none of its callbacks is called any more. Does nothing once it is over.
    public func cancel() {
        forget()
        multi?.remove(self)
    }

    /// Delivers what has come in of a streamed response.
    func deliver() {
        guard onBody != nil, let head = transfer.head else { return }
        let onHead = onHead
        self.onHead = nil
        onHead?(head)
        // The callback may have cancelled the call.
        guard let onBody else { return }
        let piece = transfer.takeBody()
        if !piece.isEmpty { onBody(piece) }
    }

    func complete(_ code: CURLcode) {
        deliver()
        let completion = completion
        forget()
        completion?(transfer.result(code))
    }

    /// Lets go of the callbacks and of what they hold.
    func forget() {
        onHead = nil
        onBody = nil
        completion = nil
    }
}

@available(*, unavailable) extension HTTPCall: Sendable {}

/// curl's multi handle in the loop.
final class CurlMulti {
    private let sockets: SocketSet
    private var raw: UnsafeMutableRawPointer?
    /// The calls under way, by their curl handles.
    private var calls: [UnsafeMutableRawPointer: HTTPCall] = [:]
    /// The calls to which something has come in that is not delivered yet.
    private var touched: [HTTPCall] = []

    init(_ loop: Loop) throws(UVError) {
        sockets = try SocketSet(loop: loop)
        guard let raw = curl_multi_init() else {
            fatalError("no memory for a curl multi handle")
        }
        self.raw = raw
        let context = Unmanaged.passUnretained(self).toOpaque()
        ccurl_multi_set_socket_function(
            raw,
            { _, socket, what, context, _ in
                CurlMulti.of(context)?.watch(socket, what)
                return 0
            }, context)
        ccurl_multi_set_timer_function(
            raw,
            { _, milliseconds, context in
                let delay = milliseconds < 0 ? nil : Int64(milliseconds)
                CurlMulti.of(context)?.sockets.wakeUp(afterMilliseconds: delay)
                return 0
            }, context)
        sockets.onEvents = { [weak self] in self?.advance($0) }
        sockets.onTimeout = { [weak self] in self?.act(on: CURL_SOCKET_TIMEOUT, 0) }
    }

    func start(_ call: HTTPCall) -> HTTPCall {
        guard let raw else {
            call.forget()
            return call
        }
        let easy = call.transfer.easy
        call.transfer.onProgress = { [weak self, weak call] in
            guard let self, let call, call.onBody != nil, touched.last !== call else { return }
            touched.append(call)
        }
        calls[easy] = call
        let code = curl_multi_add_handle(raw, easy)
        invariant(code == CURLM_OK, "curl did not take a new transfer: \(code)")
        return call
    }

    func remove(_ call: HTTPCall) {
        guard let raw, calls.removeValue(forKey: call.transfer.easy) != nil else { return }
        curl_multi_remove_handle(raw, call.transfer.easy)
    }

    func close() {
        guard let raw else { return }
        self.raw = nil
        for (easy, call) in calls {
            call.forget()
            curl_multi_remove_handle(raw, easy)
        }
        calls = [:]
        touched = []
        curl_multi_cleanup(raw)
        sockets.close()
    }

    private static func of(_ context: UnsafeMutableRawPointer?) -> CurlMulti? {
        context.map { Unmanaged<CurlMulti>.fromOpaque($0).takeUnretainedValue() }
    }

    private func watch(_ socket: curl_socket_t, _ what: Int32) {
        let flags: UInt32? =
            switch what {
            case CURL_POLL_IN: SocketSet.readable
            case CURL_POLL_OUT: SocketSet.writable
            case CURL_POLL_INOUT: SocketSet.readable | SocketSet.writable
            default: nil
            }
        guard let flags else { return sockets.forget(socket) }
        sockets.watch(socket, for: flags, token: UInt64(socket))
    }

    private func advance(_ events: [SocketSet.Event]) {
        for event in events {
            var flags: Int32 = 0
            if event.flags & SocketSet.readable != 0 { flags |= CURL_CSELECT_IN }
            if event.flags & SocketSet.writable != 0 { flags |= CURL_CSELECT_OUT }
            if event.flags & SocketSet.failed != 0 { flags |= CURL_CSELECT_ERR }
            act(on: curl_socket_t(event.token), flags)
        }
    }

    private func act(on socket: curl_socket_t, _ flags: Int32) {
        guard let raw else { return }
        var running: Int32 = 0
        curl_multi_socket_action(raw, socket, flags, &running)
        deliver()
    }

    private func deliver() {
        while !touched.isEmpty { touched.removeFirst().deliver() }
        var code = CURLE_OK
        // A callback may close the client, hence the look at `raw` each time.
        while let raw, let easy = ccurl_multi_next_finished(raw, &code) {
            guard let call = calls[easy] else { continue }
            remove(call)
            call.complete(code)
        }
    }
}

@available(*, unavailable) extension CurlMulti: Sendable {}

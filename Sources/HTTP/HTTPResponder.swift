// What a handler answers with. Both objects notice when they are forgotten: a client is never left
// hanging because a path through a handler has no answer.

/// The one answer to one request. Give it now or later, on the loop's thread.
public final class HTTPResponder {
    private let exchange: HTTPExchange

    init(_ exchange: HTTPExchange) {
        self.exchange = exchange
    }

    deinit {
        guard !exchange.isAnswered, !exchange.isEnded else { return }
        exchange.respond(
            .text("the handler gave no answer\n", status: .internalServerError))
    }

    /// Answers with a whole response. Does nothing when the client has left.
    public func respond(_ response: HTTPResponse) {
        exchange.respond(response)
    }

    /// Answers with a body that is written piece by piece. The head is sent at once.
    public func stream(_ status: HTTPStatus = .ok, headers: HTTPHeaders = [:]) -> HTTPStream {
        exchange.startStream(status, headers)
        return HTTPStream(exchange)
    }

    /// Called once when the client leaves, or the server closes, before a whole answer was given.
    public func onClosed(_ action: @escaping () -> Void) {
        exchange.onClosed = action
    }
}

@available(*, unavailable) extension HTTPResponder: Sendable {}

/// A response body that is being written: server-sent events, followed logs. One that is dropped
/// before it is finished cuts the connection, so that the client can tell the end from the middle.
public final class HTTPStream {
    private let exchange: HTTPExchange
    private var isFinished = false

    init(_ exchange: HTTPExchange) {
        self.exchange = exchange
    }

    deinit {
        if !isFinished { exchange.abort() }
    }

    /// Queues bytes for the client, which are sent as soon as it takes them.
    /// - Returns: false when the client has left, or has fallen behind by more than the server's
    ///   `streamBytes` and is cut off.
    @discardableResult
    public func write(_ bytes: [UInt8]) -> Bool {
        exchange.write(bytes)
    }

    /// Queues text for the client.
    @discardableResult
    public func write(_ text: String) -> Bool {
        exchange.write(Array(text.utf8))
    }

    /// Ends the body after everything written.
    public func finish() {
        guard !isFinished else { return }
        isFinished = true
        exchange.finishStream()
    }

    /// Whether the client has left or was cut off.
    public var isClosed: Bool { exchange.isEnded }

    /// Called once when the exchange ends before everything was sent: the client left or fell too
    /// far behind, or the server closes.
    public func onClosed(_ action: @escaping () -> Void) {
        exchange.onClosed = action
    }
}

@available(*, unavailable) extension HTTPStream: Sendable {}

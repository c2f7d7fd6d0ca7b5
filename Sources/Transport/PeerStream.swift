// One TCP connection with TLS on it, from the first byte to the last:
//
//     dialled:   connecting ─▶ securing ─▶ greeting (hello sent) ─▶ open ─▶ ended
//     accepted:                securing ─▶ greeted (hello read)  ─▶ open ─▶ ended
//
// It knows nothing of other streams; whether a peer may come in, and which of two streams stays,
// its owner decides between `hello` and `open`.

import Base
import EventLoop

/// What happens to a stream. `ended` comes once and last, and not to who ends it himself.
enum PeerStreamEvent {
    /// The peer's first frame. The stream waits for ``PeerStream/open()``.
    case hello(Hello)
    case frame([UInt8])
    case ended(PeerCloseReason)
}

/// One connection to a peer, or to somebody who may be one.
final class PeerStream {
    enum State {
        case connecting, securing, awaitingHello, greeted, open
        /// Sends no more, and reads until the peer has done the same.
        case retiring
        case ended
    }

    struct Limits {
        let frameBytes: Int
        let queueBytes: Int
        let dial: Duration
        let handshake: Duration
        let unacknowledged: Duration
        let retirement = Duration.seconds(1)
    }

    private(set) var state: State
    /// The name of the stream, which both ends know once hellos are exchanged.
    var name: UInt64 = 0
    /// The agent at the other end, as its hello said.
    private(set) var remote: Hello?
    /// When the stream was opened; nil before.
    private(set) var openedAt: Instant?
    /// The address of the other end of the TCP connection.
    let address: Endpoint
    /// Called when the peer announced a frame that is too long.
    var onOversized: () -> Void = {}

    private let loop: Loop
    private let limits: Limits
    private let session: TLSSession
    private var connection: StreamConnection?
    private var decoder = FrameDecoder(limitBytes: Hello.limitBytes)
    private var deadline: LoopTimer?
    private var lastHeard = Instant.zero
    private var ownHello: Hello?
    /// Told everything until the stream has ended.
    var onEvent: ((PeerStreamEvent) -> Void)?

    /// Dials, and says the hello as soon as TLS stands.
    /// - Throws: when the system or OpenSSL has no more resources.
    init(
        _ loop: Loop, dialling endpoint: Endpoint, from localHost: String?,
        _ context: TLSContext, key: ClusterKey, hello: Hello, limits: Limits,
        onEvent: @escaping (PeerStreamEvent) -> Void
    ) throws(TransportError) {
        self.loop = loop
        self.limits = limits
        self.onEvent = onEvent
        state = .connecting
        address = endpoint
        name = hello.stream
        ownHello = hello
        session = try Self.session(context, .client(key))
        do throws(UVError) {
            connection = try StreamConnection.connect(
                loop, to: .tcp(endpoint), from: localHost, within: limits.dial
            ) { [weak self] in self?.handle($0) }
        } catch {
            throw .system(error)
        }
    }

    /// Takes over an accepted connection.
    /// - Throws: when OpenSSL has no more resources.
    init(
        _ loop: Loop, accepted connection: StreamConnection, _ context: TLSContext,
        limits: Limits, onEvent: @escaping (PeerStreamEvent) -> Void
    ) throws(TransportError) {
        self.loop = loop
        self.limits = limits
        self.onEvent = onEvent
        state = .securing
        address = connection.peerEndpoint ?? Endpoint(host: "?", port: 0)
        session = try Self.session(context, .server)
        self.connection = connection
        prepare()
        connection.start { [weak self] in self?.handle($0) }
    }

    private static func session(
        _ context: TLSContext, _ side: TLSSession.Side
    ) throws(TransportError) -> TLSSession {
        do throws(TLSError) {
            return try TLSSession(context, side)
        } catch {
            throw .tls(error)
        }
    }

    /// The key that secures the stream, once that is settled.
    var key: ClusterKey? { session.key }
    /// Whether the peer may know of this stream as one of its own.
    var hasSaidHello: Bool { state == .open || state == .retiring || state == .awaitingHello }

    // MARK: - What the owner does

    /// Accepts the peer. An accepted connection is answered with this hello, named as the
    /// dialler named it; a dialled one has said it already. Frames can be sent from here on, and
    /// come after ``readOn()``.
    func open(answering hello: Hello?) {
        invariant(state == .greeted, "a stream was opened in state \(state)")
        state = .open
        openedAt = loop.now
        deadline = nil
        decoder.limitBytes = limits.frameBytes
        if let hello { transmit(Frame.encode(hello.encode())) }
    }

    /// Delivers what has already come behind the hello.
    func readOn() {
        deliverFrames()
    }

    /// Sends a frame.
    /// - Returns: false when it was dropped, because the stream is not open or its queue is full.
    func send(_ payload: [UInt8]) -> Bool {
        guard state == .open, let connection else { return false }
        let queued = connection.queuedBytes
        guard queued == 0 || queued + payload.count <= limits.queueBytes else { return false }
        transmit(Frame.encode(payload))
        return true
    }

    /// Sends no more, reads what the peer has still sent, and ends when the peer does.
    func retire() {
        guard state == .open else { return close() }
        state = .retiring
        session.sayGoodbye()
        flush()
        connection?.finishWriting()
        deadline = loop.after(limits.retirement) { [weak self] in
            self?.end(.lost(because: "not ended by the peer in time"))
        }
    }

    /// Tells a peer that has said hello why it may not come in, and ends the stream.
    func refuse(answering hello: Hello) {
        if state == .greeted, remote?.origin != nil { transmit(Frame.encode(hello.encode())) }
        close()
    }

    /// Whether the peer has said something within that time.
    func isHeard(within limit: Duration) -> Bool { loop.now - lastHeard < limit }

    /// Ends the stream with a goodbye, so that the peer does not take this agent for gone.
    func close() {
        onEvent = nil
        end(.lost(because: "closed by this side"), sayingGoodbye: true)
    }

    /// Ends the stream as the end of the process would.
    func abandon() {
        onEvent = nil
        end(.lost(because: "closed by this side"))
    }

    // MARK: - What the connection tells

    private func handle(_ event: StreamEvent) {
        switch event {
        case .opened:
            state = .securing
            prepare()
            proceed { () throws(TLSError) in try session.handshake() }
        case .received(let bytes): receive(bytes)
        case .drained: break
        case .peerFinished: end(reason(of: .endOfStream))
        case .closed(let reason): end(self.reason(of: reason))
        }
    }

    private func prepare() {
        guard let connection else { return }
        // The limit of the queue is kept in send(): a TLS record that was made must be sent.
        connection.writeLimitBytes = .max
        connection.allowsHalfClose = true
        connection.limitUnacknowledged(to: limits.unacknowledged)
        deadline = loop.after(limits.handshake) { [weak self] in
            self?.end(.lost(because: "no complete handshake in time"))
        }
    }

    private func receive(_ ciphertext: [UInt8]) {
        var plaintext: [UInt8] = []
        let isSound = proceed { () throws(TLSError) in plaintext = try session.open(ciphertext) }
        guard isSound, state != .ended else { return }
        lastHeard = loop.now
        decoder.append(plaintext)
        deliverFrames()
        if session.peerSaidGoodbye, state != .ended {
            // What is queued still goes out: the peer reads on until this side ends, too.
            end(.lost(because: "closed by the peer"), sayingGoodbye: true)
        }
    }

    /// Runs a step of TLS and sends what it produced. Of a step that failed nothing is sent: who
    /// does not know the key learns nothing from an alert.
    @discardableResult
    private func proceed(_ step: () throws(TLSError) -> Void) -> Bool {
        do throws(TLSError) {
            try step()
        } catch {
            end(.lost(because: error.description))
            return false
        }
        flush()
        if state == .securing, session.isOpen {
            state = .awaitingHello
            if let ownHello { transmit(Frame.encode(ownHello.encode())) }
        }
        return true
    }

    private func deliverFrames() {
        do throws(OversizedFrame) {
            while state == .awaitingHello || state == .open || state == .retiring,
                let payload = try decoder.next()
            {
                deliver(payload)
            }
        } catch {
            onOversized()
            let what = "a frame of \(error.claimedBytes) bytes, over \(error.limitBytes)"
            end(.lost(because: what), sayingGoodbye: true)
        }
    }

    private func deliver(_ payload: [UInt8]) {
        guard state == .awaitingHello else {
            onEvent?(.frame(payload))
            return
        }
        guard let hello = Hello(decoding: payload) else {
            return end(.lost(because: "the first frame is no hello"), sayingGoodbye: true)
        }
        state = .greeted
        remote = hello
        if ownHello == nil { name = hello.stream }
        onEvent?(.hello(hello))
    }

    /// What the end of the TCP connection says of the peer.
    private func reason(of close: StreamCloseReason) -> PeerCloseReason {
        switch (state, close) {
        case (.connecting, .refused): .agentGone(because: "connection refused")
        case (.open, .endOfStream): .agentGone(because: "ended without a goodbye")
        // After a partition a living peer's host resets a stream that only the peer gave up. That
        // one has been silent for long; a stream that spoke just now was reset by its process's end.
        case (.open, .reset) where loop.now - lastHeard < limits.unacknowledged / 2:
            .agentGone(because: close.description)
        case (.securing, .endOfStream) where ownHello != nil: .secretRefused
        case (.securing, .reset) where ownHello != nil: .secretRefused
        case (.securing, .endOfStream), (.securing, .reset):
            .lost(because: "\(close) during the handshake")
        case (.awaitingHello, .endOfStream), (.awaitingHello, .reset):
            .lost(because: "\(close) during the handshake: \(Self.handshakeAdvice)")
        default: .lost(because: close.description)
        }
    }

    private static let handshakeAdvice =
        "cluster name or node list of the two may differ, see the peer's log"

    // MARK: - Bytes out and the end

    private func transmit(_ plaintext: [UInt8]) {
        do throws(TLSError) {
            try session.seal(plaintext)
        } catch {
            // Not from within the owner's own call.
            return loop.soon { [weak self] in self?.end(.lost(because: error.description)) }
        }
        flush()
    }

    private func flush() {
        let output = session.takeOutput()
        // A refusal means that the connection is over, of which it tells by itself.
        if !output.isEmpty { _ = connection?.write(output) }
    }

    private func end(_ reason: PeerCloseReason, sayingGoodbye: Bool = false) {
        guard state != .ended else { return }
        state = .ended
        deadline = nil
        let connection = connection
        self.connection = nil
        if sayingGoodbye, session.isOpen {
            session.sayGoodbye()
            _ = connection?.write(session.takeOutput())
            connection?.closeWhenWritten(within: limits.retirement)
        } else {
            connection?.close()
        }
        let onEvent = onEvent
        self.onEvent = nil
        onEvent?(.ended(reason))
    }
}

@available(*, unavailable) extension PeerStream: Sendable {}

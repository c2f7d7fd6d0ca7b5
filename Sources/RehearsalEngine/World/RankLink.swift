// A stream of frames between two processes of a rehearsal.

import Base
import EventLoop

/// A connection that carries frames. Dropping it closes it.
final class RankLink {
    /// Told each frame, in order.
    var onFrame: ((RankFrame) -> Void)?
    /// Told once, when the other end is gone or does not keep to the protocol.
    var onClosed: ((String) -> Void)?
    /// Told once, when a dialled link stands.
    private var onOpened: (() -> Void)?

    private var connection: StreamConnection?
    private var buffer: [UInt8] = []

    /// Dials.
    /// - Throws: when the local address is not of this host, or no socket is left.
    init(
        _ loop: Loop, to endpoint: Endpoint, from localHost: String?, within limit: Duration,
        onOpened: @escaping () -> Void
    ) throws(UVError) {
        self.onOpened = onOpened
        connection = try StreamConnection.connect(
            loop, to: .tcp(endpoint), from: localHost, within: limit
        ) { [weak self] in self?.handle($0) }
        connection?.writeLimitBytes = 64 << 20
    }

    /// Takes over an accepted connection.
    init(_ connection: StreamConnection) {
        self.connection = connection
        connection.writeLimitBytes = 64 << 20
        connection.start { [weak self] in self?.handle($0) }
    }

    var peerName: String { connection?.peerName ?? "nobody" }
    var localHost: String? { connection?.localEndpoint?.host }

    func send(_ frame: RankFrame) {
        guard let connection, !connection.write(frame.bytes) else { return }
        if connection.closeReason == nil { fail("does not read what it is sent") }
    }

    /// Sends a last frame and closes once it is out.
    func sendLast(_ frame: RankFrame) {
        send(frame)
        connection?.closeWhenWritten(within: .seconds(2))
        connection = nil
        onClosed = nil
    }

    func close() {
        onClosed = nil
        onFrame = nil
        connection?.close()
        connection = nil
    }

    private func handle(_ event: StreamEvent) {
        switch event {
        case .opened:
            let opened = onOpened
            onOpened = nil
            opened?()
        case .received(let bytes): receive(bytes)
        case .closed(let reason): fail(reason.description)
        case .peerFinished, .drained: break
        }
    }

    private func receive(_ bytes: [UInt8]) {
        buffer += bytes
        guard let frames = RankFrame.take(from: &buffer) else {
            return fail("sent bytes that are not of the rehearsal's protocol")
        }
        for frame in frames where connection != nil { onFrame?(frame) }
    }

    private func fail(_ reason: String) {
        let closed = onClosed
        close()
        closed?(reason)
    }
}

@available(*, unavailable) extension RankLink: Sendable {}

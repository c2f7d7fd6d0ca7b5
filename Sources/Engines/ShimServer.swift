// The shim's socket. A client is told the status at once and after every change, one JSON document
// a line; it may send `{"stop":{"graceMilliseconds":N}}`. Nothing else is spoken.

import Base
import EventLoop

/// One line of a client.
enum ShimRequest: Hashable {
    case stop(grace: Duration)

    var json: JSONValue {
        switch self {
        case .stop(let grace):
            ["stop": ["graceMilliseconds": .integer(grace.millisecondsRoundedUp)]]
        }
    }

    init?(json: JSONValue) {
        guard let milliseconds = json["stop"]?["graceMilliseconds"]?.integerValue,
            (0...86_400_000).contains(milliseconds)
        else { return nil }
        self = .stop(grace: .milliseconds(milliseconds))
    }
}

/// Listens for agents.
final class ShimServer {
    static let lineLimitBytes = 64 * 1024
    private static let clientLimit = 16

    private final class Client {
        let connection: StreamConnection
        var lines = LineBuffer(limitBytes: lineLimitBytes)

        init(_ connection: StreamConnection) {
            self.connection = connection
        }
    }

    private let onStop: (Duration) -> Void
    private var listener: StreamListener?
    private var clients: [Client] = []
    private var lastLine: [UInt8]?

    init(
        _ loop: Loop, path: String, onStop: @escaping (Duration) -> Void
    ) throws(UVError) {
        self.onStop = onStop
        listener = try StreamListener(loop, onUnixPath: path, permissions: 0o600) { [weak self] in
            self?.accept($0)
        }
    }

    func publish(_ status: ShimStatus) {
        let line = Array((status.json.compact + "\n").utf8)
        lastLine = line
        for client in clients { send(line, to: client) }
    }

    /// Stops listening. What was published is with the kernel, and reaches the clients.
    func close() {
        listener?.close()
        listener = nil
    }

    private func accept(_ connection: StreamConnection) {
        guard clients.count < Self.clientLimit else { return connection.close() }
        let client = Client(connection)
        clients.append(client)
        connection.start { [weak self, weak client] event in
            guard let self, let client else { return }
            switch event {
            case .received(let bytes): received(bytes, from: client)
            case .closed: drop(client)
            case .opened, .peerFinished, .drained: break
            }
        }
        if let lastLine { send(lastLine, to: client) }
    }

    private func received(_ bytes: [UInt8], from client: Client) {
        for line in client.lines.append(bytes) {
            guard let request = (try? JSONValue(parsing: line)).flatMap(ShimRequest.init(json:))
            else {
                complain("a client sent something else than a request")
                client.connection.close()
                return drop(client)
            }
            switch request {
            case .stop(let grace): onStop(grace)
            }
        }
    }

    /// A client that does not read is let go; it can come back and is told the status then.
    private func send(_ line: [UInt8], to client: Client) {
        guard !client.connection.write(line) else { return }
        client.connection.close()
        drop(client)
    }

    private func drop(_ client: Client) {
        clients.removeAll { $0 === client }
    }
}

@available(*, unavailable) extension ShimServer: Sendable {}

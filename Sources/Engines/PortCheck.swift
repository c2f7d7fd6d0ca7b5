// Are the ports free that a shard will bind? Asked before a launch, since SGLang waits half a
// minute for each port and its bootstrap server only logs that it could not bind. The test is the
// bind itself; the tables of /proc only name who is in the way, and are read on another thread.

public import Base
public import EventLoop
import Host

/// A port that cannot be bound.
public struct PortConflict: Hashable, Sendable, CustomStringConvertible {
    public let endpoint: Endpoint
    /// Who holds it, or why else it cannot be bound.
    public let reason: String

    /// `10.0.0.1:8000 is held by process 4711 (python3 …)`.
    public var description: String { "\(endpoint) \(reason)" }
}

/// Tests ports by binding them.
public final class PortCheck {
    private let loop: Loop
    private let queue: FileQueue

    public init(_ loop: Loop) {
        self.loop = loop
        queue = FileQueue(loop)
    }

    /// Binds each endpoint for a moment.
    /// - Parameters:
    ///   - endpoints: with addresses of this host.
    ///   - completion: given those that cannot be bound, in their order; not from within this call.
    public func conflicts(
        _ endpoints: [Endpoint], completion: @escaping ([PortConflict]) -> Void
    ) {
        let refused = endpoints.compactMap { endpoint in
            refusal(endpoint).map { (endpoint: endpoint, error: $0) }
        }
        queue.run(
            { refused.map { PortConflict(endpoint: $0.endpoint, reason: Self.reason($0)) } },
            completion: { if case .success(let conflicts) = $0 { completion(conflicts) } })
    }

    private func refusal(_ endpoint: Endpoint) -> UVError? {
        do throws(UVError) {
            try StreamListener(loop, on: endpoint) { $0.close() }.close()
            return nil
        } catch {
            return error
        }
    }

    private static func reason(_ refused: (endpoint: Endpoint, error: UVError)) -> String {
        guard refused.error.name == "EADDRINUSE" else {
            return "cannot be bound: \(refused.error.message)"
        }
        return SocketHolder.describe(refused.endpoint).map { "is held by \($0)" }
            ?? "was held a moment ago"
    }
}

@available(*, unavailable) extension PortCheck: Sendable {}

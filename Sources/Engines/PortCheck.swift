// Are the ports free that a shard will bind? Asked before a launch, since SGLang waits half a
// minute for each port and its bootstrap server only logs that it could not bind. The test is the
// bind itself; the tables of /proc only name who is in the way.

public import Base
public import EventLoop
import Host

/// A port that cannot be bound.
public struct PortConflict: Hashable, Sendable, CustomStringConvertible {
    public let endpoint: Endpoint
    /// Who holds it, or why else it cannot be bound.
    public let reason: String

    public var description: String { "\(endpoint) \(reason)" }
}

/// Tests ports by binding them.
public enum PortCheck {
    /// Binds each endpoint for a moment.
    /// - Parameters:
    ///   - endpoints: with addresses of this host.
    ///   - loop: any loop of this thread.
    /// - Returns: those that cannot be bound, in their order.
    public static func conflicts(_ endpoints: [Endpoint], _ loop: Loop) -> [PortConflict] {
        endpoints.compactMap { endpoint in
            do throws(UVError) {
                try StreamListener(loop, on: endpoint) { $0.close() }.close()
                return nil
            } catch {
                return PortConflict(endpoint: endpoint, reason: reason(error, endpoint))
            }
        }
    }

    private static func reason(_ error: UVError, _ endpoint: Endpoint) -> String {
        guard error.name == "EADDRINUSE" else { return error.message }
        return SocketHolder.describe(port: endpoint.port).map { "is held by \($0)" }
            ?? "was held a moment ago"
    }
}

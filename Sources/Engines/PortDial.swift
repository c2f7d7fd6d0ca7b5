// Whether somebody takes connections at a port: all that can be asked of a server whose protocol is not ours.

public import Base
public import EventLoop

/// Dials ports and hangs up.
public final class PortDial {
    private static let limit = Duration.seconds(5)

    private let loop: Loop
    private var dials: [ObjectIdentifier: StreamConnection] = [:]

    public init(_ loop: Loop) {
        self.loop = loop
    }

    /// Dials once.
    /// - Parameters:
    ///   - endpoint: whom.
    ///   - completion: given why no connection stood, nil where one did; not from within this call.
    public func dial(_ endpoint: Endpoint, completion: @escaping (String?) -> Void) {
        do throws(UVError) {
            var key: ObjectIdentifier?
            let connection = try StreamConnection.connect(
                loop, to: .tcp(endpoint), within: Self.limit
            ) { [weak self] event in
                let failure: String?
                switch event {
                case .opened: failure = nil
                case .closed(let reason): failure = "\(reason)"
                case .received, .peerFinished, .drained: return
                }
                guard let key, let dialled = self?.dials.removeValue(forKey: key) else { return }
                dialled.close()
                completion(failure)
            }
            key = ObjectIdentifier(connection)
            dials[ObjectIdentifier(connection)] = connection
        } catch {
            loop.soon { completion(error.description) }
        }
    }
}

@available(*, unavailable) extension PortDial: Sendable {}

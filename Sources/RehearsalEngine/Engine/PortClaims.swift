// The ports that SGLang takes beside the dist-init port when it runs data parallel attention:
// P+1 to P+5 for its processes, and P+13 for the hand-out of worker ports over several nodes. Each
// must become free within half a minute, else the engine gives up.

import Base
import EventLoop

/// Takes ports and holds them.
final class PortClaims {
    private let loop: Loop
    private let deadline: Instant
    private var wanted: [Endpoint]
    private var held: [StreamListener] = []
    private var retry: LoopTimer?
    private let completion: (String?) -> Void

    /// - Parameters:
    ///   - loop: where the ports are held.
    ///   - arguments: which ports.
    ///   - limit: how long to wait for them.
    ///   - completion: told nil, or which port is taken.
    init(
        _ loop: Loop, _ arguments: EngineArguments, within limit: Duration,
        completion: @escaping (String?) -> Void
    ) {
        self.loop = loop
        self.completion = completion
        deadline = loop.now + limit
        wanted = []
        guard arguments.usesDataParallelAttention, arguments.nodeRank == 0,
            let base = arguments.meetingPoint
        else { return }
        let offsets = [1, 2, 3, 4, 5] + (arguments.nodeCount > 1 ? [13] : [])
        wanted = offsets.compactMap { offset in
            UInt16(exactly: Int(base.port) + offset).map { Endpoint(host: base.host, port: $0) }
        }
    }

    func start() {
        while let next = wanted.first {
            do throws(UVError) {
                held.append(try StreamListener(loop, on: next) { $0.close() })
                wanted.removeFirst()
            } catch {
                guard loop.now < deadline, error.name == "EADDRINUSE" else {
                    return completion("Port \(next.port) is already in use: \(error)")
                }
                retry = loop.after(.milliseconds(200)) { [weak self] in self?.start() }
                return
            }
        }
        completion(nil)
    }

    func close() {
        retry = nil
        for listener in held { listener.close() }
        held = []
    }
}

@available(*, unavailable) extension PortClaims: Sendable {}

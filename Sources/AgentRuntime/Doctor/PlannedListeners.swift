// While a node is examined its planned ports are listened on, so that the others can dial them: the fixed
// ones, and of each range that an engine searches one that is free, since a packet filter that knows the
// fixed ports alone lets ranks meet and their data nowhere. All are given back in time.

import Ascend
import Base
import Doctor
import EventLoop

/// Listens for dials, and says nothing to who comes.
final class PlannedListeners {
    private let loop: Loop
    private let limit: Duration
    private var fixed: [Endpoint: StreamListener] = [:]
    private var searched: [SearchedPorts: StreamListener] = [:]
    private var timer: LoopTimer?

    /// So many ports of a range are tried.
    private static let triesLimit = 64

    /// - Parameters:
    ///   - loop: where everything happens.
    ///   - limit: how long the others have to dial.
    init(_ loop: Loop, limit: Duration) {
        self.loop = loop
        self.limit = limit
    }

    func isOpen(_ endpoint: Endpoint) -> Bool { fixed[endpoint] != nil }

    /// Listens on a planned port.
    func listen(on endpoint: Endpoint) -> PlannedPort {
        do throws(UVError) {
            if fixed[endpoint] == nil {
                fixed[endpoint] = try StreamListener(loop, on: endpoint) { $0.close() }
            }
            keep()
            return PlannedPort(endpoint, .free)
        } catch {
            return PlannedPort(endpoint, .taken, reason: "cannot be bound: \(error.message)")
        }
    }

    /// Listens on one free port of a range. That none of those which were tried can be had is a finding only
    /// where all were tried.
    /// - Parameters:
    ///   - ports: the range, and for whom.
    ///   - address: where engines would.
    ///   - isEphemeral: the system chooses, as it does for the engine.
    /// - Returns: that port; nil where nothing is found out.
    func listen(
        within ports: SearchedPorts, at address: String, isEphemeral: Bool = false
    ) -> PlannedPort? {
        if let known = searched[ports], case .tcp(let endpoint) = known.address {
            keep()
            return PlannedPort(endpoint, .free, of: ports)
        }
        // From the top: a filter that opens too few of them opens the first.
        let range = Array(ports.range.first...ports.range.last)
        let candidates = isEphemeral ? [0] : Array(range.reversed().prefix(Self.triesLimit))
        for port in candidates {
            let endpoint = Endpoint(host: address, port: port)
            do throws(UVError) {
                let listener = try StreamListener(loop, on: endpoint) { $0.close() }
                guard case .tcp(let bound) = listener.address else { return nil }
                searched[ports] = listener
                keep()
                return PlannedPort(bound, .free, of: ports)
            } catch {
                // An address that is not there has none; the fixed ports tell so.
                guard error.name == "EADDRINUSE" else { return nil }
            }
        }
        guard candidates.count == range.count else { return nil }
        let first = Endpoint(host: address, port: ports.range.first)
        return PlannedPort(
            first, .taken, reason: "and all others are taken (\(ports))", of: ports)
    }

    private func keep() {
        timer = loop.after(limit) { [weak self] in self?.letGo() }
    }

    /// Gives these ports back, at once.
    func letGo(of endpoints: [Endpoint]) {
        for endpoint in endpoints { fixed.removeValue(forKey: endpoint)?.close() }
    }

    /// Gives every port back, at once.
    func letGo() {
        for listener in Array(fixed.values) + Array(searched.values) { listener.close() }
        fixed = [:]
        searched = [:]
        timer = nil
    }
}

@available(*, unavailable) extension PlannedListeners: Sendable {}

// What the configuration means for the parts, and what is wrong with it.

import Base
import EventLoop

extension TransportConfiguration {
    /// - Throws: ``TransportError/configuration(_:)`` naming the first thing that is wrong.
    func validate() throws(TransportError) {
        for (what, name) in [("node", node.name), ("cluster", cluster)] {
            guard !name.isEmpty, name.utf8.count <= 255 else {
                throw .configuration("a \(what) name has 1 to 255 bytes, not \(name.utf8.count)")
            }
        }
        guard !keys.isEmpty else { throw .configuration("the cluster has no key") }
    }

    /// The peers with their addresses in the form in which the system gives them.
    /// - Throws: ``TransportError`` when one is no address, or the node lists itself.
    func canonical(_ peers: [NodeID: Endpoint]) throws(TransportError) -> [NodeID: Endpoint] {
        guard peers[node] == nil else {
            throw .configuration("node \(node) is listed among its own peers")
        }
        var result: [NodeID: Endpoint] = [:]
        for (node, endpoint) in peers.sorted(by: { $0.key < $1.key }) {
            do throws(UVError) {
                result[node] = try endpoint.canonical()
            } catch {
                throw .configuration("node \(node): \(endpoint.host) is no IPv4 or IPv6 address")
            }
        }
        return result
    }

    /// Peers know an agent by its listed host, so it dials from there.
    var sourceHost: String? {
        ["0.0.0.0", "::"].contains(listen.host) ? nil : listen.host
    }

    var streamLimits: PeerStream.Limits {
        PeerStream.Limits(
            frameBytes: frameLimitBytes, queueBytes: queueLimitBytes, dial: dialLimit,
            handshake: handshakeLimit, unacknowledged: unacknowledgedLimit)
    }
}

/// Keeps a flood of like events from becoming a flood of lines.
struct LogLimiter {
    private static let pause = Duration.seconds(30)
    private static let subjectLimit = 256
    private var subjects: [String: (last: Instant, suppressed: Int)] = [:]

    /// - Returns: nil when the line is not to be written; otherwise what to append to it.
    mutating func admit(_ subject: String, at now: Instant) -> String? {
        if let known = subjects[subject], now - known.last < Self.pause {
            subjects[subject]?.suppressed += 1
            return nil
        }
        let suppressed = subjects[subject]?.suppressed ?? 0
        if subjects.count >= Self.subjectLimit {
            subjects = subjects.filter { now - $0.value.last < Self.pause }
        }
        guard subjects.count < Self.subjectLimit else { return nil }
        subjects[subject] = (now, 0)
        return suppressed == 0 ? "" : " (and \(suppressed) more like it)"
    }
}

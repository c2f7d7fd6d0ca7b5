// Real sockets and real TLS on loopback addresses. One suite after the other: they share ports.

import Base
import EventLoop
import Testing
import Transport

@Suite(.serialized, .timeLimit(.minutes(2)))
struct TransportTests {}

let patience = Duration.seconds(10)

func key(_ byte: UInt8) throws -> ClusterKey {
    try ClusterKey([UInt8](repeating: byte, count: 32))
}

/// One agent's transport and everything that it told.
final class Agent {
    let node: NodeID
    let endpoint: Endpoint
    var opened: [NodeID] = []
    var closed: [(node: NodeID, reason: PeerCloseReason)] = []
    var failed: [(node: NodeID, reason: PeerCloseReason)] = []
    var frames: [(payload: [UInt8], from: NodeID)] = []
    var lines: [String] = []
    var transport: PeerTransport?
    /// Called from within the event.
    var onOpened: (NodeID) -> Void = { _ in }

    init(_ node: NodeID, at endpoint: Endpoint) {
        self.node = node
        self.endpoint = endpoint
    }

    func start(
        _ loop: Loop, peers: [Agent], cluster: String = "test", keys: [ClusterKey]? = nil,
        adjust: (inout TransportConfiguration) -> Void = { _ in }
    ) throws {
        var configuration = TransportConfiguration(
            node: node, cluster: cluster, keys: try keys ?? [key(1)], listen: endpoint,
            peers: Dictionary(uniqueKeysWithValues: peers.map { ($0.node, $0.endpoint) }))
        configuration.redial = Backoff(initial: .milliseconds(20), limit: .milliseconds(100))
        adjust(&configuration)
        transport = try PeerTransport(loop, configuration) { [weak self] in self?.record($0) }
    }

    private func record(_ event: PeerEvent) {
        switch event {
        case .opened(let node):
            #expect(!isOpen(node), "\(self.node): \(node) was opened twice")
            opened.append(node)
            onOpened(node)
        case .closed(let node, let reason):
            #expect(isOpen(node), "\(self.node): \(node) was closed without being open")
            closed.append((node, reason))
        case .dialFailed(let node, let reason): failed.append((node, reason))
        case .frame(let payload, let node):
            #expect(isOpen(node), "\(self.node): a frame from \(node), which is not open")
            frames.append((payload, node))
        case .log(_, let line): lines.append(line)
        }
    }

    private func isOpen(_ node: NodeID) -> Bool {
        opened.filter { $0 == node }.count > closed.filter { $0.node == node }.count
    }

    /// Lets go of everything that it was told.
    func forget() {
        opened = transport?.connected ?? []
        closed = []
        failed = []
        frames = []
        lines = []
    }

    func isConnected(to agent: Agent) -> Bool {
        transport?.connected.contains(agent.node) == true
    }
}

/// Agents `a`, `b`, `c` … on addresses of their own, with ports that were free just now.
func agents(_ count: Int, on loop: Loop) throws -> [Agent] {
    try (0..<count).map { index in
        let host = "127.0.0.\(index + 1)"
        let probe = try StreamListener(loop, on: Endpoint(host: host, port: 0)) { _ in }
        let endpoint = try #require(probe.endpoint)
        let name = String(UnicodeScalar(UInt8(ascii: "a") + UInt8(index)))
        return Agent(NodeID(name), at: endpoint)
    }
}

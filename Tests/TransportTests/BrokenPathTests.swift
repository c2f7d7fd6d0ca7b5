// What the network between two agents can do to a stream, played by a relay.

import Base
import EventLoop
import Testing
import Transport

/// Forwards between whoever connects and a target, and can break each side by itself.
private final class Relay {
    private(set) var near: StreamConnection?
    private var far: StreamConnection?
    private var listener: StreamListener?

    var endpoint: Endpoint? { listener?.endpoint }

    init(_ loop: Loop, to target: Endpoint) throws {
        listener = try StreamListener(loop, on: Endpoint(host: target.host, port: 0)) {
            [weak self] connection in
            guard let self, near == nil else { return }
            near = connection
            // From the host that the caller has, which the target checks.
            let host = connection.peerEndpoint?.host
            far = try? StreamConnection.connect(
                loop, to: .tcp(target), from: host, within: patience
            ) { [weak self] event in
                switch event {
                case .opened: self?.startNear()
                case .received(let bytes): _ = self?.near?.write(bytes)
                default: break
                }
            }
        }
    }

    private func startNear() {
        near?.start { [weak self] event in
            if case .received(let bytes) = event { _ = self?.far?.write(bytes) }
        }
    }

    func closeFar() { far?.close() }
    func closeNear() { near?.close() }
}

extension TransportTests {
    @Suite struct BrokenPaths {
        /// Agent `a`, whose dial of `b` through the relay stands; `b` would reach `a` directly.
        private func relayedPair(_ loop: Loop) throws -> (Agent, Agent, Relay) {
            let pair = try agents(2, on: loop)
            let (a, b) = (pair[0], pair[1])
            let relay = try Relay(loop, to: b.endpoint)
            let detour = Agent(b.node, at: try #require(relay.endpoint))
            // b's next dial comes too late to be in the way.
            try b.start(loop, peers: [a]) {
                $0.redial = Backoff(initial: .milliseconds(400), limit: .milliseconds(400))
            }
            try #require(loop.run(within: patience) { b.failed.count == 1 })
            try a.start(loop, peers: [detour])
            try #require(
                loop.run(within: patience) { a.isConnected(to: b) && b.isConnected(to: a) })
            _ = loop.run(within: .milliseconds(50)) { false }
            return (a, b, relay)
        }

        @Test func `a stream that only the peer has seen end gives way to its new dial`() throws {
            let loop = try Loop()
            let (a, b, relay) = try relayedPair(loop)
            relay.closeFar()
            #expect(
                loop.run(within: patience) { a.opened.count == 2 && b.opened.count == 2 })
            #expect(a.closed.first?.reason == .lost(because: "the peer has seen the stream end"))
            #expect(
                b.closed.first?.reason == .agentGone(because: "ended without a goodbye"))
            #expect(a.transport?.send([1], to: b.node) == true)
            #expect(loop.run(within: patience) { b.frames.map(\.payload) == [[1]] })
        }

        @Test func `a reset of a stream that just spoke says that the agent is gone`() throws {
            let loop = try Loop()
            let (a, b, relay) = try relayedPair(loop)
            relay.near?.pauseReading()
            #expect(a.transport?.send([1], to: b.node) == true)
            _ = loop.run(within: .milliseconds(20)) { false }
            relay.closeNear()  // on unread bytes: the kernel resets
            #expect(loop.run(within: patience) { !a.closed.isEmpty })
            #expect(a.closed.first?.reason == .agentGone(because: "reset by the peer"))
        }

        @Test func `a thousand strangers leave no descriptor behind`() throws {
            let loop = try Loop()
            let a = try agents(1, on: loop)[0]
            try a.start(loop, peers: [])
            let before = try Files.list("/proc/self/fd").count
            for round in 1...1000 {
                let client = try StreamConnection.connect(
                    loop, to: .tcp(a.endpoint), within: patience
                ) { _ in }
                _ = client.write([0x16, 0x03])
                client.closeWhenWritten(within: patience)
                #expect(
                    loop.run(within: patience) {
                        a.transport?.statistics.handshakesRejected == UInt64(round)
                    })
            }
            #expect(try Files.list("/proc/self/fd").count < before + 200)
            #expect(a.lines.count == 1)
        }
    }
}

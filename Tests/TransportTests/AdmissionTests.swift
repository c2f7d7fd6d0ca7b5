import Base
import EventLoop
import Testing
import Transport

extension TransportTests {
    @Suite struct Admission {
        @Test func `a wrong key or cluster name gets a closed connection and one line`() throws {
            for (keys, cluster) in [([try key(2)], "test"), ([try key(1)], "other")] {
                let loop = try Loop()
                let pair = try agents(2, on: loop)
                let (a, b) = (pair[0], pair[1])
                try a.start(loop, peers: [b])
                try b.start(loop, peers: [a], cluster: cluster, keys: keys)
                #expect(loop.run(within: patience) { a.failed.count >= 3 && b.failed.count >= 3 })
                #expect(a.opened.isEmpty && b.opened.isEmpty)
                #expect(a.failed.allSatisfy { !$0.reason.isAgentGone })
                #expect(a.lines.filter { $0.contains("rejected a connection") }.count == 1)
                for agent in [a, b] {
                    #expect(agent.failed.contains { $0.reason == .secretRefused })
                    let ends = agent.lines.filter { $0.contains("the secret differs") }
                    #expect(ends.count == 2, "\(agent.lines)")
                }
                #expect(a.transport?.refusing.isEmpty == false)
                #expect((a.transport?.statistics.handshakesRejected ?? 0) >= 2)
            }
        }

        @Test func `bytes that are no TLS get a closed connection and no byte`() throws {
            var generator = SeededGenerator(seed: 11)
            let loop = try Loop()
            let a = try agents(1, on: loop)[0]
            try a.start(loop, peers: [])
            let garbage: [[UInt8]] = [
                Array("GET / HTTP/1.1\r\n\r\n".utf8), [0x16, 0x03, 0x01, 0xFF, 0xFF, 0x00],
                (0..<20_000).map { _ in UInt8.random(in: 0...255, using: &generator) },
                [0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28],
            ]
            for bytes in garbage {
                var answer: [UInt8] = []
                var isClosed = false
                var client: StreamConnection?
                client = try StreamConnection.connect(
                    loop, to: .tcp(a.endpoint), within: patience
                ) { event in
                    switch event {
                    case .opened:
                        _ = client?.write(bytes)
                        client?.finishWriting()
                    case .received(let bytes): answer += bytes
                    case .closed: isClosed = true
                    case .peerFinished, .drained: break
                    }
                }
                #expect(loop.run(within: patience) { isClosed })
                #expect(answer.isEmpty)
                client = nil
            }
            #expect(a.transport?.statistics.handshakesRejected == UInt64(garbage.count))
            #expect(a.lines.count == 1)
        }

        @Test func `who says nothing is let go in time`() throws {
            let loop = try Loop()
            let a = try agents(1, on: loop)[0]
            try a.start(loop, peers: []) { $0.handshakeLimit = .milliseconds(50) }
            var reason: StreamCloseReason?
            let client = try StreamConnection.connect(
                loop, to: .tcp(a.endpoint), within: patience
            ) { if case .closed(let why) = $0 { reason = why } }
            #expect(loop.run(within: patience) { reason == .endOfStream })
            #expect(a.transport?.statistics.handshakesRejected == 1)
            withExtendedLifetime(client) {}
        }

        @Test func `many silent connections do not keep a peer out`() throws {
            let loop = try Loop()
            let pair = try agents(2, on: loop)
            let (a, b) = (pair[0], pair[1])
            try a.start(loop, peers: [b]) {
                $0.halfOpenLimit = 8
                $0.peers = [:]
            }
            var closed = 0
            var silent: [StreamConnection] = []
            for _ in 0..<20 {
                silent.append(
                    try StreamConnection.connect(loop, to: .tcp(a.endpoint), within: patience) {
                        if case .closed = $0 { closed += 1 }
                    })
            }
            #expect(loop.run(within: patience) { closed == 12 })
            try a.transport?.setPeers([b.node: b.endpoint])
            try b.start(loop, peers: [a])
            #expect(loop.run(within: patience) { b.isConnected(to: a) })
            silent = []
        }

        @Test func `a peer from another host than listed is refused, unless that is allowed`()
            throws
        {
            for isChecked in [true, false] {
                let loop = try Loop()
                let three = try agents(3, on: loop)
                let (a, b, elsewhere) = (three[0], three[1], three[2])
                let impostor = Agent(b.node, at: elsewhere.endpoint)
                try a.start(loop, peers: [b]) { $0.checksPeerHost = isChecked }
                try impostor.start(loop, peers: [a])
                #expect(
                    loop.run(within: patience) {
                        isChecked ? impostor.failed.count >= 2 : impostor.isConnected(to: a)
                    })
                #expect(a.opened.isEmpty == isChecked)
                #expect(
                    a.lines.contains { $0.contains("comes from 127.0.0.3, but is listed at") }
                        == isChecked)
            }
        }

        @Test func `a node under a wrong name is refused by both`() throws {
            let loop = try Loop()
            let three = try agents(3, on: loop)
            let (a, b) = (three[0], three[1])
            let misnamed = Agent(NodeID("x"), at: b.endpoint)
            try a.start(loop, peers: [b])
            try misnamed.start(loop, peers: [a])
            #expect(
                loop.run(within: patience) { a.failed.count >= 2 && misnamed.failed.count >= 2 })
            #expect(a.opened.isEmpty && misnamed.opened.isEmpty)
            #expect(a.lines.contains { $0.contains("node x is not in the node list") })
            #expect(misnamed.lines.contains { $0.contains("looks for node b at this address") })
        }

        @Test func `a key is rotated without losing the cluster`() throws {
            let loop = try Loop()
            let pair = try agents(2, on: loop)
            let (a, b) = (pair[0], pair[1])
            let (old, new) = (try key(1), try key(2))
            try a.start(loop, peers: [b], keys: [old])
            try b.start(loop, peers: [a], keys: [old])
            #expect(loop.run(within: patience) { a.isConnected(to: b) && b.isConnected(to: a) })
            a.transport?.setKeys([new, old])
            #expect(a.closed.isEmpty)
            // While only one end knows the new key, they still find each other by the old one.
            let again = Agent(b.node, at: b.endpoint)
            b.transport = nil
            try again.start(loop, peers: [a], keys: [old])
            #expect(loop.run(within: patience) { again.isConnected(to: a) && a.isConnected(to: b) })
            again.transport?.setKeys([new, old])
            a.transport?.setKeys([new])
            again.transport?.setKeys([new])
            #expect(
                loop.run(within: patience) {
                    a.closed.count >= 2 && again.closed.count >= 1 && again.isConnected(to: a)
                        && a.isConnected(to: again)
                })
            #expect(again.closed.allSatisfy { !$0.reason.isAgentGone })
        }

        @Test(arguments: [0, 16, 31, 257])
        func `a key of a wrong length is refused`(length: Int) {
            let error = #expect(throws: TLSError.self) {
                try ClusterKey([UInt8](repeating: 1, count: length))
            }
            #expect(error?.description.contains("has \(length) bytes") == true)
        }

        @Test func `a key shows its fingerprint and not itself`() throws {
            let (one, two) = (try key(1), try key(2))
            #expect(one.fingerprint.count == 16 && one.fingerprint != two.fingerprint)
            #expect("\(one)" == "cluster key \(one.fingerprint)")
        }

        @Test func `a configuration that contradicts itself is refused`() throws {
            let loop = try Loop()
            let a = try agents(1, on: loop)[0]
            #expect(throws: TransportError.self) { try a.start(loop, peers: [a]) }
            #expect(throws: TransportError.self) { try a.start(loop, peers: [], keys: []) }
            #expect(throws: TransportError.self) { try a.start(loop, peers: [], cluster: "") }
            try a.start(loop, peers: [])
            let taken = #expect(throws: TransportError.self) {
                try Agent(NodeID("z"), at: a.endpoint).start(loop, peers: [])
            }
            #expect(taken?.description.contains("EADDRINUSE") == true)
        }
    }
}

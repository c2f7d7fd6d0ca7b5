import Base
import EventLoop
import Testing
import Transport

extension TransportTests {
    @Suite struct Peers {
        private func connectedPair(
            _ loop: Loop, adjust: (inout TransportConfiguration) -> Void = { _ in }
        ) throws -> (Agent, Agent) {
            let pair = try agents(2, on: loop)
            let (a, b) = (pair[0], pair[1])
            try a.start(loop, peers: [b], adjust: adjust)
            try b.start(loop, peers: [a], adjust: adjust)
            try settle(loop, a, b)
            return (a, b)
        }

        /// Waits for the stream, and for the end of the second one that simultaneous dials make.
        private func settle(_ loop: Loop, _ a: Agent, _ b: Agent) throws {
            try #require(
                loop.run(within: patience) { a.isConnected(to: b) && b.isConnected(to: a) })
            _ = loop.run(within: .milliseconds(30)) { false }
        }

        @Test func `frames of every size arrive once and in order`() throws {
            let loop = try Loop()
            let (a, b) = try connectedPair(loop)
            let sizes = [0, 1, 3, 4, 1000, 16_384, 16_385, 70_000, 4 << 20]
            for (index, size) in sizes.enumerated() {
                let payload = [UInt8](repeating: UInt8(index), count: size)
                #expect(a.transport?.send(payload, to: b.node) == true)
                #expect(loop.run(within: patience) { b.frames.count == index + 1 })
            }
            #expect(b.frames.map(\.payload.count) == sizes)
            #expect(b.frames.allSatisfy { $0.from == a.node })
            let statistics = try #require(a.transport?.statistics)
            #expect(statistics.framesSent == UInt64(sizes.count))
            #expect(statistics.bytesSent == UInt64(sizes.reduce(0, +)))
            #expect(b.transport?.statistics.bytesReceived == statistics.bytesSent)
        }

        @Test func `a frame that is too long, or for nobody, is not sent`() throws {
            let loop = try Loop()
            let (a, b) = try connectedPair(loop)
            #expect(
                a.transport?.send([UInt8](repeating: 0, count: (4 << 20) + 1), to: b.node) == false)
            #expect(a.transport?.send([1], to: NodeID("nobody")) == false)
            #expect(a.transport?.statistics.framesDropped == 2)
            #expect(a.transport?.send([1], to: b.node) == true)
            #expect(loop.run(within: patience) { b.frames.count == 1 })
        }

        @Test(arguments: UInt64(0)..<30)
        func `simultaneous dials settle on one stream and tell nothing of the other`(
            seed: UInt64
        ) throws {
            let loop = try Loop()
            var generator = SeededGenerator(seed: seed)
            let pair = try agents(2, on: loop).shuffled(using: &generator)
            for agent in pair {
                try agent.start(loop, peers: pair.filter { $0 !== agent })
                _ = loop.run(
                    within: generator.duration(in: .zero...(.milliseconds(8)))
                ) { false }
            }
            let (a, b) = (pair[0], pair[1])
            #expect(loop.run(within: patience) { a.isConnected(to: b) && b.isConnected(to: a) })
            // Frames sent while the two dials are being sorted out arrive all the same.
            var sent = 0
            let traffic = loop.every(.milliseconds(1)) {
                if sent < 30, a.transport?.send([UInt8(sent)], to: b.node) == true { sent += 1 }
            }
            #expect(
                loop.run(within: patience) { b.frames.count == 30 },
                "replay with seed \(seed): \(b.frames.count) of \(sent) frames came")
            traffic.cancel()
            _ = loop.run(within: .milliseconds(30)) { false }
            #expect(Set(b.frames.map(\.payload)).count == 30)
            for agent in pair {
                #expect(agent.opened.count == 1, "replay with seed \(seed)")
                #expect(agent.closed.isEmpty, "replay with seed \(seed): \(agent.closed)")
            }
        }

        @Test func `dials of the same moment make two streams, and the lower name's stays`() throws
        {
            let loop = try Loop()
            let (a, b) = try connectedPair(loop)
            #expect(a.transport?.statistics.streamsSuperseded == 1)
            #expect(b.transport?.statistics.streamsSuperseded == 1)
            #expect(a.opened.count == 1 && b.opened.count == 1)
            #expect(a.closed.isEmpty && b.closed.isEmpty)
        }

        @Test func `no frame is lost where one of two streams gives way`() throws {
            let loop = try Loop()
            let pair = try agents(2, on: loop)
            let count = 300
            for (agent, peer) in [(pair[0], pair[1]), (pair[1], pair[0])] {
                agent.onOpened = { [weak agent] node in
                    for index in 0..<count {
                        let payload = [UInt8](repeating: UInt8(index % 256), count: 10_000)
                        #expect(agent?.transport?.send(payload, to: node) == true)
                    }
                }
                try agent.start(loop, peers: [peer])
            }
            #expect(
                loop.run(within: patience) { pair.allSatisfy { $0.frames.count == count } },
                "\(pair.map(\.frames.count)) of \(count) frames came")
            for agent in pair {
                #expect(agent.transport?.statistics.streamsSuperseded == 1)
                #expect(agent.closed.isEmpty)
            }
        }

        @Test func `five agents started together form a full mesh`() throws {
            let loop = try Loop()
            let mesh = try agents(5, on: loop)
            for agent in mesh { try agent.start(loop, peers: mesh.filter { $0 !== agent }) }
            #expect(
                loop.run(within: patience) {
                    mesh.allSatisfy { $0.transport?.connected.count == 4 }
                })
            _ = loop.run(within: .milliseconds(50)) { false }
            for agent in mesh {
                #expect(agent.closed.isEmpty)
                #expect(agent.opened.sorted() == mesh.map(\.node).filter { $0 != agent.node })
            }
        }

        @Test func `an agent that stops is gone, and its dials are refused`() throws {
            let loop = try Loop()
            let (a, b) = try connectedPair(loop)
            b.transport = nil
            #expect(loop.run(within: patience) { !a.closed.isEmpty && !a.failed.isEmpty })
            #expect(a.closed.first?.reason.isAgentGone == true)
            #expect(a.failed.first?.reason == .agentGone(because: "connection refused"))
            #expect(a.transport?.send([1], to: b.node) == false)
        }

        @Test func `a restarted agent is found again`() throws {
            let loop = try Loop()
            let (a, b) = try connectedPair(loop)
            b.transport = nil
            #expect(loop.run(within: patience) { a.failed.count >= 3 })
            let again = Agent(b.node, at: b.endpoint)
            try again.start(loop, peers: [a])
            #expect(loop.run(within: patience) { again.isConnected(to: a) && a.opened.count == 2 })
            #expect(a.transport?.send([7], to: again.node) == true)
            #expect(loop.run(within: patience) { again.frames.map(\.payload) == [[7]] })
        }

        @Test func `a new instance replaces the stream of the old one at once`() throws {
            let loop = try Loop()
            let (a, b) = try connectedPair(loop)
            // The old instance still stands, as one does whose host lost power: only its
            // replacement tells.
            let port = try agents(2, on: loop)[1].endpoint
            let again = Agent(b.node, at: port)
            try again.start(loop, peers: [a])
            #expect(loop.run(within: patience) { again.isConnected(to: a) && a.opened.count >= 2 })
            #expect(a.closed.first?.reason == .agentGone(because: "the agent was restarted"))
            b.transport = nil
        }

        @Test func `a peer that does not read fills its queue and no more`() throws {
            let loop = try Loop()
            let (a, b) = try connectedPair(loop) { $0.queueLimitBytes = 1 << 20 }
            let payload = [UInt8](repeating: 9, count: 64 * 1024)
            var sent = 0
            // Within one callback nobody reads.
            while sent < 1000, a.transport?.send(payload, to: b.node) == true { sent += 1 }
            #expect(sent < 1000)
            #expect(a.transport?.statistics.framesDropped == 1)
            #expect(loop.run(within: patience) { b.frames.count == sent })
            #expect(a.transport?.send(payload, to: b.node) == true)
        }

        @Test func `a frame over the receiver's limit ends the stream and is counted`() throws {
            let loop = try Loop()
            let pair = try agents(2, on: loop)
            let (a, b) = (pair[0], pair[1])
            try a.start(loop, peers: [b])
            try b.start(loop, peers: [a]) { $0.frameLimitBytes = 1000 }
            try settle(loop, a, b)
            #expect(a.transport?.send([UInt8](repeating: 0, count: 1001), to: b.node) == true)
            #expect(loop.run(within: patience) { !a.closed.isEmpty && !b.closed.isEmpty })
            #expect(b.transport?.statistics.oversizedFrames == 1)
            #expect(
                b.closed.first?.reason == .lost(because: "a frame of 1001 bytes, over 1000"))
            // The sender learns that the agent lives.
            #expect(a.closed.first?.reason == .lost(because: "closed by the peer"))
            #expect(b.frames.isEmpty)
            #expect(loop.run(within: patience) { a.isConnected(to: b) && b.isConnected(to: a) })
        }

        @Test func `the node list can change under way`() throws {
            let loop = try Loop()
            let three = try agents(3, on: loop)
            let (a, b, c) = (three[0], three[1], three[2])
            try a.start(loop, peers: [b])
            try b.start(loop, peers: [a])
            try c.start(loop, peers: [a, b])
            #expect(loop.run(within: patience) { a.isConnected(to: b) && !c.failed.isEmpty })
            #expect(!a.isConnected(to: c))
            try a.transport?.setPeers([c.node: c.endpoint])
            #expect(a.closed.first?.reason == .lost(because: "removed from the node list"))
            #expect(loop.run(within: patience) { a.isConnected(to: c) && c.isConnected(to: a) })
            #expect(loop.run(within: patience) { !b.closed.isEmpty })
            #expect(b.closed.first?.reason.isAgentGone == false)
            #expect(throws: TransportError.self) {
                try a.transport?.setPeers([c.node: Endpoint(host: "c.example", port: 1)])
            }
            #expect(a.isConnected(to: c))
        }
    }
}

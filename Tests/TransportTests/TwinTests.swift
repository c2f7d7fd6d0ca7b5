import Base
import EventLoop
import Testing
import Transport

extension TransportTests {
    /// Two agents of one name: `b`, and what a copied machine or directory would start.
    @Suite struct Twins {
        private struct Scene {
            let loop: Loop
            let a: Agent
            let b: Agent
            let twin: Agent
        }

        /// Starts the twin when `a` and `b` talk.
        private func scene(machine: UInt64, startedAt: Int64) throws -> Scene {
            let loop = try Loop()
            let three = try agents(3, on: loop)
            let (a, b) = (three[0], three[1])
            let twin = Agent(b.node, at: three[2].endpoint)
            try a.start(loop, peers: [b]) {
                $0.checksPeerHost = false
                $0.twinLimit = .seconds(60)
            }
            try b.start(loop, peers: [a]) {
                $0.machine = 1
                $0.startedAt = WallTime(millisecondsSinceEpoch: 1000)
            }
            try #require(
                loop.run(within: patience) { a.isConnected(to: b) && b.isConnected(to: a) })
            try twin.start(loop, peers: [a]) {
                $0.machine = machine
                $0.startedAt = WallTime(millisecondsSinceEpoch: startedAt)
            }
            return Scene(loop: loop, a: a, b: b, twin: twin)
        }

        private func isToldTwin(_ agent: Agent) -> Bool {
            agent.failed.contains { failure in
                if case .twin(let why) = failure.reason {
                    why.contains("started before")
                } else {
                    false
                }
            }
        }

        @Test func `the later one is refused and told, and the stream of the first stands`() throws
        {
            let scene = try scene(machine: 2, startedAt: 2000)
            #expect(scene.loop.run(within: patience) { scene.twin.failed.count >= 3 })
            #expect(isToldTwin(scene.twin))
            #expect(scene.twin.opened.isEmpty)
            #expect(scene.a.opened.count == 1 && scene.a.closed.isEmpty && scene.b.closed.isEmpty)
            #expect(scene.a.lines.contains { $0.contains("two agents run as b") })
            #expect(scene.a.transport?.twins == [scene.b.node])
        }

        @Test func `where the later one came in first, the earlier takes its place, once`() throws {
            let scene = try scene(machine: 2, startedAt: 500)
            #expect(scene.loop.run(within: patience) { scene.b.failed.count >= 3 })
            #expect(isToldTwin(scene.b))
            #expect(scene.twin.opened.count == 1 && scene.twin.closed.isEmpty)
            #expect(scene.a.opened.count == 2 && scene.a.closed.count == 1)
        }

        @Test(arguments: [1, 0] as [UInt64])
        func `on the same machine, or an unknown one, it is the agent restarted`(machine: UInt64)
            throws
        {
            let scene = try scene(machine: machine, startedAt: 2000)
            #expect(scene.loop.run(within: patience) { !scene.twin.opened.isEmpty })
            #expect(!isToldTwin(scene.twin))
        }

        @Test func `who knows the key is told why it may not come in`() throws {
            let loop = try Loop()
            let pair = try agents(2, on: loop)
            let stranger = Agent(NodeID("x"), at: pair[1].endpoint)
            try pair[0].start(loop, peers: [])
            try stranger.start(loop, peers: [pair[0]])
            #expect(loop.run(within: patience) { !stranger.failed.isEmpty })
            #expect(
                stranger.failed.first?.reason
                    == .refused(because: "node x is not in the node list"))
        }
    }
}

import Base
import EventLoop
import Glibc
import Testing

extension EventLoopTests {
    @Suite struct Streams {
        /// A listener and one connection to it; both ends record what they are told.
        private final class Pair {
            let loop: Loop
            let listener: StreamListener
            var client: StreamConnection?
            var server: StreamConnection?
            var clientBytes: [UInt8] = []
            var serverBytes: [UInt8] = []
            var clientDrained = 0
            var serverFinished = false
            var clientClosed: StreamCloseReason?
            var serverClosed: StreamCloseReason?

            init(
                on endpoint: Endpoint = loopback, from localHost: String? = nil,
                halfClose: Bool = false
            ) throws {
                loop = try Loop()
                let accepted = Recorder<StreamConnection>()
                listener = try StreamListener(loop, on: endpoint) { accepted.record($0) }
                var opened = false
                client = try StreamConnection.connect(
                    loop, to: listener.address, from: localHost, within: patience
                ) { [weak self] event in
                    switch event {
                    case .opened: opened = true
                    case .received(let bytes): self?.clientBytes += bytes
                    case .peerFinished: Issue.record("the client allows no half-close")
                    case .drained: self?.clientDrained += 1
                    case .closed(let reason): self?.clientClosed = reason
                    }
                }
                try #require(
                    loop.run(within: patience) { opened && !accepted.values.isEmpty })
                server = accepted.values.first
                server?.allowsHalfClose = halfClose
                server?.start { [weak self] event in
                    switch event {
                    case .received(let bytes): self?.serverBytes += bytes
                    case .peerFinished: self?.serverFinished = true
                    case .closed(let reason): self?.serverClosed = reason
                    case .opened, .drained: break
                    }
                }
            }
        }

        @Test(arguments: [loopback, Endpoint(host: "::1", port: 0)])
        func `bytes are echoed`(endpoint: Endpoint) throws {
            let pair = try Pair(on: endpoint)
            #expect(pair.client?.write(Array("ping".utf8)) == true)
            #expect(pair.loop.run(within: patience) { pair.serverBytes == Array("ping".utf8) })
            #expect(pair.server?.write(pair.serverBytes) == true)
            #expect(pair.loop.run(within: patience) { pair.clientBytes == Array("ping".utf8) })
        }

        @Test func `a dial leaves from the local address asked for`() throws {
            let pair = try Pair(from: "127.0.0.77")
            #expect(pair.server?.peerEndpoint?.host == "127.0.0.77")
            #expect(pair.server?.peerName == pair.client?.localEndpoint?.description)
            #expect(pair.client?.peerEndpoint == pair.listener.endpoint)
        }

        @Test func `a reader that pauses slows the writer, and nothing is lost`() throws {
            let pair = try Pair()
            pair.server?.pauseReading()
            let block = (0..<65_536).map { UInt8(truncatingIfNeeded: $0) }
            var taken = 0
            while taken < 10_000, pair.client?.write(block) == true { taken += 1 }
            #expect(taken < 10_000, "the queue never filled")
            let queued = pair.client?.queuedBytes ?? 0
            #expect(queued <= 1 << 20)
            #expect(!pair.loop.run(within: .milliseconds(20)) { pair.clientDrained > 0 })
            pair.server?.resumeReading()
            let expected = taken * block.count
            #expect(pair.loop.run(within: patience) { pair.serverBytes.count == expected })
            #expect(pair.clientDrained == 1)
            #expect(pair.serverBytes.suffix(block.count) == block[...])
        }

        @Test func `one write larger than the limit is taken`() throws {
            let pair = try Pair()
            let large = [UInt8](repeating: 5, count: 6 << 20)
            #expect(pair.client?.write(large) == true)
            #expect(pair.loop.run(within: patience) { pair.serverBytes.count == large.count })
        }

        @Test func `the end of a stream is told apart from a reset`() throws {
            let ended = try Pair()
            ended.client?.close()
            #expect(ended.loop.run(within: patience) { ended.serverClosed != nil })
            #expect(ended.serverClosed == .endOfStream)
            #expect(ended.client?.closeReason == .local)
            #expect(ended.clientClosed == nil)

            let reset = try Pair()
            // A close with unread bytes makes the kernel reset the connection.
            reset.server?.pauseReading()
            #expect(reset.client?.write([1]) == true)
            _ = reset.loop.run(within: .milliseconds(20)) { false }
            reset.server?.close()
            #expect(reset.loop.run(within: patience) { reset.clientClosed != nil })
            #expect(reset.clientClosed == .reset)
        }

        @Test func `a dropped connection is closed`() throws {
            let pair = try Pair()
            pair.client = nil
            #expect(pair.loop.run(within: patience) { pair.serverClosed == .endOfStream })
        }

        @Test func `a half-closed stream still carries the answer`() throws {
            let pair = try Pair(halfClose: true)
            #expect(pair.client?.write([1, 2, 3]) == true)
            pair.client?.finishWriting()
            #expect(pair.loop.run(within: patience) { pair.serverFinished })
            #expect(pair.serverBytes == [1, 2, 3])
            #expect(pair.server?.write([4]) == true)
            pair.server?.closeWhenWritten(within: patience)
            pair.server = nil
            #expect(pair.loop.run(within: patience) { pair.clientClosed != nil })
            #expect(pair.clientBytes == [4])
            #expect(pair.clientClosed == .endOfStream)
        }

        @Test func `a close waits for what is queued, but not for ever`() throws {
            let pair = try Pair()
            pair.server?.pauseReading()
            #expect(pair.client?.write([UInt8](repeating: 1, count: 16 << 20)) == true)
            pair.client?.closeWhenWritten(within: .milliseconds(20))
            weak let client = pair.client
            pair.client = nil
            #expect(client != nil)
            #expect(pair.loop.run(within: patience) { client == nil })
        }

        @Test func `a dial that nobody answers is refused, times out or finds no way`() throws {
            let loop = try Loop()
            var listener: StreamListener? = try StreamListener(loop, on: loopback) { _ in }
            let address = try #require(listener?.address)
            listener = nil
            #expect(try dial(loop, address) == .refused)
            let noSource = try dial(loop, address, from: "192.0.2.1")
            #expect("\(noSource.map { "\($0)" } ?? "")".contains("EADDRNOTAVAIL"))
            let noAddress = try dial(loop, .tcp(Endpoint(host: "not-an-address", port: 1)))
            #expect("\(noAddress.map { "\($0)" } ?? "")".contains("EINVAL"))
        }

        private func dial(
            _ loop: Loop, _ address: StreamAddress, from localHost: String? = nil
        ) throws -> StreamCloseReason? {
            var reason: StreamCloseReason?
            let connection = try StreamConnection.connect(
                loop, to: address, from: localHost, within: .milliseconds(200)
            ) { event in
                if case .closed(let why) = event { reason = why }
            }
            #expect(reason == nil, "told before connect returned")
            #expect(loop.run(within: patience) { reason != nil })
            return withExtendedLifetime(connection) { reason }
        }

        @Test func `a dial without an answer times out`() throws {
            // A full backlog drops further SYNs: the only silence there is on loopback.
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(descriptor) }
            try #require(listen(descriptor, 0) == 0)
            let port = try #require(boundPort(descriptor))
            let loop = try Loop()
            let address = StreamAddress.tcp(Endpoint(host: "127.0.0.1", port: port))
            var reasons: [StreamCloseReason] = []
            var connections: [StreamConnection] = []
            for _ in 0..<4 {
                connections.append(
                    try StreamConnection.connect(loop, to: address, within: .milliseconds(100)) {
                        if case .closed(let reason) = $0 { reasons.append(reason) }
                    })
            }
            #expect(loop.run(within: patience) { !reasons.isEmpty })
            #expect(reasons.allSatisfy { $0 == .timedOut })
            connections = []
        }

        private func boundPort(_ descriptor: Int32) -> UInt16? {
            var address = sockaddr_in()
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let result = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    getsockname(descriptor, $0, &length)
                }
            }
            return result == 0 ? UInt16(bigEndian: address.sin_port) : nil
        }

        @Test func `an occupied address is an error that names it`() throws {
            let loop = try Loop()
            let listener = try StreamListener(loop, on: loopback) { _ in }
            let endpoint = try #require(listener.endpoint)
            #expect(endpoint.port != 0)
            let error = #expect(throws: UVError.self) {
                try StreamListener(loop, on: endpoint) { _ in }
            }
            #expect(
                error?.description == "listen on \(endpoint): address already in use (EADDRINUSE)")
        }

        @Test func `a Unix socket has its permissions and carries bytes`() throws {
            let path = "/tmp/eventloop-test-\(getpid()).sock"
            try Files.remove(path)
            let loop = try Loop()
            var server: StreamConnection?
            let listener = try StreamListener(loop, onUnixPath: path, permissions: 0o600) {
                server = $0
                $0.start { event in
                    if case .received(let bytes) = event { _ = server?.write(bytes.reversed()) }
                }
            }
            var status = stat()
            #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
            var received: [UInt8] = []
            var client: StreamConnection?
            client = try StreamConnection.connect(loop, to: .unix(path), within: patience) {
                switch $0 {
                case .opened: _ = client?.write([1, 2, 3])
                case .received(let bytes): received += bytes
                default: break
                }
            }
            #expect(loop.run(within: patience) { received == [3, 2, 1] })
            client = nil
            server = nil
            listener.close()
            #expect(!Files.exists(path))
        }

        @Test func `two thousand connections leave no descriptor behind`() throws {
            let before = openDescriptorCount()
            let loop = try Loop()
            var closed = 0
            let listener = try StreamListener(loop, on: loopback) { connection in
                connection.closeWhenWritten(within: patience)
            }
            for _ in 0..<2000 {
                let target = closed + 1
                let client = try StreamConnection.connect(
                    loop, to: listener.address, within: patience
                ) { if case .closed = $0 { closed += 1 } }
                #expect(loop.run(within: patience) { closed == target })
                _ = client
            }
            loop.close()
            // Other suites of this process may open a few at the same time.
            #expect(openDescriptorCount() < before + 200)
        }
    }
}

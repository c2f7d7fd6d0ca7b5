import Base
import Testing

@testable import Transport

extension TransportTests {
    @Suite struct Pieces {
        @Test(arguments: UInt64(0)..<20)
        func `frames survive any cutting of the stream`(seed: UInt64) throws {
            var generator = SeededGenerator(seed: seed)
            let payloads = (0..<20).map { _ in
                (0..<Int.random(in: 0...300, using: &generator)).map { _ in
                    UInt8.random(in: 0...255, using: &generator)
                }
            }
            var stream = payloads.flatMap(Frame.encode)[...]
            var decoder = FrameDecoder(limitBytes: 300)
            var decoded: [[UInt8]] = []
            while !stream.isEmpty {
                let count = Int.random(in: 1...100, using: &generator)
                decoder.append(Array(stream.prefix(count)))
                stream = stream.dropFirst(count)
                while let payload = try decoder.next() { decoded.append(payload) }
            }
            #expect(decoded == payloads, "replay with seed \(seed)")
        }

        @Test func `a long frame is refused by its header alone`() {
            var decoder = FrameDecoder(limitBytes: 10)
            decoder.append([0xFF, 0xFF, 0xFF, 0xFF])
            #expect(throws: OversizedFrame(claimedBytes: 0xFFFF_FFFF, limitBytes: 10)) {
                try decoder.next()
            }
        }

        private static let hello = Hello(
            cluster: "glm-5.1", node: NodeID("node-ä"), target: NodeID("b"), instance: .max,
            stream: 2, endedStream: 3)

        @Test func `a hello is read back, and what a newer agent appends is ignored`() {
            let bytes = Self.hello.encode()
            #expect(Hello(decoding: bytes) == Self.hello)
            #expect(Hello(decoding: bytes + [1, 2, 3]) == Self.hello)
        }

        @Test func `every shortened hello is refused`() {
            let bytes = Self.hello.encode()
            for count in bytes.indices { #expect(Hello(decoding: Array(bytes[..<count])) == nil) }
        }

        @Test func `the bytes of a hello are those of the document`() {
            let hello = Hello(
                cluster: "c", node: NodeID("n1"), target: NodeID("n2"), instance: 1, stream: 2,
                endedStream: 0)
            #expect(
                hello.encode() == [
                    0x47, 0x4C, 0x4D, 0x41, 0, 1,
                    0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0,
                    0, 1, 0x63, 0, 2, 0x6E, 0x31, 0, 2, 0x6E, 0x32,
                ])
        }

        /// Carries ciphertext between two sessions until neither has any more.
        private func pump(_ one: TLSSession, _ other: TLSSession) throws -> [UInt8] {
            var received: [UInt8] = []
            while true {
                let forth = one.takeOutput()
                if !forth.isEmpty { received += try other.open(forth) }
                let back = other.takeOutput()
                if !back.isEmpty { received += try one.open(back) }
                if forth.isEmpty && back.isEmpty { return received }
            }
        }

        @Test func `two sessions with one key carry bytes, and a changed byte ends them`() throws {
            let context = try TLSContext(cluster: "c", keys: [try key(5)])
            let client = try TLSSession(context, .client(try key(5)))
            let server = try TLSSession(context, .server)
            try client.handshake()
            _ = try pump(client, server)
            #expect(client.isOpen && server.isOpen)
            try client.seal(Array("secret".utf8))
            #expect(try pump(client, server) == Array("secret".utf8))
            client.sayGoodbye()
            _ = try pump(client, server)
            #expect(server.peerSaidGoodbye && !client.peerSaidGoodbye)
            try server.seal(Array("rest".utf8))
            var record = server.takeOutput()
            record[record.count - 1] ^= 1
            #expect(throws: TLSError.self) { try client.open(record) }
        }

        @Test func `the second of two keys opens, and an unknown one does not`() throws {
            let context = try TLSContext(cluster: "c", keys: [try key(5), try key(6)])
            let server = try TLSSession(context, .server)
            let client = try TLSSession(context, .client(try key(6)))
            try client.handshake()
            _ = try pump(client, server)
            #expect(server.key == (try key(6)))

            let stranger = try TLSSession(context, .client(try key(7)))
            try stranger.handshake()
            let refusing = try TLSSession(context, .server)
            #expect(throws: TLSError.self) { try refusing.open(stranger.takeOutput()) }
            #expect(!refusing.isOpen && !stranger.isOpen)
        }
    }
}

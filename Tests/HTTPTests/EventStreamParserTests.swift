// Server-sent events: wherever the pieces end, the events are the same.

import Base
import Testing

@testable import HTTP

@Suite struct EventStreamParserTests {
    private func events(_ pieces: [[UInt8]]) throws -> [String] {
        var parser = EventStreamParser()
        return try pieces.flatMap { try parser.take($0) }
    }

    @Test(arguments: [
        ("data: a\n\n", ["a"]),
        ("data:a\n\ndata: b\n\n", ["a", "b"]),
        ("data:  a\r\n\r\n", [" a"]),
        ("data: a\r\rdata: b\r\r", ["a", "b"]),
        ("data: a\ndata: b\n\n", ["a\nb"]),
        ("data\n\n", [""]),
        ("data:\ndata:\n\n", ["\n"]),
        (": a comment\nevent: token\nid: 7\nretry: 10\ndata: a\n\n", ["a"]),
        ("database: x\n\n", []),
        ("\n\n\n", []),
        ("\u{FEFF}data: a\n\n", ["a"]),
        ("data: cut off", []),
        ("data: cut off\n", []),
        (
            "data: {\"text\": \"caf\u{E9}\"}\n\ndata: [DONE]\n\n",
            ["{\"text\": \"caf\u{E9}\"}", "[DONE]"]
        ),
    ])
    func `events are read wherever the pieces end`(text: String, expected: [String]) throws {
        let bytes = Array(text.utf8)
        #expect(try events([bytes]) == expected)
        #expect(try events(bytes.map { [$0] }) == expected)
        for cut in 0...bytes.count {
            let pieces = [Array(bytes[..<cut]), [], Array(bytes[cut...])]
            #expect(try events(pieces) == expected, "cut at \(cut)")
        }
    }

    @Test func `bytes that are no text are replaced, and the events around them stand`() throws {
        let bytes = Array("data: a".utf8) + [0xFF, 0xC3] + Array("\n\ndata: b\n\n".utf8)
        #expect(try events([bytes]) == ["a\u{FFFD}\u{FFFD}", "b"])
    }

    @Test(arguments: ["data: ", "", ": ", "event"])
    func `an event without end is given up`(beginning: String) {
        var parser = EventStreamParser(limitBytes: 100)
        #expect(throws: EventStreamError(limitBytes: 100)) {
            _ = try parser.take(Array(beginning.utf8))
            for _ in 0..<20 { _ = try parser.take(Array("0123456789".utf8)) }
        }
    }

    @Test func `data lines without end are given up`() {
        var parser = EventStreamParser(limitBytes: 100)
        #expect(throws: EventStreamError(limitBytes: 100)) {
            for _ in 0..<20 { _ = try parser.take(Array("data: 0123456789\n".utf8)) }
        }
    }

    @Test(arguments: 0..<50 as Range<UInt64>)
    func `hostile bytes give no more than they hold`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let alphabet = Array("dat: \r\n".utf8) + [0, 0xFF, 0xEF, 0xBB, 0xBF]
        let bytes = (0..<2000).map { _ in alphabet.randomElement(using: &generator) ?? 0 }
        var parser = EventStreamParser()
        var pieces: [[UInt8]] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = Int.random(in: 1...9, using: &generator)
            pieces.append(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        let whole = try parser.take(bytes)
        #expect(try events(pieces) == whole, "seed \(seed)")
    }
}

// CBOR: RFC 8949's own examples, round trips, and bytes that lie.

import Base
import CBOR
import Testing

@Suite struct CBORTests {
    /// From RFC 8949, appendix A.
    @Test(arguments: [
        ("00", "0"), ("17", "23"), ("1818", "24"), ("18ff", "255"), ("190100", "256"),
        ("1a00010000", "65536"), ("1bffffffffffffffff", "18446744073709551615"),
        ("20", "-1"), ("3863", "-100"), ("3bffffffffffffffff", "-18446744073709551616"),
        ("40", "h''"), ("4401020304", "h'01020304'"), ("60", "\"\""), ("6161", "\"a\""),
        ("62225c", "\"\\\"\\\\\""), ("62c3bc", "\"ü\""), ("63e6b0b4", "\"水\""),
        ("64f0908591", "\"𐅑\""), ("80", "[]"), ("83010203", "[1, 2, 3]"),
        ("8301820203820405", "[1, [2, 3], [4, 5]]"), ("f4", "false"), ("f5", "true"),
        ("f6", "null"), ("fb3ff199999999999a", "1.1"),
        (
            "98190102030405060708090a0b0c0d0e0f101112131415161718181819",
            "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, "
                + "24, 25]"
        ),
    ])
    func `the examples of the RFC are read and written`(hex: String, diagnostic: String) throws {
        let value = try CBORValue(decoding: bytes(hex))
        #expect(value.description == diagnostic)
        #expect(hexadecimal(value.encoded) == hex)
    }

    @Test(arguments: [
        ("a0", "a map"), ("c074323031332d30332d32315432303a30343a30305a", "a tag"),
        ("f90000", "a half float"), ("fa47c35000", "a single float"), ("f7", "undefined"),
        ("f0", "a simple value"), ("9fff", "an array without a length"),
        ("5f42010243030405ff", "bytes in pieces"), ("7f657374726561646d696e67ff", "text in pieces"),
        ("ff", "a break"), ("1c", "a reserved length"), ("", "nothing"), ("18", "half a number"),
        ("61", "text without its content"), ("6361c3", "text cut short"),
        ("62c328", "text not UTF-8"),
        ("8201", "an array cut short"),
    ])
    func `what the protocol does not use is malformed`(hex: String, what: String) {
        let error = #expect(throws: CBORError.self, "\(what)") {
            try CBORValue(decoding: bytes(hex))
        }
        guard case .malformed = error else {
            Issue.record("\(what): \(error.map(\.description) ?? "accepted")")
            return
        }
    }

    @Test(arguments: [
        "9bffffffffffffffff", "9b7fffffffffffffff00", "9affffffff00", "9903e800",
        "5bffffffffffffffff", "7b7fffffffffffffff61", "5affffffff00", "82820000",
        "9b0000000100000000",
    ])
    func `a length that lies is refused before anything is allocated`(hex: String) {
        #expect(throws: CBORError.self) { try CBORValue(decoding: bytes(hex)) }
    }

    @Test func `nesting ends at its limit`() throws {
        func nested(_ depth: Int) -> [UInt8] {
            [UInt8](repeating: 0x81, count: depth - 1) + [0x80]
        }
        _ = try CBORValue(decoding: nested(CBORValue.depthLimit))
        #expect(throws: CBORError.tooDeep(offset: CBORValue.depthLimit)) {
            try CBORValue(decoding: nested(CBORValue.depthLimit + 1))
        }
        #expect(throws: CBORError.self) { try CBORValue(decoding: nested(1_000_000)) }
    }

    @Test func `bytes after the item are an error`() {
        #expect(throws: CBORError.trailingBytes(count: 2)) {
            try CBORValue(decoding: [0x80, 0x00, 0x00])
        }
    }

    @Test(arguments: UInt64(0)..<20) func `random items round trip`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<100 {
            let value = randomItem(depth: 0, using: &generator)
            #expect(try CBORValue(decoding: value.encoded) == value, "seed \(seed)")
        }
    }

    @Test(arguments: UInt64(0)..<20)
    func `every truncation is an error and no mutation traps`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<20 {
            let bytes = randomItem(depth: 0, using: &generator).encoded
            for length in 0..<bytes.count {
                #expect(throws: CBORError.self, "seed \(seed), \(length) of \(hexadecimal(bytes))")
                {
                    try CBORValue(decoding: Array(bytes[..<length]))
                }
            }
            for _ in 0..<50 {
                var changed = bytes
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                changed[place] = UInt8.random(in: 0...255, using: &generator)
                if let value = try? CBORValue(decoding: changed) {
                    // Not the item but its bytes are compared: a changed double may be a NaN.
                    let again = try? CBORValue(decoding: value.encoded).encoded
                    #expect(again == value.encoded, "seed \(seed): \(hexadecimal(changed))")
                }
            }
        }
    }

    private func randomItem(
        depth: Int, using generator: inout SeededGenerator
    ) -> CBORValue {
        let number = generator.next() >> UInt64.random(in: 0..<64, using: &generator)
        let count = Int.random(in: 0...5, using: &generator)
        switch Int.random(in: 0..<(depth < 5 ? 10 : 7), using: &generator) {
        case 0: return .unsigned(number)
        case 1: return .negative(number)
        case 2:
            return .bytes((0..<count * 7).map { _ in UInt8(truncatingIfNeeded: generator.next()) })
        case 3: return .text(String(repeating: "é水🙂", count: count))
        case 4: return .bool(generator.chance(0.5))
        case 5: return .null
        case 6: return .double(Double.random(in: -1e9...1e9, using: &generator))
        default:
            return .array((0..<count).map { _ in randomItem(depth: depth + 1, using: &generator) })
        }
    }
}

@Suite struct CBORRecordTests {
    private func record(_ elements: CBORValue...) throws -> CBORRecord {
        try CBORRecord(.array(elements), "sample")
    }

    @Test func `elements are read in order, and later ones are left alone`() throws {
        var sample = try record(
            .unsigned(7), .text("a"), .bool(true), .null, .bytes([1]), .unsigned(9))
        #expect(try sample.unsigned() == 7)
        #expect(try sample.text() == "a")
        #expect(try sample.bool())
        #expect(try sample.optional() == nil)
        #expect(try sample.bytes() == [1])
    }

    @Test(arguments: [Int64.min, -1, 0, 1, Int64.max])
    func `signed numbers round trip`(number: Int64) throws {
        var sample = try record(CBORValue(number))
        #expect(try sample.signed() == number)
    }

    @Test func `signed numbers beyond 64 bits are refused`() throws {
        for value: CBORValue in [.unsigned(1 << 63), .negative(1 << 63), .negative(.max)] {
            var sample = try record(value)
            #expect(throws: CBORError.self) { try sample.signed() }
        }
    }

    @Test func `a counter leaves room for the next`() throws {
        var sample = try record(.unsigned(1 << 63 - 1), .unsigned(1 << 63), .unsigned(.max))
        #expect(try sample.counter() == 1 << 63 - 1)
        #expect(throws: CBORError.self) { try sample.counter() }
        #expect(throws: CBORError.self) { try sample.counter() }
    }

    @Test func `a number that does not fit is refused, not cut`() throws {
        var sample = try record(.unsigned(65_535), .unsigned(65_536))
        #expect(try sample.unsigned(as: UInt16.self) == 65_535)
        #expect(throws: CBORError.self) { try sample.unsigned(as: UInt16.self) }
    }

    @Test func `errors say what was expected, where, and what was found`() throws {
        #expect(
            throws: CBORError.unexpected(expected: "sample, an array", found: "3")
        ) { try CBORRecord(.unsigned(3), "sample") }
        var sample = try record(.text("no"))
        #expect(
            throws: CBORError.unexpected(
                expected: "an unsigned as element 0 of sample", found: "\"no\"")
        ) { try sample.unsigned() }
        #expect(
            throws: CBORError.unexpected(expected: "element 1 of sample", found: "the end")
        ) { try sample.next() }
    }
}

/// The bytes of lower-case hexadecimal digits.
func bytes(_ hex: String) -> [UInt8] {
    let digits = hex.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

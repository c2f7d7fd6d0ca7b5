// JSON: what is written is read again, what is no JSON is refused at its byte, and nothing traps.

import Base
import Testing

@Suite struct JSONTests {
    @Test(arguments: [
        "null", "true", "false", "0", "-1", "9223372036854775807", "-9223372036854775808", "1.5",
        "-0.25", "1e+300", "\"\"", "\"a b\"", "[]", "{}", "[1,[2,[]],{}]",
        "{\"b\":1,\"a\":{\"b\":2},\"b\":null}", "\"é 漢 🙂\"", "\"\\\"\\\\\\n\\r\\t\\u0001\"",
    ])
    func `a document in our form is written as it was read`(text: String) throws {
        #expect(try JSONValue(parsing: text).compact == text)
    }

    @Test func `the members keep their order and the pretty form its two spaces`() throws {
        let document: JSONValue = ["z": 1, "a": [true, nil], "empty": [], "none": [:]]
        let text = """
            {
              "z": 1,
              "a": [
                true,
                null
              ],
              "empty": [],
              "none": {}
            }

            """
        #expect(document.pretty == text)
        #expect(try JSONValue(parsing: text) == document)
    }

    @Test(arguments: [
        (" [ 1 , 2 ] ", JSONValue.array([1, 2])),
        ("\"\\u00e9\\/\\b\\f\"", "é/\u{8}\u{c}"),
        ("\"\\ud83d\\ude42\"", "🙂"),
        ("\"\\uD834\\uDD1E\"", "𝄞"),
        ("1E2", .number(100)), ("1e-2", .number(0.01)), ("0.5", .number(0.5)), ("-0", 0),
        ("9223372036854775808", .number(9_223_372_036_854_775_808)),
        ("\t\r\nnull\n", nil),
    ])
    func `other forms are understood`(text: String, value: JSONValue) throws {
        #expect(try JSONValue(parsing: text) == value)
    }

    @Test(arguments: [
        ("", 0), ("  ", 2), ("nul", 0), ("nulll", 4), ("tru", 0), ("[1,]", 3), ("[1 2]", 3),
        ("[", 1), ("{", 1), ("{\"a\"}", 4), ("{\"a\":}", 5), ("{\"a\":1,}", 7), ("{1:2}", 1),
        ("1 2", 2), ("01", 2), ("-", 1), ("+1", 0), (".5", 0), ("1.", 2), ("1.e5", 2), ("1e", 2),
        ("1e+", 3), ("1.5.5", 3), ("1e5e5", 3), ("1e999", 5), ("\"abc", 4), ("\"\\", 2),
        ("\"\\x\"", 3), ("\"\\u12", 5), ("\"\\u12g4\"", 5), ("\"\\u+041\"", 3),
        ("\"\\u-000\"", 3), ("\"\u{1}\"", 2), ("\"\\ud800\"", 7), ("\"\\ud800\\u0041\"", 13),
        ("\"\\ud800\\ud800\"", 13), ("\"\\udc00\"", 7), ("\"\\ud800x\"", 7), ("]", 0),
        ("NaN", 0), ("Infinity", 0), ("'a'", 0),
    ])
    func `what is no JSON is refused where it breaks`(text: String, offset: Int) {
        let error = #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
        #expect(error?.offset == offset, "\(text): \(error.map(\.description) ?? "accepted")")
    }

    @Test func `a string that is not UTF-8 is refused`() {
        for bytes: [UInt8] in [
            [0x22, 0xFF, 0x22], [0x22, 0xC3, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22],
        ] {
            #expect(throws: JSONError.self) { try JSONValue(parsing: bytes) }
        }
    }

    @Test func `deep nesting is refused before the stack is at risk`() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        _ = try JSONValue(parsing: nested(64))
        let error = #expect(throws: JSONError.self) { try JSONValue(parsing: nested(65)) }
        #expect(error?.description == "not JSON at byte 64: nested too deeply")
        #expect(throws: JSONError.self) { try JSONValue(parsing: nested(1_000_000)) }
    }

    @Test func `no infinity is written`() {
        #expect(JSONValue.array([.number(.infinity), .number(.nan)]).compact == "[null,null]")
    }

    @Test(arguments: UInt64(0)..<20) func `random documents round trip`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<100 {
            let document = randomDocument(depth: 0, using: &generator)
            for text in [document.compact, document.pretty] {
                #expect(try JSONValue(parsing: text) == document, "seed \(seed)")
            }
        }
    }

    @Test(arguments: UInt64(0)..<20)
    func `random and mutated bytes are read or refused, and never trap`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let alphabet = Array("{}[]:,\"\\u0dDeE8+-.truefalsn 19\u{1}é".utf8) + [0xFF]
        for _ in 0..<500 {
            var bytes = Array(randomDocument(depth: 0, using: &generator).compact.utf8)
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                let place = Int.random(in: 0...bytes.count, using: &generator)
                let byte = alphabet[Int.random(in: 0..<alphabet.count, using: &generator)]
                bytes.insert(byte, at: place)
            }
            if let value = try? JSONValue(parsing: bytes) {
                #expect((try? JSONValue(parsing: value.compact)) == value, "seed \(seed)")
            }
        }
    }

    private func randomDocument(
        depth: Int, using generator: inout SeededGenerator
    ) -> JSONValue {
        let count = Int.random(in: 0...4, using: &generator)
        switch Int.random(in: 0..<(depth < 4 ? 7 : 5), using: &generator) {
        case 0: return nil
        case 1: return .bool(generator.chance(0.5))
        case 2: return .integer(Int64.random(in: .min ... .max, using: &generator))
        case 3: return .number(Double.random(in: -1e9...1e9, using: &generator) / 3)
        case 4: return .string(randomText(using: &generator))
        case 5:
            return .array(
                (0..<count).map { _ in randomDocument(depth: depth + 1, using: &generator) })
        default:
            return .object(
                (0..<count).map { _ in
                    .init(
                        randomText(using: &generator),
                        randomDocument(depth: depth + 1, using: &generator))
                })
        }
    }

    private func randomText(using generator: inout SeededGenerator) -> String {
        let pieces = ["a", "\"", "\\", "\n", "\u{0}", "é", "🙂", " ", "\u{7F}", "\u{2028}"]
        return (0..<Int.random(in: 0...6, using: &generator))
            .map { _ in pieces[Int.random(in: 0..<pieces.count, using: &generator)] }.joined()
    }
}

@Suite struct JSONAccessTests {
    @Test func `members and elements are found, and nothing else`() {
        let document: JSONValue = ["a": [1, "two", .number(2.5), true, nil], "a2": "x"]
        #expect(document["a"]?[0]?.integerValue == 1)
        #expect(document["a"]?[1]?.stringValue == "two")
        #expect(document["a"]?[0]?.numberValue == 1)
        #expect(document["a"]?[3]?.boolValue == true)
        #expect(document["a"]?[4] == .null)
        #expect(document["a"]?[5] == nil)
        #expect(document["a"]?[-1] == nil)
        #expect(document["b"] == nil)
        #expect(document["a2"]?["a"] == nil)
        #expect(document.objectValue?.map(\.name) == ["a", "a2"])
        #expect(document["a"]?.arrayValue?.count == 5)
        #expect(JSONValue(nil as String?) == .null && JSONValue(3 as Int?) == 3)
    }
}

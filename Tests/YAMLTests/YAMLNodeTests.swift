import Testing
import YAML

/// The messages of what is wrong with a text; empty where nothing is.
private func problems(_ text: String) -> [String] {
    do {
        _ = try YAMLNode(parsing: text, file: "a.yaml")
        return []
    } catch {
        return error.diagnostics.map(\.description)
    }
}

@Suite struct YAMLNodeTests {
    @Test func `every node knows its place, and scalars stay text`() throws {
        let node = try YAMLNode(
            parsing: """
                port: 8000
                version: 0.10
                quoted: "true"
                list:
                  - one
                  - {a: ~, b: 'x y'}
                """, file: "a.yaml")
        #expect(node.members?.map(\.name) == ["port", "version", "quoted", "list"])
        #expect(node["version"]?.content == .scalar(.init("0.10", isPlain: true)))
        #expect(node["quoted"]?.content == .scalar(.init("true", isPlain: false)))
        #expect(node["quoted"]?.boolean == nil)
        guard case .list(let elements) = node["list"]?.content else {
            Issue.record("list is \(node["list"]?.kind ?? "absent")")
            return
        }
        #expect(elements[0].location.description == "a.yaml:5:5")
        #expect(elements[1]["a"]?.isNull == true)
        #expect(elements[1]["b"]?.location.description == "a.yaml:6:15")
        #expect(node.members?[3].location.description == "a.yaml:4:1")
    }

    @Test func `an empty text is nothing`() throws {
        for text in ["", "\n\n", "# only a comment\n", "---\n"] {
            #expect(try YAMLNode(parsing: text, file: "a.yaml").isNull, "\(text)")
        }
    }

    @Test(arguments: [
        ("a: 1\nb: 2\na: 3", ["a.yaml:3:1: \"a\" is given twice"]),
        ("a: &x 1", ["a.yaml:1:4: anchors are not read; write the value out"]),
        ("a: *x", ["a.yaml:1:4: aliases are not read; write the value out"]),
        (
            "a: !!str 1\nb: !t [1]",
            [
                "a.yaml:1:4: tags are not read; remove the \"!\"",
                "a.yaml:2:4: tags are not read; remove the \"!\"",
            ]
        ),
        ("a: 1\n---\nb: 2", ["a.yaml:2:1: expected one document; remove the \"---\""]),
        ("? [x]\n: 1", ["a.yaml:1:3: expected a text as name, found a list"]),
        (
            String(repeating: "[", count: 40),
            ["a.yaml:1:33: expected at most 32 levels of lists and maps"]
        ),
        (
            String(repeating: "x", count: 1 << 20) + "y",
            ["a.yaml:1:1: expected at most 1 MiB of text"]
        ),
    ])
    func `what could mislead is refused`(text: String, expected: [String]) {
        #expect(problems(text) == expected)
    }

    @Test(arguments: [
        ("a: [1, 2", 1), ("a: 1\n b: 2", 2), ("a: \"x", 1), ("\ta: 1", 1), ("a: \u{1}", 1),
    ])
    func `a syntax error tells its line`(text: String, line: Int) throws {
        let error = try #require(throws: ConfigurationError.self) {
            try YAMLNode(parsing: text, file: "a.yaml")
        }
        #expect(error.diagnostics.count == 1)
        #expect(abs(error.diagnostics[0].location.line - line) <= 1, "\(error)")
        #expect(error.description.contains("expected YAML: "))
    }

    @Test(arguments: [
        (
            "a: 1\nb: [c\nd: 2\ne: 3\n",
            "a.yaml:2:4: expected YAML: did not find expected ',' or ']' "
                + "while parsing a flow sequence, which begins here; missed in line 3"
        ),
        ("a:\n\tb: 1\n", "a.yaml:2:1: expected YAML: a tab stands here; indent with spaces"),
        (
            "a: 1\nb:\n  - c\n\t- d\n",
            "a.yaml:4:1: expected YAML: a tab stands here; indent with spaces"
        ),
    ])
    func `a bracket is missed where it was opened, and a tab is called a tab`(
        text: String, expected: String
    ) {
        #expect(problems(text) == [expected])
    }

    @Test(arguments: UInt64(0)..<200)
    func `no bytes make the parser trap`(seed: UInt64) {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        let alphabet = Array("ab:-[]{}\"'#&*!|>%@` \n\t?,0~é\u{0}")
        let text = (0..<Int(seed % 60)).map { _ -> Character in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return alphabet[Int(state >> 33) % alphabet.count]
        }
        // Whatever it is, it either reads and is written back to the same, or says why not.
        guard let node = try? YAMLNode(parsing: String(text), file: "a") else { return }
        let again = try? YAMLNode(parsing: node.text, file: "a")
        #expect(again.map(stripped) == stripped(node), "seed \(seed): \(String(text))")
    }
}

/// The content alone, without places.
private func stripped(_ node: YAMLNode) -> String {
    switch node.content {
    case .scalar(let scalar): node.isNull ? "~" : "<\(scalar.text)>"
    case .list(let elements): "[\(elements.map(stripped).joined(separator: ","))]"
    case .map(let members):
        "{\(members.map { "<\($0.name)>=\(stripped($0.value))" }.joined(separator: ","))}"
    }
}

@Suite struct YAMLWriterTests {
    @Test(arguments: [
        "plain", "two words", "", "true", "no", "null", "~", "8000", "0x10", "1e3", "-", "--flag",
        "---",
        "a: b", "a #b", "#a", "'", "\"", "\\", "a\nb", "\ttab", "{model}", "[x]", "é", "😀",
        "\u{85}",
        "2026-01-01", "1:30", "on", "Y", ".inf", "=", "<<", "*a", "&a", "!a", "%a", "@a", "`a",
        "a ",
        " a", "?", "? a", "\u{7}", "\u{feff}x", "\u{2028}",
    ])
    func `a text reads back as it was, as a name and as a value`(text: String) throws {
        let place = SourceLocation(file: "w", line: 1, column: 1)
        let word = YAMLNode(.scalar(.init(text, isPlain: false)), at: place)
        let node = YAMLNode(
            .map([
                YAMLMember(text, at: place, word),
                YAMLMember("list+", at: place, YAMLNode(.list([word, word]), at: place)),
            ]), at: place)
        let read = try YAMLNode(parsing: node.text, file: "w")
        #expect(stripped(read) == stripped(node), "\(node.text)")
        #expect(read.members?.first?.name == text)
        #expect(read.members?.first?.value.isNull == false)
        #expect(read.members?.first?.value.boolean == nil)
    }

    @Test func `the form is stable`() throws {
        let text = """
            name: x
            ports: [1, 2]
            empty: {}
            inner:
              "a b": null
              list:
                -
                  k: "1:2"
                - [a, [b]]

            """
        #expect(try YAMLNode(parsing: text, file: "w").text == text)
    }
}

import Testing
import YAML

@Suite struct YAMLReaderTests {
    /// Reads a small configuration in which everything can be wrong.
    private func messages(_ text: String) throws -> [String] {
        let log = DiagnosticLog()
        let reader = YAMLReader(try YAMLNode(parsing: text, file: "a.yaml"), log: log)
        if let fields = reader.fields(["port", "wait", "mode", "on", "nodes", "extra"]) {
            _ = fields.required("port")?.port()
            _ = fields["wait"]?.duration()
            _ = fields["mode"]?.choice(of: ["fail-static", "stop"])
            _ = fields["on"]?.boolean()
            for node in fields["nodes"]?.list(of: "nodes") ?? [] {
                _ = node.fields(["name", "address"])?.required("name")?.string()
            }
            _ = fields["extra"]?.entries(of: "settings")?.map { $0.value.string() }
        }
        do {
            _ = try log.result(log.diagnostics.isEmpty ? true : nil)
            return []
        } catch {
            return error.diagnostics.map(\.description)
        }
    }

    @Test func `a correct document has no diagnostics`() throws {
        #expect(
            try messages(
                """
                port: 7600
                wait: 500ms
                mode: stop
                on: true
                nodes: [{name: a, address: 10.0.0.1}]
                extra: {k: v}
                """) == [])
    }

    @Test func `every violation is told, in the order of the text`() throws {
        #expect(
            try messages(
                """
                prot: 7600
                wait: 5 minutes
                mode: fail-statik
                on: "true"
                nodes:
                  - {address: 10.0.0.1}
                  - {name: b, adress: 10.0.0.2}
                  - c
                extra: {k: null}
                """) == [
                    "a.yaml:1:1: prot: unknown field; did you mean \"port\"?",
                    "a.yaml:1:1: expected the field \"port\"",
                    "a.yaml:2:7: wait: expected a duration such as 500ms, 30s, 10m or 2h, "
                        + "found \"5 minutes\"",
                    "a.yaml:3:7: mode: unknown value \"fail-statik\"; did you mean \"fail-static\"?",
                    "a.yaml:4:5: on: expected true or false, found the quoted text \"true\"",
                    "a.yaml:6:5: nodes[0]: expected the field \"name\"",
                    "a.yaml:7:15: nodes[1].adress: unknown field; did you mean \"address\"?",
                    "a.yaml:8:5: nodes[2]: expected a map with name, address, found \"c\"",
                    "a.yaml:9:12: extra.k: expected a text, found nothing",
                ])
    }

    @Test(arguments: [
        ("0", false), ("65536", false), ("1", true), ("65535", true), ("\"80\"", false),
        ("8e1", false), ("[80]", false), ("-1", false), ("99999999999999999999", false),
    ])
    func `a port is a whole number from 1 to 65535`(text: String, isPort: Bool) throws {
        #expect(try messages("port: \(text)").isEmpty == isPort)
    }

    @Test(
        arguments: [
            ("250ms", Duration.milliseconds(250)), ("3s", .seconds(3)), ("10m", .seconds(600)),
            ("2h", .seconds(7200)), ("0s", .zero), ("1.5s", nil), ("s", nil), ("-1s", nil),
            ("9999999999h", nil), ("+1s", nil), ("10", nil),
        ] as [(String, Duration?)])
    func `a duration has a whole number and a unit`(text: String, expected: Duration?) throws {
        let node = try YAMLNode(parsing: text, file: "d")
        #expect(YAMLReader(node, log: DiagnosticLog()).duration() == expected)
    }

    @Test(
        arguments: [
            ("prefil", "prefill"), ("tpyo", "typo"), ("PORTS", "ports"), ("xyzzy", nil), ("", nil),
        ] as [(String, String?)])
    func `the nearest name forgives about a third`(name: String, expected: String?) {
        #expect(nearestName(to: name, in: ["prefill", "decode", "typo", "ports"]) == expected)
    }

    @Test func `among names that are all as near none is guessed where all are told`() {
        let addresses = (1...4).map { "127.0.0.\($0)" }
        #expect(nearestName(to: "127.0.0.8", in: addresses) == nil)
        #expect(nearestName(to: "127.00.1", in: addresses) == "127.0.0.1")
        #expect(
            suggestion(for: "127.0.0.8", in: addresses)
                == "; known: 127.0.0.1, 127.0.0.2, 127.0.0.3, 127.0.0.4")
        #expect(
            unknown("node", "node-9", known: ["node-1", "node-2"])
                == "there is no node \"node-9\". There are: node-1, node-2")
        #expect(
            unknown("node", "nod-2", known: ["node-1", "node-2"])
                == "there is no node \"nod-2\"; did you mean \"node-2\"? There are: node-1, node-2")
    }

    @Test(arguments: [("", "", 0), ("abc", "", 3), ("abc", "acb", 1), ("kitten", "sitting", 3)])
    func `edits are counted`(left: String, right: String, distance: Int) {
        #expect(editDistance(left, right) == distance)
        #expect(editDistance(right, left) == distance)
    }
}

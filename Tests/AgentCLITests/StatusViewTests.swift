// What an operator sees, recorded, and what a script reads, recorded where the schema is checked.

import Base
import Node
import Testing

@testable import AgentCLI

@Suite struct StatusViewTests {
    @Test(arguments: StatusSamples.all.map(\.name))
    func `the status reads as recorded`(name: String) throws {
        let sample = try #require(StatusSamples.all.first { $0.name == name })
        let view = StatusView(status: sample.status.json, now: StatusSamples.now, colour: false)
        expectGolden(view.text, "Tests/Golden/status-\(name).txt")
    }

    @Test func `the members read as recorded`() {
        let members: JSONValue = ["members": StatusSamples.ready.json["members"] ?? .null]
        let view = MembersView(members: members, now: StatusSamples.now, colour: false)
        expectGolden(view.text, "Tests/Golden/members.txt")
    }

    @Test func `files that differ alike are told in one line with their nodes`() {
        func member(_ node: String, _ differences: String?) -> JSONValue {
            ["node": .string(node), "file_differences": JSONValue(differences)]
        }
        let members: JSONValue = [
            "members": [
                member("a", "still the old file"), member("b", nil),
                member("c", "still the old file"),
            ]
        ]
        let text = MembersView(members: members, now: StatusSamples.now, colour: false).text
        #expect(text.hasSuffix("\na, c: still the old file\n"), "\(text)")
    }

    /// Protocols/check_status.py checks these files against the schema.
    @Test(arguments: StatusSamples.all.map(\.name))
    func `the JSON is the recorded one`(name: String) throws {
        let sample = try #require(StatusSamples.all.first { $0.name == name })
        expectGolden(sample.status.json.pretty, "Protocols/vectors/status/\(name).json")
    }

    @Test func `the schema names the members of the status and no others`() throws {
        let schema = try JSONValue(parsing: readText("\(repository)/Protocols/status.schema.json"))
        let status = StatusSamples.ready.json
        let definitions = schema["$defs"]
        let pairs: [(JSONValue?, JSONValue?)] = [
            (schema, status),
            (schema["properties"]?["quorum"], status["quorum"]),
            (definitions?["member"], status["members"]?[0]),
            (definitions?["inventory"], status["members"]?[0]?["inventory"]),
            (definitions?["group"], status["groups"]?[0]),
            (definitions?["rank"], status["groups"]?[0]?["ranks"]?[0]),
            (definitions?["router"], status["router"]),
            (
                definitions?["failure"],
                StatusSamples.recovered.json["groups"]?[0]?["last_failure"]
            ),
        ]
        for (definition, value) in pairs {
            let known = definition?["properties"]?.objectValue?.map(\.name)
            let required = definition?["required"]?.arrayValue?.compactMap(\.stringValue)
            let written = value?.objectValue?.map(\.name)
            #expect(written != nil)
            #expect(known == written)
            #expect(required == written)
            #expect(definition?["additionalProperties"] == false)
        }
    }

    @Test func `colour adds escape sequences and changes no word`() {
        let status = StatusSamples.backoff.json
        let plain = StatusView(status: status, now: StatusSamples.now, colour: false).text
        let coloured = StatusView(status: status, now: StatusSamples.now, colour: true).text
        #expect(!plain.contains("\u{1B}"))
        #expect(coloured.contains("\u{1B}[31mexited\u{1B}[0m"))
        #expect(coloured.replacing(/\u{1B}\[[0-9;]*m/, with: "") == plain)
    }

    @Test func `a status without its members does not trap`() {
        let text = StatusView(status: [:], now: StatusSamples.now, colour: false).text
        #expect(text.contains("leader"))
    }
}

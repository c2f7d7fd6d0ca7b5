// The command line is a promise to scripts: each test is a line that somebody types.

import Testing

@testable import AgentCLI

@Suite struct ArgumentParserTests {
    static let parser = ArgumentParser(
        commands: [
            CommandSpec(name: "run", summary: "runs"),
            CommandSpec(
                name: "logs", summary: "logs",
                options: [.socket, .follow, .lines],
                positionals: [PositionalSpec("SHARD", "the shard")]),
            CommandSpec(
                name: "stop", summary: "stops",
                positionals: [PositionalSpec("GROUP", optional: true, "the group")]),
            CommandSpec(name: "profiles", summary: "lists", options: [.json]),
            CommandSpec(
                name: "profiles show", summary: "shows",
                positionals: [PositionalSpec("NAME", "the name")]),
            CommandSpec(name: "shim", summary: "hidden", isHidden: true, takesAnything: true),
        ],
        defaultCommand: "run")

    private func parse(_ line: String) throws(UsageError) -> ParsedArguments {
        try Self.parser.parse(line.split(separator: " ").map(String.init))
    }

    @Test func `no command is the default command`() throws {
        #expect(try parse("").command.name == "run")
    }

    @Test(arguments: [
        "logs --socket /a p-0/1", "logs --socket=/a p-0/1", "logs p-0/1 --socket /a",
        "logs --socket /b --socket /a p-0/1", "logs --socket /a -- p-0/1",
    ])
    func `an option takes its value in every usual way`(line: String) throws {
        let parsed = try parse(line)
        #expect(parsed[.socket] == "/a")
        #expect(parsed.positionals == ["p-0/1"])
        #expect(!parsed.has(.follow))
    }

    @Test(arguments: ["logs -f x", "logs x --follow", "logs -n 3 -f x"])
    func `a flag has a short and a long form`(line: String) throws {
        #expect(try parse(line).has(.follow))
    }

    @Test func `after two dashes nothing is an option`() throws {
        #expect(try parse("logs -- --follow").positionals == ["--follow"])
    }

    @Test func `an empty value is a value`() throws {
        #expect(try parse("logs --socket= x")[.socket] == "")
    }

    @Test func `two words name a command where they belong together`() throws {
        #expect(try parse("profiles show a").command.name == "profiles show")
        #expect(try parse("profiles --json").command.name == "profiles")
        #expect(try parse("stop show").positionals == ["show"])
    }

    @Test func `an optional positional may be missing`() throws {
        #expect(try parse("stop").positional(0) == nil)
        #expect(try parse("stop decode-0").positional(0) == "decode-0")
    }

    @Test func `help is asked for before anything is missing`() throws {
        #expect(try parse("logs --help").asksForHelp)
        #expect(try parse("logs -h").asksForHelp)
    }

    @Test func `a command that takes anything reads nothing`() throws {
        #expect(try parse("shim --what -- -x").positionals == ["--what", "--", "-x"])
    }

    @Test(arguments: [
        ("log x", "there is no command \"log\"; did you mean \"logs\"?"),
        (
            "profiles shwo a",
            "there is no command \"profiles shwo\"; did you mean \"profiles show\"?"
        ),
        ("logs --folow x", "there is no option --folow; did you mean \"--follow\"?"),
        ("logs --follow=1 x", "--follow takes no value"),
        ("logs x --socket", "--socket needs a value: --socket PATH"),
        ("logs", "SHARD is missing: the shard"),
        ("stop a b", "nothing is expected at \"b\""),
        ("logs --sock /a x", "there is no option --sock; did you mean \"--socket\"?"),
    ])
    func `a mistake is named with what to type instead`(line: String, message: String) {
        let error = #expect(throws: UsageError.self) { try parse(line) }
        #expect(error?.message == message)
    }

    @Test func `hidden commands are not suggested`() {
        let error = #expect(throws: UsageError.self) { try parse("shin") }
        #expect(error?.message.contains("shim") == false)
    }
}

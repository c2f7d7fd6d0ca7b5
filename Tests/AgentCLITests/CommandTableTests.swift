// The descriptions of the commands, and everything that is written from them.

import EventLoop
import Glibc
import Testing

@testable import AgentCLI

@Suite struct CommandTableTests {
    static let commands = commandTable().map(\.spec)
    static let visible = commands.filter { !$0.isHidden }

    @Test func `names are unique`() {
        let names = Self.commands.map(\.name)
        #expect(Set(names).count == names.count)
    }

    @Test(arguments: visible.map(\.name))
    func `every command has a help with exit codes and an example`(name: String) {
        let parser = ArgumentParser.glmAgent
        let help = parser.command(named: name).map { parser.help(of: $0) } ?? ""
        #expect(help.contains("Exit codes:\n  0  done\n"))
        #expect(help.contains("Examples:\n"), "\(name) has no example")
        #expect(help.contains("Usage: glm-agent \(name)"))
    }

    @Test(arguments: visible.map(\.name))
    func `every example is a line that parses`(name: String) throws {
        let spec = try #require(ArgumentParser.glmAgent.command(named: name))
        for example in spec.examples {
            let words = example.line.split(separator: " ").map(String.init)
            let start = try #require(words.firstIndex(of: "glm-agent"), "\(example.line)")
            let end = words[start...].firstIndex { $0.hasSuffix(";") || ["|", ">"].contains($0) }
            let arguments = words[(start + 1)...].prefix(upTo: end.map { $0 + 1 } ?? words.count)
                .filter { !["|", ">"].contains($0) }
                .map { $0.hasSuffix(";") ? String($0.dropLast()) : $0 }
            let parsed = try ArgumentParser.glmAgent.parse(Array(arguments))
            #expect(parsed.command.name == name, "\(example.line)")
        }
    }

    @Test func `a command that others begin with names them in its help`() {
        let (code, printed) = runLine("profiles --help")
        #expect(code == .success)
        for command in Self.visible where command.name.hasPrefix("profiles ") {
            #expect(printed.out.contains("\n  \(command.name) "), "\(command.name)")
        }
        #expect(!runLine("plan --help").1.out.contains("Subcommands:"))
    }

    @Test func `commands that ask an agent say what no agent gives`() {
        for command in Self.commands where command.options.contains(.socket) {
            #expect(command.exitCodes.contains(.noAgent), "\(command.name)")
        }
    }

    @Test func `the overview lists what is not hidden`() {
        let overview = ArgumentParser.glmAgent.overview
        for command in Self.commands {
            #expect(
                overview.contains("\n  \(command.name) ") == !command.isHidden, "\(command.name)")
        }
    }

    @Test func `the manual page has every command and exit code`() {
        let page = ArgumentParser.glmAgent.manualPage(version: "1.2.3")
        for command in Self.visible {
            let name = command.name.replacing("-", with: "\\-")
            #expect(page.contains(".SS glm\\-agent \(name)"), "\(command.name)")
        }
        for code in ExitCode.allCases { #expect(page.contains(".B \(code.rawValue)\n")) }
    }

    @Test(arguments: [
        ("glm-agent profiles ", ["list", "show", "validate"], ["glm-5.1"]),
        ("glm-agent profiles show ", ["--json", "PROFILES"], ["validate"]),
        ("glm-agent completions ", ["bash", "zsh", "fish"], ["glm-5.1"]),
        ("glm-agent help ", ["status", "profiles"], []),
        ("glm-agent render ", ["PROFILES", "--nodes"], ["list"]),
    ])
    func `bash offers what fits and nothing else`(
        line: String, wanted: [String], unwanted: [String]
    ) throws {
        // The program is asked for names; here a function answers in its place.
        let directory = try TemporaryDirectory()
        let file = "\(directory.path)/try.bash"
        let script =
            ArgumentParser.glmAgent.completions(for: .bash) + """
                glm-agent() { [ "$*" = "profiles list --names" ] && echo PROFILES; }
                COMP_WORDS=(\(line) "") COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
                _glm_agent
                printf '%s\\n' "${COMPREPLY[@]}" > "\(directory.path)/out"

                """
        try Files.replace(file, with: Array(script.utf8))
        try #require(system("bash \(file)") == 0)
        let offered = readText("\(directory.path)/out").split(separator: "\n").map(String.init)
        for word in wanted { #expect(offered.contains(word), "\(line): \(offered)") }
        for word in unwanted { #expect(!offered.contains { $0.hasPrefix(word) }, "\(offered)") }
    }

    @Test(arguments: Shell.allCases)
    func `completions know every command and option`(shell: Shell) {
        let script = ArgumentParser.glmAgent.completions(for: shell)
        for command in Self.visible {
            let words = command.name.split(separator: " ")
            #expect(words.allSatisfy { script.contains($0) }, "\(command.name)")
            for option in command.options { #expect(script.contains(option.name)) }
        }
        #expect(!script.contains("rehearsal-engine"))
    }
}

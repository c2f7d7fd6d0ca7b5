// Reads a command line by the description of its command. The rules are those of GNU's getopt_long
// where people expect them: `--name VALUE`, `--name=VALUE`, options and positionals in any order,
// `--` ends the options. Unlike it, a shortened option name is an error with a suggestion: scripts
// that rely on a prefix break when an option is added.

import YAML

/// What is wrong with a command line.
struct UsageError: Error, Hashable, Sendable {
    /// What happened, and what to type instead.
    let message: String
    /// The command whose help tells more; nil where none was recognised.
    let command: String?
}

/// A command line that fits its command.
struct ParsedArguments: Sendable {
    let command: CommandSpec
    private(set) var values: [String: [String]] = [:]
    private(set) var flags: Set<String> = []
    fileprivate(set) var positionals: [String] = []
    fileprivate(set) var asksForHelp = false

    init(command: CommandSpec) {
        self.command = command
    }

    /// The value given last.
    subscript(option: OptionSpec) -> String? { values[option.name]?.last }

    /// Whether the flag was given.
    func has(_ flag: OptionSpec) -> Bool { flags.contains(flag.name) }

    /// The positional at that place, where it was given.
    func positional(_ index: Int) -> String? {
        positionals.indices.contains(index) ? positionals[index] : nil
    }

    fileprivate mutating func take(_ option: OptionSpec, value: String?) {
        if let value {
            values[option.name, default: []].append(value)
        } else {
            flags.insert(option.name)
        }
    }
}

/// The commands of a program.
struct ArgumentParser: Sendable {
    let commands: [CommandSpec]
    /// What runs when no command is named.
    let defaultCommand: String

    /// Reads the arguments after the program's name.
    /// - Throws: ``UsageError`` with the nearest known name where a name is unknown.
    func parse(_ arguments: [String]) throws(UsageError) -> ParsedArguments {
        let (command, rest) = try self.command(of: arguments)
        var parsed = ParsedArguments(command: command)
        if command.takesAnything {
            parsed.positionals = Array(rest)
            return parsed
        }
        try read(rest, into: &parsed)
        if !parsed.asksForHelp { try checkPositionals(of: parsed) }
        return parsed
    }

    /// The command of that name: one word, or two joined by a space.
    func command(named name: String) -> CommandSpec? {
        commands.first { $0.name == name }
    }

    private func command(
        of arguments: [String]
    ) throws(UsageError) -> (CommandSpec, ArraySlice<String>) {
        let words = arguments.prefix { !$0.hasPrefix("-") }
        if words.count >= 2, let found = command(named: words[0] + " " + words[1]) {
            return (found, arguments.dropFirst(2))
        }
        let name = words.first ?? defaultCommand
        guard let found = command(named: name) else {
            throw unknownCommand(name)
        }
        if words.count >= 2, found.positionals.isEmpty, !found.takesAnything {
            let siblings = commands.filter { $0.name.hasPrefix(name + " ") }
            if !siblings.isEmpty { throw unknownCommand(words[0] + " " + words[1]) }
        }
        return (found, words.isEmpty ? arguments[...] : arguments.dropFirst())
    }

    private func unknownCommand(_ name: String) -> UsageError {
        let known = commands.filter { !$0.isHidden }.map(\.name)
        return UsageError(
            message: "there is no command \"\(name)\"" + suggestion(for: name, in: known),
            command: nil)
    }

    private func read(
        _ arguments: ArraySlice<String>, into parsed: inout ParsedArguments
    ) throws(UsageError) {
        var rest = arguments
        while let word = rest.popFirst() {
            if word == "--" {
                parsed.positionals += rest
                return
            }
            if word.hasPrefix("-"), word != "-" {
                try readOption(word, rest: &rest, into: &parsed)
            } else {
                parsed.positionals.append(word)
            }
        }
    }

    private func readOption(
        _ word: String, rest: inout ArraySlice<String>, into parsed: inout ParsedArguments
    ) throws(UsageError) {
        if word == "--help" || word == "-h" {
            parsed.asksForHelp = true
            return
        }
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(parts[0])
        guard let option = parsed.command.options.first(where: { $0.isNamed(name) }) else {
            let known = parsed.command.options.map { "--\($0.name)" } + ["--help"]
            throw UsageError(
                message: "there is no option \(name)" + suggestion(for: name, in: known),
                command: parsed.command.name)
        }
        let attached = parts.count == 2 ? String(parts[1]) : nil
        guard let valueName = option.valueName else {
            guard attached == nil else {
                throw UsageError(
                    message: "--\(option.name) takes no value", command: parsed.command.name)
            }
            parsed.take(option, value: nil)
            return
        }
        guard let value = attached ?? rest.popFirst() else {
            throw UsageError(
                message: "--\(option.name) needs a value: --\(option.name) \(valueName)",
                command: parsed.command.name)
        }
        parsed.take(option, value: value)
    }

    private func checkPositionals(of parsed: ParsedArguments) throws(UsageError) {
        let command = parsed.command
        let required = command.positionals.filter { !$0.isOptional }.count
        if parsed.positionals.count < required {
            let missing = command.positionals[parsed.positionals.count]
            throw UsageError(
                message: "\(missing.name) is missing: \(missing.summary)", command: command.name)
        }
        if parsed.positionals.count > command.positionals.count {
            let surplus = parsed.positionals[command.positionals.count]
            throw UsageError(
                message: "nothing is expected at \"\(surplus)\"", command: command.name)
        }
    }
}

extension OptionSpec {
    /// Whether a word of the command line, dashes included, means this option.
    fileprivate func isNamed(_ word: String) -> Bool {
        word == "--\(name)" || short.map { word == "-\($0)" } ?? false
    }
}

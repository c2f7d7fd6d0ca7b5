// A command described as data. The parser, the help, the manual page and the shell completions all
// read the same description, so none of them can lag behind another.

/// An option: `--name VALUE`, or `--name` alone where it takes no value.
struct OptionSpec: Hashable, Sendable {
    /// Without the dashes.
    let name: String
    /// The one-letter form, as in `-f`.
    let short: Character?
    /// What the value is called in the help; nil for a flag.
    let valueName: String?
    /// What shells complete the value with.
    let completion: Completion
    let summary: String

    init(
        _ name: String, short: Character? = nil, value: String? = nil,
        completion: Completion = .none, _ summary: String
    ) {
        self.name = name
        self.short = short
        valueName = value
        self.completion = completion
        self.summary = summary
    }

    /// `-f, --follow`, `--socket PATH`.
    var synopsis: String {
        let names = (short.map { "-\($0), " } ?? "") + "--\(name)"
        return valueName.map { "\(names) \($0)" } ?? names
    }
}

/// What a value may be, as far as a shell can know.
enum Completion: Hashable, Sendable {
    case none, file, directory, profile, command, shell
}

/// An argument known by its place.
struct PositionalSpec: Hashable, Sendable {
    let name: String
    let isOptional: Bool
    let completion: Completion
    let summary: String

    init(
        _ name: String, optional isOptional: Bool = false, completion: Completion = .none,
        _ summary: String
    ) {
        self.name = name
        self.isOptional = isOptional
        self.completion = completion
        self.summary = summary
    }
}

/// An example of a command: what to type, and what it does.
struct Example: Hashable, Sendable {
    let line: String
    let purpose: String

    init(_ line: String, _ purpose: String) {
        self.line = line
        self.purpose = purpose
    }
}

/// One command of the program.
struct CommandSpec: Hashable, Sendable {
    /// One word, or two where commands belong together: `status`, `profiles show`.
    let name: String
    let summary: String
    /// What an operator must know beyond the summary; empty where there is nothing.
    var discussion = ""
    var options: [OptionSpec] = []
    var positionals: [PositionalSpec] = []
    /// Every way in which it can end.
    var exitCodes: [ExitCode] = [.success, .failure, .usage]
    var examples: [Example] = []
    /// Hidden commands are started by the program itself.
    var isHidden = false
    /// The arguments belong to another program and are handed on as they are.
    var takesAnything = false

    /// `glm-agent logs [--socket PATH] [-f] SHARD`.
    var usage: String {
        var words = ["glm-agent", name]
        if takesAnything { return (words + ["…"]).joined(separator: " ") }
        for option in options {
            let name = option.short.map { "-\($0)" } ?? "--\(option.name)"
            words.append(option.valueName.map { "[\(name) \($0)]" } ?? "[\(name)]")
        }
        for positional in positionals {
            words.append(positional.isOptional ? "[\(positional.name)]" : positional.name)
        }
        return words.joined(separator: " ")
    }
}

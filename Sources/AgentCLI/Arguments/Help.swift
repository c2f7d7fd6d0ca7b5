// The help, for a terminal of 80 columns.

extension ArgumentParser {
    /// What `glm-agent help` prints.
    var overview: String {
        let visible = commands.filter { !$0.isHidden }
        let width = visible.map(\.name.count).max() ?? 0
        var text = """
            glm-agent runs published GLM-5.1 deployments on a cluster of Atlas 800I A3 nodes.

            Usage: glm-agent COMMAND [OPTION…]
                   glm-agent COMMAND --help

            Commands:

            """
        for command in visible {
            text += "  \(command.name.padded(to: width))  \(command.summary)\n"
        }
        text += "\nWithout a command, the agent of this node runs (`glm-agent run`).\n"
        return text
    }

    /// What `glm-agent COMMAND --help` prints; a command that others begin with names them.
    func help(of command: CommandSpec) -> String {
        let further = commands.filter { $0.name.hasPrefix(command.name + " ") && !$0.isHidden }
        return command.help(subcommands: further)
    }
}

extension CommandSpec {
    fileprivate func help(subcommands: [CommandSpec]) -> String {
        var text = "glm-agent \(name): \(summary)\n\nUsage: \(usage)\n"
        if !discussion.isEmpty { text += "\n\(discussion)\n" }
        text += section("Subcommands", subcommands.map { ($0.name, $0.summary) })
        text += section("Arguments", positionals.map { ($0.name, $0.summary) })
        let helpRow = ("-h, --help", "print this")
        text += section("Options", options.map { ($0.synopsis, $0.summary) } + [helpRow])
        text += section("Exit codes", exitCodes.map { (String($0.rawValue), $0.meaning) })
        if !examples.isEmpty {
            text += "\nExamples:\n"
            for example in examples {
                text += "  \(example.line)\n      \(example.purpose)\n"
            }
        }
        return text
    }

    private func section(_ title: String, _ rows: [(String, String)]) -> String {
        guard !rows.isEmpty else { return "" }
        let width = rows.map(\.0.count).max() ?? 0
        return "\n\(title):\n"
            + rows.map { "  \($0.0.padded(to: width))  \($0.1)\n" }.joined()
    }
}

extension String {
    /// The text with spaces at its end up to a width in characters.
    func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }
}

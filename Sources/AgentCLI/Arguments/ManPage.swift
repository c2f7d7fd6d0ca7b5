// The manual page, in the man(7) macros that every Unix reads: `glm-agent man | man -l -`.

extension ArgumentParser {
    /// The page `glm-agent(8)`.
    func manualPage(version: String) -> String {
        var page = """
            .TH GLM-AGENT 8 "" "glm-agent \(version)" "System administration"
            .SH NAME
            glm-agent \\- runs published GLM-5.1 deployments on a cluster of nodes
            .SH SYNOPSIS
            .B glm-agent
            .RI [ COMMAND ]
            .RI [ OPTION .\\|.\\|.]
            .SH COMMANDS

            """
        for command in commands where !command.isHidden {
            page += manual(of: command)
        }
        page += ".SH EXIT STATUS\n"
        for code in ExitCode.allCases {
            page += ".TP\n.B \(code.rawValue)\n\(code.meaning.roffEscaped)\n"
        }
        page += """
            .SH ENVIRONMENT
            .TP
            .B \(socketVariable)
            the control socket, where \\-\\-socket does not name it
            .TP
            .B NO_COLOR
            no colour, where it is not empty
            .SH FILES
            .TP
            .I /etc/glm-agent/agent.yaml
            the configuration, the same on every node
            .TP
            .I /run/glm-agent/agent.sock
            the control socket
            .TP
            .I /var/lib/glm-agent
            state and logs

            """
        return page
    }

    private func manual(of command: CommandSpec) -> String {
        var text = ".SS \(command.usage.roffEscaped)\n\(command.summary.roffEscaped)\n"
        if !command.discussion.isEmpty { text += ".PP\n\(command.discussion.roffEscaped)\n" }
        for positional in command.positionals {
            text += ".TP\n.I \(positional.name)\n\(positional.summary.roffEscaped)\n"
        }
        for option in command.options {
            text += ".TP\n.B \(option.synopsis.roffEscaped)\n\(option.summary.roffEscaped)\n"
        }
        for example in command.examples {
            text += ".PP\n\(example.purpose.roffEscaped):\n.nf\n\(example.line.roffEscaped)\n.fi\n"
        }
        return text
    }
}

extension String {
    /// The text with what roff would take for a command or a hyphen made literal.
    fileprivate var roffEscaped: String {
        split(separator: "\n", omittingEmptySubsequences: false).map { line in
            let escaped = line.map { character in
                switch character {
                case "\\": "\\\\"
                case "-": "\\-"
                default: String(character)
                }
            }
            .joined()
            return escaped.hasPrefix(".") || escaped.hasPrefix("'") ? "\\&" + escaped : escaped
        }
        .joined(separator: "\n")
    }
}

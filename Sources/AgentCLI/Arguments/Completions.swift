// Shell completions, written from the descriptions of the commands. Profile names are asked of the
// program when they are needed, so that they are those of the installed version.

/// A shell that completions can be written for.
enum Shell: String, CaseIterable, Sendable {
    case bash, zsh, fish
}

extension ArgumentParser {
    /// A script for that shell to read at its start.
    func completions(for shell: Shell) -> String {
        switch shell {
        case .bash: bashCompletions
        // zsh runs bash's completions as they are.
        case .zsh: "autoload -U +X bashcompinit && bashcompinit\n" + bashCompletions
        case .fish: fishCompletions
        }
    }

    private var visible: [CommandSpec] { commands.filter { !$0.isHidden } }

    /// The first words, each once, in the order of the commands.
    private var firstWords: [String] {
        var words: [String] = []
        for command in visible {
            let word = String(command.name.prefix { $0 != " " })
            if !words.contains(word) { words.append(word) }
        }
        return words
    }

    /// What may follow a first word: second words and options.
    private func followers(of word: String) -> [String] {
        var words: [String] = []
        for command in visible where command.name == word || command.name.hasPrefix(word + " ") {
            words += command.name.split(separator: " ").dropFirst().map(String.init)
            words += command.options.map { "--\($0.name)" }
        }
        return words.reduce(into: []) { if !$0.contains($1) { $0.append($1) } } + ["--help"]
    }

    private func options(completedBy completion: Completion) -> [String] {
        let names = visible.flatMap(\.options)
            .filter { $0.completion == completion }
            .map { "--\($0.name)" }
        return Set(names).sorted()
    }

    private var bashCompletions: String {
        var script = """
            _glm_agent() {
                local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"
                case "$before" in
                \(options(completedBy: .file).joined(separator: "|")))
                    COMPREPLY=($(compgen -f -- "$word")); return ;;
                \(options(completedBy: .directory).joined(separator: "|")))
                    COMPREPLY=($(compgen -d -- "$word")); return ;;
                esac
                if [ "$COMP_CWORD" -eq 1 ]; then
                    COMPREPLY=($(compgen -W "\(firstWords.joined(separator: " "))" -- "$word"))
                    return
                fi
                local words=""
                case "${COMP_WORDS[1]}" in

            """
        for word in firstWords {
            let takesProfile = visible.contains { command in
                command.name.hasPrefix(word)
                    && command.positionals.contains { $0.completion == .profile }
            }
            let names = takesProfile ? " $(glm-agent profiles list --names 2>/dev/null)" : ""
            script +=
                "    \(word)) words=\"\(followers(of: word).joined(separator: " "))\(names)\" ;;\n"
        }
        script += """
                esac
                COMPREPLY=($(compgen -W "$words" -- "$word"))
            }
            complete -F _glm_agent glm-agent

            """
        return script
    }

    private var fishCompletions: String {
        var script = "complete -c glm-agent -f\n"
        for command in visible {
            let words = command.name.split(separator: " ").map(String.init)
            let condition =
                words.count == 1
                ? "__fish_use_subcommand" : "__fish_seen_subcommand_from \(words[0])"
            script +=
                "complete -c glm-agent -n '\(condition)' -a \(words[words.count - 1]) "
                + "-d '\(command.summary.quotedForFish)'\n"
            for option in command.options {
                let short = option.short.map { " -s \($0)" } ?? ""
                let value = option.valueName == nil ? "" : " -r"
                let files = option.completion == .file ? " -F" : ""
                script +=
                    "complete -c glm-agent -n '__fish_seen_subcommand_from \(words[0])' "
                    + "-l \(option.name)\(short)\(value)\(files) "
                    + "-d '\(option.summary.quotedForFish)'\n"
            }
            if command.positionals.contains(where: { $0.completion == .profile }) {
                script +=
                    "complete -c glm-agent -n '__fish_seen_subcommand_from \(words[0])' "
                    + "-a '(glm-agent profiles list --names 2>/dev/null)'\n"
            }
        }
        return script
    }
}

extension String {
    fileprivate var quotedForFish: String {
        map { $0 == "'" || $0 == "\\" ? "\\\($0)" : String($0) }.joined()
    }
}

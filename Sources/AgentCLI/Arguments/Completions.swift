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

    /// What may follow a command: the second words that belong to it, its options and arguments.
    private func followers(of command: CommandSpec) -> [String] {
        let seconds = visible.filter { $0.name.hasPrefix(command.name + " ") }
            .compactMap { $0.name.split(separator: " ").last.map(String.init) }
        return seconds + command.positionals.flatMap { words(for: $0.completion) }
            + command.options.map { "--\($0.name)" } + ["--help"]
    }

    private func words(for completion: Completion) -> [String] {
        switch completion {
        case .none, .file, .directory: []
        case .profile: ["$(glm-agent profiles list --names 2>/dev/null)"]
        case .command: firstWords
        case .shell: Shell.allCases.map(\.rawValue)
        }
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
                local name="${COMP_WORDS[1]}" words="" files=""
                if [ "$COMP_CWORD" -gt 2 ]; then
                    case "$name ${COMP_WORDS[2]}" in
                    \(twoWords.joined(separator: "|"))) name="$name ${COMP_WORDS[2]}" ;;
                    esac
                fi
                case "$name" in

            """
        for command in visible {
            let takesFile = command.positionals.contains { $0.completion == .file }
            script +=
                "    \"\(command.name)\") words=\"\(followers(of: command).joined(separator: " "))\""
                + (takesFile ? " files=yes" : "") + " ;;\n"
        }
        script += """
                esac
                COMPREPLY=($(compgen -W "$words" -- "$word"))
                [ -z "$files" ] || COMPREPLY+=($(compgen -f -- "$word"))
            }
            complete -F _glm_agent glm-agent

            """
        return script
    }

    /// Every command of two words, quoted.
    private var twoWords: [String] {
        visible.map(\.name).filter { $0.contains(" ") }.map { "\"\($0)\"" }
    }

    private var fishCompletions: String {
        var script = "complete -c glm-agent -f\n"
        for command in visible {
            let words = command.name.split(separator: " ").map(String.init)
            let seen = words.map { "__fish_seen_subcommand_from \($0)" }.joined(separator: "; and ")
            let isOffered =
                words.count == 1
                ? "__fish_use_subcommand" : "__fish_seen_subcommand_from \(words[0])"
            script +=
                "complete -c glm-agent -n '\(isOffered)' -a \(words[words.count - 1]) "
                + "-d '\(command.summary.quotedForFish)'\n"
            for option in command.options {
                let short = option.short.map { " -s \($0)" } ?? ""
                let value = option.valueName == nil ? "" : " -r"
                let files = [.file, .directory].contains(option.completion) ? " -F" : ""
                script +=
                    "complete -c glm-agent -n '\(seen)' -l \(option.name)\(short)\(value)\(files) "
                    + "-d '\(option.summary.quotedForFish)'\n"
            }
            for completion in command.positionals.map(\.completion) where completion != .none {
                let offered = self.words(for: completion).joined(separator: " ")
                    .replacing("$(", with: "(")
                let what = offered.isEmpty ? "-F" : "-a '\(offered)'"
                script += "complete -c glm-agent -n '\(seen)' \(what)\n"
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

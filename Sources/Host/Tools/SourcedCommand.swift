// A command in the environment that the vendor's files set, as engines are started: what they print or
// answer does not matter, and they see none of the command's words.

/// What to start in the place of a command, so that shell files are sourced before it.
public struct SourcedCommand: Hashable, Sendable {
    public let executable: String
    public let arguments: [String]

    /// - Parameters:
    ///   - command: the words; the first is a path or a name on the `PATH` of the sourced environment.
    ///     Where there is no such program, the exit code is 127.
    ///   - source: shell files.
    public init(_ command: [String], source: [String]) {
        executable = "/bin/bash"
        arguments = ["-c", Self.script, "bash", String(source.count)] + source + command
    }

    private static let script = """
        files=("${@:2:$1}")
        command=("${@:$1 + 2}")
        set --
        for file in "${files[@]}"; do source "$file" >/dev/null 2>&1; done
        exec "${command[@]}"
        """
}

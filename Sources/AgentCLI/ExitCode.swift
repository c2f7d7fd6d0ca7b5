// What a script learns without reading a word. One list for every command, so that a number means
// the same thing wherever it is seen.

/// How a command ended.
public enum ExitCode: Int32, Hashable, Sendable, CaseIterable {
    case success = 0
    /// What was asked for could not be done; standard error says why.
    case failure = 1
    /// The command line or a file named on it is wrong, or names what is not there; nothing was done.
    case usage = 2
    /// An agent answers, but not everything wanted is ready; or the doctor found an error.
    case notReady = 3
    /// No agent answers at the control socket.
    case noAgent = 4
    /// The benchmark ran, and its TPOT is above the published target.
    case targetMissed = 5
    /// The agent cannot keep what it must not forget, or a state directory is damaged or another's.
    case stateDirectory = 6
    /// Another agent runs under this one's name, and was there first.
    case twin = 7

    /// The meaning, as the help and the manual page print it.
    var meaning: String {
        switch self {
        case .success: "done"
        case .failure: "it could not be done; standard error says why"
        case .usage:
            "the command line, or a file named on it, is wrong, or names what the cluster does not have"
        case .notReady: "not everything wanted is ready; of doctor: it found an error"
        case .noAgent: "no agent answers at the control socket"
        case .targetMissed: "the benchmark ran, and missed its published target"
        case .stateDirectory:
            "the agent's state directory is full, read-only, hung, damaged, in use or another's; the "
                + "log says what to do, and its shards run on"
        case .twin: "another agent runs as this node on another machine, and was there first"
        }
    }
}

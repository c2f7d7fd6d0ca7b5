// The two ways in which SGLang refuses its arguments, told apart by their exit codes as there.

/// Why a command line cannot be run.
public enum ArgumentError: Error, Hashable, Sendable, CustomStringConvertible {
    /// argparse does not understand it: exit code 2.
    case usage(String)
    /// The values do not fit together: exit code 1.
    case check(String)

    public var exitCode: Int32 {
        switch self {
        case .usage: 2
        case .check: 1
        }
    }

    public var description: String {
        switch self {
        case .usage(let text): "error: \(text)"
        case .check(let text): "ValueError: \(text)"
        }
    }
}

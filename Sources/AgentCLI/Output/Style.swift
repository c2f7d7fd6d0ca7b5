// Colour says what the words say already, and only to people: never into a pipe, never where
// NO_COLOR is set (https://no-color.org).

/// How a piece of text is meant.
enum Style: Sendable {
    case plain, good, attention, bad, heading

    /// The text with the escape sequences of ECMA-48 (SGR) around it.
    func applied(to text: String) -> String {
        switch self {
        case .plain: text
        case .good: "\u{1B}[32m\(text)\u{1B}[0m"
        case .attention: "\u{1B}[33m\(text)\u{1B}[0m"
        case .bad: "\u{1B}[31m\(text)\u{1B}[0m"
        case .heading: "\u{1B}[1m\(text)\u{1B}[0m"
        }
    }

    /// How the state of a member, a group or a shard is meant.
    init(state: String) {
        switch state {
        case "alive", "ready": self = .good
        case "suspect", "waiting", "starting", "loading", "stopping", "degraded", "backoff":
            self = .attention
        case "dead", "failed", "exited", "unresponsive": self = .bad
        default: self = .plain
        }
    }
}

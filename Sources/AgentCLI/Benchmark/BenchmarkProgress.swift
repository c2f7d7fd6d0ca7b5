// How far a benchmark is, once it takes longer than a person likes to wait for: a line that the next one
// replaces at a terminal, and elsewhere a line from time to time on standard error.

import Base

/// Tells how far something is.
final class BenchmarkProgress {
    private let console: Console
    private let isLive: Bool
    private let begin: Instant
    private var toldAt: Instant?
    private var isDrawn = false
    private static let patience = Duration.seconds(2)
    private static let interval = Duration.seconds(10)

    /// `isQuiet` where standard output is for the report alone.
    init(_ console: Console, isQuiet: Bool, at now: Instant) {
        self.console = console
        isLive = console.isTerminal && !isQuiet
        begin = now
    }

    func tell(_ text: String, at now: Instant) {
        guard now - begin >= Self.patience else { return }
        if isLive {
            isDrawn = true
            return console.outRaw("\r\u{1B}[K" + String("  \(text)".prefix(100)))
        }
        guard toldAt.map({ now - $0 >= Self.interval }) ?? true else { return }
        toldAt = now
        console.complain(text)
    }

    /// Clears the line away.
    func end() {
        guard isDrawn else { return }
        isDrawn = false
        console.outRaw("\r\u{1B}[K")
    }
}

@available(*, unavailable) extension BenchmarkProgress: Sendable {}

// A text that is drawn over itself: what stands above it stays, and so does the last text when the
// program is ended. Each drawing is one write, so that no moment of it is an empty screen.

import Glibc

/// A part of the terminal that shows the newest of something.
final class LiveView {
    private let console: Console
    private let rows: () -> Int
    private var drawnLines = 0

    /// - Parameters:
    ///   - console: where; on one that is no terminal, texts follow each other.
    ///   - rows: the height of the terminal, asked at each drawing.
    init(_ console: Console, rows: @escaping () -> Int = terminalRows) {
        self.console = console
        self.rows = rows
    }

    /// Draws the text in place of the one before. What is too high for the terminal is cut, since a
    /// line that has scrolled away cannot be drawn over.
    func draw(_ text: String) {
        guard console.isTerminal else { return console.outRaw(text) }
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        if lines.last == "" { lines.removeLast() }
        let room = max(2, rows() - 1)
        if lines.count > room {
            let hidden = lines.count - (room - 1)
            let note = "  … \(hidden) more lines: a higher terminal shows them"
            lines = lines.prefix(room - 1) + [note[...]]
        }
        // ECMA-48: up to the first line, and clear from there (CPL, ED); no line may wrap into a
        // second one meanwhile (DECAWM).
        let back = drawnLines > 0 ? "\u{1B}[\(drawnLines)F" : ""
        let body = lines.map { $0 + "\n" }.joined()
        console.outRaw("\(back)\u{1B}[J\u{1B}[?7l\(body)\u{1B}[?7h")
        drawnLines = lines.count
    }
}

@available(*, unavailable) extension LiveView: Sendable {}

/// The height of the terminal of standard output; 24 where it does not tell.
func terminalRows() -> Int {
    var size = winsize()
    let isTold = ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_row > 0
    return isTold ? Int(size.ws_row) : 24
}

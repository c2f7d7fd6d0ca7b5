// Text of others in our lines: a log, a command line, an answer. What it may not do is end the line, move the
// cursor or pass for whole where it was cut.

extension StringProtocol {
    /// The text as it may stand within a line of a terminal: white space as spaces, and what else is no
    /// character but an order to the terminal (ECMA-48, controls of C0 and C1) as `�`.
    public var printable: String {
        guard unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else {
            return String(self)
        }
        var shown = String.UnicodeScalarView()
        for scalar in unicodeScalars {
            switch scalar {
            case "\t", "\n", "\r": shown.append(" ")
            case _ where scalar.properties.generalCategory == .control: shown.append("\u{FFFD}")
            default: shown.append(scalar)
            }
        }
        return String(shown)
    }

    /// At most so many characters; a text that is cut says so by its last one, `…`.
    public func shortened(to limit: Int) -> String {
        dropFirst(limit).isEmpty ? String(self) : String(prefix(limit - 1)) + "…"
    }
}

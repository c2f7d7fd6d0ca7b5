// `glm-agent events` for people: one line an event in columns, and what the log of a failed rank said
// last on lines of its own below. `--json` has all of it.

import Base

/// Events as lines of text. They come one by one, so columns only ever grow.
final class EventView {
    /// Before the last words of a log, in the text of an event.
    private static let tailMark = "; its log ends: "
    private static let tailSeparator = " | "
    private static let tailWidth = 160
    private var placeWidth = 12

    /// The event: when, what, where, and why; without an end of line.
    func text(of event: JSONValue) -> String {
        let generation = event["generation"]?.integerValue.map { ".g\($0)" } ?? ""
        let place = [event.text("group") + generation, event.text("node")]
            .filter { !$0.isEmpty }.joined(separator: " ")
        placeWidth = max(placeWidth, place.count)
        let (what, tail) = Self.parts(of: event.text("text"))
        let columns = [
            event.text("time"), event.text("kind").padded(to: 9), place.padded(to: placeWidth),
            what.printable,
        ]
        let lines = tail.map { "      | " + $0.printable.shortened(to: Self.tailWidth) }
        return ([columns.joined(separator: "  ")] + lines).joined(separator: "\n")
    }

    private static func parts(of text: String) -> (what: String, tail: [String]) {
        guard let mark = text.firstRange(of: tailMark) else { return (text, []) }
        let tail = text[mark.upperBound...].split(separator: tailSeparator).map(String.init)
        return (String(text[..<mark.lowerBound]), tail)
    }
}

@available(*, unavailable) extension EventView: Sendable {}

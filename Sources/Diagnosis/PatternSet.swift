// Many texts sought in one pass. Logs of an engine that serves come by the thousand lines, and nearly
// all of them say nothing: most positions of a line are left after one look into a table.

/// Literal texts, each with a value. Of several in one line, the one given first wins.
struct PatternSet<Value: Sendable>: Sendable {
    private struct Pattern: Sendable {
        let text: [UInt8]
        let index: Int
        let value: Value
    }

    /// By the first byte of the text.
    private let byFirst: [[Pattern]]

    init(_ patterns: KeyValuePairs<String, Value>) {
        self.init(patterns.map { ($0.key, $0.value) })
    }

    init(_ patterns: [(String, Value)]) {
        var byFirst = [[Pattern]](repeating: [], count: 256)
        for (index, (text, value)) in patterns.enumerated() {
            guard let first = text.utf8.first else { continue }
            byFirst[Int(first)].append(
                Pattern(text: Array(text.utf8), index: index, value: value))
        }
        self.byFirst = byFirst
    }

    /// The text that was given first of those that occur.
    func first(in line: [UInt8]) -> (index: Int, value: Value)? {
        var best: Pattern?
        for start in line.indices {
            for pattern in byFirst[Int(line[start])] where pattern.index < (best?.index ?? .max) {
                if line[start...].starts(with: pattern.text) { best = pattern }
            }
        }
        return best.map { ($0.index, $0.value) }
    }
}

// Many texts sought in one pass. Logs of an engine that serves come by the thousand lines, and nearly
// all of them say nothing: most positions of a line are left after one look into a table.

/// Literal texts, each with a value. Of several in one line, the one given first wins.
struct PatternSet<Value: Sendable>: Sendable {
    private struct Pattern: Sendable {
        let text: [UInt8]
        let index: Int
        let value: Value

        /// A code that ends in a digit must end there: 507011 is not 5070112.
        func stands(in line: [UInt8], at start: Int) -> Bool {
            guard line[start...].starts(with: text) else { return false }
            let end = start + text.count
            guard let last = text.last, last.isDigit, end < line.count else { return true }
            return !line[end].isDigit
        }
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
                if pattern.stands(in: line, at: start) { best = pattern }
            }
        }
        return best.map { ($0.index, $0.value) }
    }
}

extension UInt8 {
    fileprivate var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
}

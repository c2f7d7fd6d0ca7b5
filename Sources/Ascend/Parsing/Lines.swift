// What the outputs have in common. They are made for people, and their widths change with every
// version: so a row is split at its bars and a line at its colon, and nothing is found by its column.

// The separators are all ASCII, so texts are split by bytes: no byte of a longer character is one.

/// The lines, whichever way they end. Between the two bytes of a CR LF stands an empty one.
func lines(of text: String) -> [Substring] {
    text.utf8.split(omittingEmptySubsequences: false) { $0 == 10 || $0 == 13 }
        .map { Substring($0) }
}

/// Without white space at the ends.
func trimmed(_ text: some StringProtocol) -> Substring {
    var rest = Substring(text).utf8
    while let first = rest.first, first.isSpace { rest.removeFirst() }
    while let last = rest.last, last.isSpace { rest.removeLast() }
    return Substring(rest)
}

/// What stands between white space.
func words(of text: some StringProtocol) -> [Substring] {
    Substring(text).utf8.split(whereSeparator: \.isSpace).map { Substring($0) }
}

extension UInt8 {
    /// Space, tab, and the control characters about line ends.
    fileprivate var isSpace: Bool { self == 32 || (9...13).contains(self) }
}

/// The cells of a table's row, trimmed; nil for a rule or a line outside of the table.
func cells(of line: some StringProtocol) -> [Substring]? {
    let line = trimmed(line)
    let bar = UInt8(ascii: "|")
    guard line.utf8.first == bar else { return nil }
    // The bars at both ends enclose nothing.
    var parts = line.utf8.dropFirst().split(separator: bar, omittingEmptySubsequences: false)
    if line.utf8.count > 1, line.utf8.last == bar { parts.removeLast() }
    return parts.map { trimmed(Substring($0)) }
}

/// A line `Name : value`. The name is compared by its letters and digits alone, in any case.
struct Entry {
    let name: String
    let value: Substring

    /// nil when the line has no separator.
    init?(_ line: some StringProtocol, separator: (Character) -> Bool = { $0 == ":" }) {
        let line = Substring(line)
        guard let place = line.firstIndex(where: separator) else { return nil }
        name = Self.folded(line[..<place])
        value = trimmed(line[line.index(after: place)...])
    }

    static func folded(_ name: some StringProtocol) -> String {
        name.lowercased().filter { $0.isLetter || $0.isNumber }
    }
}

/// The entries of an output, and the line to quote when one of them is missing.
struct Entries {
    private let entries: [Entry]
    private let firstLine: Substring

    init(_ text: String) {
        let all = lines(of: text)
        entries = all.compactMap { Entry($0) }
        firstLine = all.first { !trimmed($0).isEmpty } ?? ""
    }

    /// The first value of that name; nil where there is none.
    subscript(name: String) -> Substring? {
        let folded = Entry.folded(name)
        return entries.first { $0.name == folded }?.value
    }

    func value(_ name: String) throws(ParseError) -> Substring {
        guard let value = self[name] else {
            throw ParseError(expected: "a line \"\(name) : …\"", line: firstLine)
        }
        return value
    }

    func integer(_ name: String) throws(ParseError) -> Int {
        let text = try value(name)
        guard let number = Int(text) else {
            throw ParseError(expected: "a whole number as \(name)", line: "\(name) : \(text)")
        }
        return number
    }
}

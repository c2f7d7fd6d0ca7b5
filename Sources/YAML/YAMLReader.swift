// Reads typed values out of a tree. Every read either gives the value or reports what was expected
// and gives nil, and reading goes on, so that one pass finds every violation.

import Base

/// A node, the path of its field, and the log that its violations go to.
public struct YAMLReader {
    public let node: YAMLNode
    /// `roles.prefill.nodes`; empty for the document itself.
    public let field: String
    public let log: DiagnosticLog

    public init(_ node: YAMLNode, field: String = "", log: DiagnosticLog) {
        self.node = node
        self.field = field
        self.log = log
    }

    /// Reports a violation at this node.
    public func report(_ message: String) {
        log.report(message, at: node.location, field: field)
    }

    /// Reports what should have stood here.
    public func reportExpected(_ what: String) {
        report("expected \(what), found \(node.kind)")
    }

    /// A text: any scalar that is not null.
    public func string(expected what: String = "a text") -> String? {
        if case .scalar(let scalar) = node.content, !node.isNull { return scalar.text }
        reportExpected(what)
        return nil
    }

    public func integer(in range: ClosedRange<Int>) -> Int? {
        if case .scalar(let scalar) = node.content, scalar.isPlain,
            let value = Int(scalar.text), range.contains(value)
        {
            return value
        }
        reportExpected("an integer from \(range.lowerBound) to \(range.upperBound)")
        return nil
    }

    /// A TCP port, 1 to 65535.
    public func port() -> UInt16? {
        integer(in: 1...65535).map { UInt16($0) }
    }

    /// `true` or `false`, without quotes.
    public func boolean() -> Bool? {
        if node.boolean == nil { reportExpected("true or false") }
        return node.boolean
    }

    /// One of the names.
    public func choice(of names: [String]) -> String? {
        guard let text = string(expected: "one of \(names.joined(separator: ", "))") else {
            return nil
        }
        if names.contains(text) { return text }
        report("unknown value \"\(text)\"\(suggestion(for: text, in: names))")
        return nil
    }

    /// A length of time: `500ms`, `30s`, `10m`, `2h`, longest about a year.
    public func duration() -> Duration? {
        if case .scalar(let scalar) = node.content,
            let duration = Duration(shortForm: scalar.text[...])
        {
            return duration
        }
        reportExpected("a duration such as 500ms, 30s, 10m or 2h")
        return nil
    }

    /// The elements of a list.
    public func list(of what: String) -> [YAMLReader]? {
        guard case .list(let elements) = node.content else {
            reportExpected("a list of \(what)")
            return nil
        }
        return elements.enumerated().map { index, element in
            YAMLReader(element, field: "\(field)[\(index)]", log: log)
        }
    }

    /// A list of texts.
    public func strings(of what: String) -> [String]? {
        list(of: what)?.compactMap { $0.string() }
    }

    /// A map whose names are free, in the order of the text.
    public func entries(of what: String) -> [(name: String, value: YAMLReader)]? {
        guard let members = node.members else {
            reportExpected("a map of \(what)")
            return nil
        }
        return members.map { ($0.name, child($0.name, $0.value)) }
    }

    /// A map of known fields; every other name is reported with the nearest known one.
    public func fields(_ known: [String]) -> YAMLFields? {
        guard let members = node.members else {
            reportExpected("a map with \(known.joined(separator: ", "))")
            return nil
        }
        for member in members where !known.contains(member.name) {
            log.report(
                "unknown field\(suggestion(for: member.name, in: known))", at: member.location,
                field: path(member.name))
        }
        return YAMLFields(reader: self, known: known)
    }

    func child(_ name: String, _ value: YAMLNode) -> YAMLReader {
        YAMLReader(value, field: path(name), log: log)
    }

    private func path(_ name: String) -> String {
        field.isEmpty ? name : "\(field).\(name)"
    }
}

/// The known fields of a map.
public struct YAMLFields {
    public let reader: YAMLReader
    fileprivate let known: [String]

    /// The field of that name; nil where it is absent or null.
    public subscript(name: String) -> YAMLReader? {
        invariant(known.contains(name), "\(name) was not declared among \(known)")
        guard let value = reader.node[name], !value.isNull else { return nil }
        return reader.child(name, value)
    }

    /// The field of that name; its absence is reported.
    public func required(_ name: String) -> YAMLReader? {
        if let found = self[name] { return found }
        reader.report("expected the field \"\(name)\"")
        return nil
    }
}

extension Character {
    fileprivate var isASCIIDigit: Bool { isASCII && isWholeNumber }
}

@available(*, unavailable)
extension YAMLReader: Sendable {}
@available(*, unavailable)
extension YAMLFields: Sendable {}

extension Duration {
    /// Reads `500ms`, `30s`, `10m` or `2h`.
    public init?(shortForm text: Substring) {
        let units: [(suffix: String, milliseconds: Int64)] = [
            ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000),
        ]
        for unit in units where text.hasSuffix(unit.suffix) {
            let digits = text.dropLast(unit.suffix.count)
            guard digits.allSatisfy(\.isASCIIDigit), let count = Int64(digits),
                count <= 32_000_000_000 / unit.milliseconds
            else { continue }
            self = .milliseconds(count * unit.milliseconds)
            return
        }
        return nil
    }
}

// A fact, or why it is not known. An inventory is made on nodes where tools are missing, hang, refuse
// or print what no version did before. None of that may hide the other facts, and "not known" must
// never be taken for "nothing there": an unread process table is not an empty one.

/// A value, or why there is none.
public enum Fact<Value: Hashable & Sendable>: Hashable, Sendable {
    case known(Value)
    case unknown(Gap)

    /// nil where it is not known.
    public var value: Value? {
        if case .known(let value) = self { value } else { nil }
    }

    /// nil where it is known.
    public var gap: Gap? {
        if case .unknown(let gap) = self { gap } else { nil }
    }

    /// A fact made from the value, as unknown as this one.
    public func map<Other: Hashable & Sendable>(_ transform: (Value) -> Other) -> Fact<Other> {
        switch self {
        case .known(let value): .known(transform(value))
        case .unknown(let gap): .unknown(gap)
        }
    }
}

/// Why something is not known.
public struct Gap: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// The tool or file is not there.
        case notInstalled = "not-installed"
        /// Nobody wanted it, or what it takes was not known itself.
        case notAsked = "not-asked"
        /// The tool gave no answer in time.
        case timedOut = "timed-out"
        /// This user may not read or start it.
        case notPermitted = "not-permitted"
        /// The tool answered that it cannot.
        case refused
        /// The answer is of no known form.
        case unreadable
    }

    public let kind: Kind
    /// What was asked: a command line, or a path.
    public let subject: String
    /// What happened, with the line quoted where there is one.
    public let detail: String
    /// What a tool complained of, where it did.
    public let complaint: ToolComplaint.Kind?

    public init(
        _ kind: Kind, _ subject: String, _ detail: String,
        complaint: ToolComplaint.Kind? = nil
    ) {
        self.kind = kind
        self.subject = subject
        self.detail = detail
        self.complaint = complaint
    }

    public init(_ subject: String, _ error: ParseError) {
        self.init(.unreadable, subject, error.description)
    }

    public init(_ subject: String, _ complaint: ToolComplaint) {
        self.init(
            complaint.kind == .notPermitted ? .notPermitted : .refused, subject,
            complaint.description, complaint: complaint.kind)
    }

    public var description: String {
        switch kind {
        case .notInstalled: "\(subject) is not installed" + (detail.isEmpty ? "" : ": \(detail)")
        default: "\(subject): \(detail)"
        }
    }
}

extension Fact {
    /// Reads a tool's output. Where it is of no known form, the tool's own complaint in it is the
    /// better explanation.
    /// - Parameters:
    ///   - subject: the command line, for messages.
    ///   - text: what it printed, on both its outputs.
    ///   - parse: reads the good case.
    public init(
        _ subject: String, _ text: String, _ parse: (String) throws(ParseError) -> Value
    ) {
        do throws(ParseError) {
            self = .known(try parse(text))
        } catch {
            let gap = ToolComplaint(in: text).map { Gap(subject, $0) } ?? Gap(subject, error)
            self = .unknown(gap)
        }
    }
}

/// A text that is not of the form that was expected.
public struct ParseError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What should have been there.
    public let expected: String
    /// What was there instead, cut to what a message can hold; empty where nothing was.
    public let line: String

    public init(expected: String, line: some StringProtocol) {
        self.expected = expected
        self.line = quotable(line)
    }

    public var description: String {
        line.isEmpty
            ? "expected \(expected), found nothing" : "expected \(expected), found \"\(line)\""
    }
}

/// One line that can stand in a message: no control characters, no long runs of space, no end.
func quotable(_ text: some StringProtocol) -> String {
    let words = text.prefix(400).split { character in
        character.isWhitespace || character.unicodeScalars.contains { $0.value < 0x20 }
    }
    return String(words.joined(separator: " ").prefix(160))
}

// What is wrong with a file that a person wrote. A reader collects every violation before it gives
// up, so that an operator mends a file once and not once for each mistake.

import Base

/// A place in a text: lines and columns count from 1.
public struct SourceLocation: Hashable, Sendable, CustomStringConvertible {
    public let file: String
    public let line: Int
    public let column: Int

    public init(file: String, line: Int, column: Int) {
        self.file = file
        self.line = line
        self.column = column
    }

    public var description: String { "\(file):\(line):\(column)" }
}

/// One violation.
public struct Diagnostic: Hashable, Sendable, CustomStringConvertible {
    public let location: SourceLocation
    /// The path of the field, `roles.prefill.nodes`; empty for the whole document.
    public let field: String
    /// What was expected, and the nearest known name where there is one.
    public let message: String

    public init(location: SourceLocation, field: String, message: String) {
        self.location = location
        self.field = field
        self.message = message
    }

    /// `profile.yaml:3:5: roles.prefill.nodes: expected an integer from 1 to 1024, found "two"`
    public var description: String {
        field.isEmpty ? "\(location): \(message)" : "\(location): \(field): \(message)"
    }
}

/// Every violation of one configuration, in the order of the text; never empty.
public struct ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    public let diagnostics: [Diagnostic]

    public init(_ diagnostics: [Diagnostic]) {
        invariant(!diagnostics.isEmpty, "a configuration error without a diagnostic")
        self.diagnostics = diagnostics
    }

    /// One violation a line.
    public var description: String {
        diagnostics.map(\.description).joined(separator: "\n")
    }
}

/// Collects violations while a document is read, and warnings beside them.
public final class DiagnosticLog {
    public private(set) var diagnostics: [Diagnostic] = []
    private var suspicions: [Diagnostic] = []

    public init() {}

    public func report(_ message: String, at location: SourceLocation, field: String) {
        diagnostics.append(Diagnostic(location: location, field: field, message: message))
    }

    /// Notes what is legal but looks like a mistake.
    public func warn(_ message: String, at location: SourceLocation, field: String) {
        suspicions.append(Diagnostic(location: location, field: field, message: message))
    }

    /// What is legal but looks like a mistake, by line and column.
    public var warnings: [Diagnostic] { Self.inTextOrder(suspicions) }

    /// The value, if nothing was reported and there is one.
    ///
    /// - Throws: everything that was reported, by line and column.
    public func result<Value>(_ value: Value?) throws(ConfigurationError) -> Value {
        if let value, diagnostics.isEmpty { return value }
        invariant(!diagnostics.isEmpty, "a reader gave up without saying why")
        throw ConfigurationError(Self.inTextOrder(diagnostics))
    }

    private static func inTextOrder(_ diagnostics: [Diagnostic]) -> [Diagnostic] {
        var seen: Set<Diagnostic> = []
        return diagnostics.filter { seen.insert($0).inserted }.enumerated().sorted { left, right in
            let (a, b) = (left.element.location, right.element.location)
            if a.file != b.file { return left.offset < right.offset }
            return (a.line, a.column, left.offset) < (b.line, b.column, right.offset)
        }.map(\.element)
    }
}

@available(*, unavailable)
extension DiagnosticLog: Sendable {}

// An operating error of the system, as libuv names it: a negated errno. It says what was tried and
// on what, so that a log line made from it alone can be acted on.

import CLibuv

/// Why the system refused an operation.
public struct UVError: Error, Hashable, Sendable, CustomStringConvertible {
    /// libuv's number: a negated errno, or one of libuv's own such as `UV_EOF`.
    public let code: Int32
    /// What was tried, as a verb phrase: `connect to`, `open`, `rename`.
    public let operation: String
    /// On what: a path or an address. May be empty.
    public let subject: String

    /// - Parameters:
    ///   - code: a negative result of a libuv function.
    ///   - operation: what was tried, as a verb phrase.
    ///   - subject: the path or address.
    public init(code: Int32, operation: String, subject: String = "") {
        self.code = code
        self.operation = operation
        self.subject = subject
    }

    /// - Parameters:
    ///   - errno: the positive `errno` that a system call left.
    ///   - operation: what was tried, as a verb phrase.
    ///   - subject: the path or address.
    public init(errno: Int32, operation: String, subject: String = "") {
        self.init(code: -errno, operation: operation, subject: subject)
    }

    init(_ code: uv_errno_t, operation: String, subject: String = "") {
        self.init(code: code.rawValue, operation: operation, subject: subject)
    }

    /// The symbol of the code: `ECONNREFUSED`.
    public var name: String { Self.text(of: code, using: uv_err_name_r) }

    /// What the code means: `connection refused`.
    public var message: String { Self.text(of: code, using: uv_strerror_r) }

    /// `connect to 10.0.0.1:7600: connection refused (ECONNREFUSED)`.
    public var description: String {
        let tried = subject.isEmpty ? operation : "\(operation) \(subject)"
        return "\(tried): \(message) (\(name))"
    }

    private static func text(
        of code: Int32,
        using write: (Int32, UnsafeMutablePointer<CChar>?, Int) -> UnsafeMutablePointer<CChar>?
    ) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
            guard let base = buffer.baseAddress, let text = write(code, base, buffer.count)
            else { return "" }
            return String(cString: text)
        }
    }
}

/// Turns a negative libuv result into an error.
@discardableResult
func check(
    _ result: Int32, _ operation: @autoclosure () -> String,
    _ subject: @autoclosure () -> String = ""
) throws(UVError) -> Int32 {
    guard result < 0 else { return result }
    throw UVError(code: result, operation: operation(), subject: subject())
}

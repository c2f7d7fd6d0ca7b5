// Messages are arrays, read element by element in the order that the CDDL gives. Elements after the
// last known one are left alone, so that a newer peer may say more than an older one understands.

/// Reads the elements of an array in order, each as what it must be.
public struct CBORRecord {
    private let elements: [CBORValue]
    private var index = 0
    private let name: String

    /// The name says what the record is, for errors.
    /// - Throws: ``CBORError/unexpected(expected:found:)`` where the item is no array.
    public init(_ value: CBORValue, _ name: String) throws(CBORError) {
        guard case .array(let elements) = value else {
            throw .unexpected(expected: "\(name), an array", found: value.brief)
        }
        self.elements = elements
        self.name = name
    }

    /// Whether every element is read: an older writer leaves out what was added since.
    public var isAtEnd: Bool { index == elements.count }

    /// The next element, whatever it is.
    public mutating func next() throws(CBORError) -> CBORValue {
        guard index < elements.count else {
            throw .unexpected(expected: "element \(index) of \(name)", found: "the end")
        }
        index += 1
        return elements[index - 1]
    }

    private func mismatch(_ expected: String, _ found: CBORValue) -> CBORError {
        .unexpected(expected: "\(expected) as element \(index - 1) of \(name)", found: found.brief)
    }

    public mutating func unsigned() throws(CBORError) -> UInt64 {
        let value = try next()
        guard case .unsigned(let number) = value else { throw mismatch("an unsigned", value) }
        return number
    }

    /// An unsigned that fits the type asked for.
    public mutating func unsigned<Integer: FixedWidthInteger>(
        as type: Integer.Type
    ) throws(CBORError) -> Integer {
        let number = try unsigned()
        guard let narrow = Integer(exactly: number) else {
            throw mismatch("a number that fits \(type)", .unsigned(number))
        }
        return narrow
    }

    /// A number that is counted up: it stops at 2^63 - 1, so that a peer cannot make the next one
    /// overflow.
    public mutating func counter() throws(CBORError) -> UInt64 {
        UInt64(try unsigned(as: Int64.self))
    }

    public mutating func signed() throws(CBORError) -> Int64 {
        let value = try next()
        switch value {
        case .unsigned(let number):
            if let signed = Int64(exactly: number) { return signed }
        case .negative(let number):
            if let signed = Int64(exactly: number) { return -1 - signed }
        default: break
        }
        throw mismatch("a signed integer", value)
    }

    public mutating func text() throws(CBORError) -> String {
        let value = try next()
        guard case .text(let text) = value else { throw mismatch("a text", value) }
        return text
    }

    public mutating func bytes() throws(CBORError) -> [UInt8] {
        let value = try next()
        guard case .bytes(let bytes) = value else { throw mismatch("a byte string", value) }
        return bytes
    }

    public mutating func bool() throws(CBORError) -> Bool {
        let value = try next()
        guard case .bool(let flag) = value else { throw mismatch("a boolean", value) }
        return flag
    }

    public mutating func array() throws(CBORError) -> [CBORValue] {
        let value = try next()
        guard case .array(let elements) = value else { throw mismatch("an array", value) }
        return elements
    }

    /// The next element, or nil for null.
    public mutating func optional() throws(CBORError) -> CBORValue? {
        let value = try next()
        return value == .null ? nil : value
    }
}

extension CBORValue {
    public init(_ value: Int64) {
        self = value < 0 ? .negative(UInt64(-1 - value)) : .unsigned(UInt64(value))
    }

    /// The item, or what it is where it could be long: for an error line.
    var brief: String {
        switch self {
        case .array(let elements): "an array of \(elements.count)"
        case .bytes(let bytes): "\(bytes.count) bytes"
        case .text(let text) where text.utf8.count > 60: "a text of \(text.utf8.count) bytes"
        default: description
        }
    }
}

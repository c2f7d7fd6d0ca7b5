// Header fields as RFC 9110 §5 has them: an ordered list, names compared without case, a name may
// stand more than once.

/// The header fields of a request or response, in their order.
public struct HTTPHeaders: Sendable {
    /// One field.
    public struct Field: Hashable, Sendable {
        public let name: String
        public let value: String
    }

    public private(set) var fields: [Field] = []

    public init() {}

    /// The value of the first field of that name.
    public subscript(name: String) -> String? {
        fields.first { Self.isSame($0.name, name) }?.value
    }

    /// Adds a field after the others. Line breaks and other control characters become spaces, so
    /// that a value can never start a field of its own.
    public mutating func append(_ name: String, _ value: String) {
        fields.append(Field(name: Self.clean(name), value: Self.clean(value)))
    }

    private static func isSame(_ left: String, _ right: String) -> Bool {
        left.utf8.elementsEqual(right.utf8) { lowercase($0) == lowercase($1) }
    }

    private static func lowercase(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte + 0x20 : byte
    }

    private static func clean(_ text: String) -> String {
        let isControl = { (byte: UInt8) in byte < 0x20 || byte == 0x7F }
        guard text.utf8.contains(where: isControl) else { return text }
        return String(decoding: text.utf8.map { isControl($0) ? 0x20 : $0 }, as: UTF8.self)
    }
}

extension HTTPHeaders: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, String)...) {
        for (name, value) in elements { append(name, value) }
    }
}

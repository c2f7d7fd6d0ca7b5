// CBOR (RFC 8949) as a tree. libcbor knows the bytes; this file bounds what a peer can make us do:
// depth, sizes and counts are checked before anything is allocated. What we write follows the core
// deterministic rules of §4.2.1, with definite lengths and the shortest heads, so equal values are
// equal bytes.

import Base
import CLibcbor

/// A CBOR data item, of the kinds that the protocol uses.
public enum CBORValue: Hashable, Sendable {
    case unsigned(UInt64)
    /// Stands for -1 - n, as in the encoding.
    case negative(UInt64)
    case bytes([UInt8])
    case text(String)
    case array([CBORValue])
    case bool(Bool)
    case null
    case double(Double)
}

/// Why bytes are not a message.
public enum CBORError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Malformed, of a kind that the protocol does not use, or cut short.
    case malformed(offset: Int)
    case tooDeep(offset: Int)
    case trailingBytes(count: Int)
    /// The item is well-formed, but not what should stand there.
    case unexpected(expected: String, found: String)

    public var description: String {
        switch self {
        case .malformed(let offset): "malformed or unknown CBOR at byte \(offset)"
        case .tooDeep(let offset): "nested too deeply at byte \(offset)"
        case .trailingBytes(let count): "\(count) bytes after the end of the item"
        case .unexpected(let expected, let found): "expected \(expected), found \(found)"
        }
    }
}

// MARK: - Writing

extension CBORValue {
    /// The encoding of this item.
    public var encoded: [UInt8] {
        var output: [UInt8] = []
        encode(into: &output)
        return output
    }

    private func encode(into output: inout [UInt8]) {
        switch self {
        case .unsigned(let value): Self.head(&output) { cbor_encode_uint(value, $0, $1) }
        case .negative(let value): Self.head(&output) { cbor_encode_negint(value, $0, $1) }
        case .bytes(let bytes):
            Self.head(&output) { cbor_encode_bytestring_start(bytes.count, $0, $1) }
            output += bytes
        case .text(let text):
            Self.head(&output) { cbor_encode_string_start(text.utf8.count, $0, $1) }
            output += Array(text.utf8)
        case .array(let elements):
            Self.head(&output) { cbor_encode_array_start(elements.count, $0, $1) }
            for element in elements { element.encode(into: &output) }
        case .bool(let value): Self.head(&output) { cbor_encode_bool(value, $0, $1) }
        case .null: Self.head(&output) { cbor_encode_null($0, $1) }
        case .double(let value): Self.head(&output) { cbor_encode_double(value, $0, $1) }
        }
    }

    /// Appends what libcbor writes; no head is longer than nine bytes.
    private static func head(
        _ output: inout [UInt8], write: (UnsafeMutablePointer<UInt8>?, Int) -> Int
    ) {
        output += [UInt8](unsafeUninitializedCapacity: 9) { buffer, count in
            count = write(buffer.baseAddress, buffer.count)
            invariant(count > 0, "libcbor wrote no head")
        }
    }
}

// MARK: - Reading

extension CBORValue {
    /// The deepest nesting that is read.
    public static let depthLimit = 24

    /// Reads exactly one item.
    /// - Throws: ``CBORError`` where the bytes are not one item within the limits.
    public init(decoding bytes: [UInt8]) throws(CBORError) {
        var offset = 0
        self = try Self.decode(bytes, at: &offset, depth: 0)
        guard offset == bytes.count else {
            throw .trailingBytes(count: bytes.count - offset)
        }
    }

    private static func decode(
        _ bytes: [UInt8], at offset: inout Int, depth: Int
    ) throws(CBORError) -> CBORValue {
        guard depth < depthLimit else { throw .tooDeep(offset: offset) }
        let start = offset
        var content: [UInt8] = []
        let head = bytes.withUnsafeBufferPointer { buffer in
            let rest = UnsafeBufferPointer(rebasing: buffer[start...])
            let head = glm_cbor_next(rest.baseAddress, rest.count)
            if head.consumed > 0, let data = head.data {
                content = Array(UnsafeBufferPointer(start: data, count: Int(head.value)))
            }
            return head
        }
        guard head.consumed > 0 else { throw .malformed(offset: start) }
        offset += head.consumed
        switch UInt32(head.kind) {
        case GLM_CBOR_UNSIGNED.rawValue: return .unsigned(head.value)
        case GLM_CBOR_NEGATIVE.rawValue: return .negative(head.value)
        case GLM_CBOR_BYTES.rawValue: return .bytes(content)
        case GLM_CBOR_TEXT.rawValue:
            guard let text = String(validating: content, as: UTF8.self) else {
                throw .malformed(offset: start)
            }
            return .text(text)
        case GLM_CBOR_ARRAY.rawValue:
            // Every element takes a byte at least, so a longer count is a lie.
            guard head.value <= bytes.count - offset else { throw .malformed(offset: start) }
            var elements: [CBORValue] = []
            for _ in 0..<head.value {
                elements.append(try decode(bytes, at: &offset, depth: depth + 1))
            }
            return .array(elements)
        case GLM_CBOR_BOOL.rawValue: return .bool(head.value != 0)
        case GLM_CBOR_NULL.rawValue: return .null
        case GLM_CBOR_DOUBLE.rawValue: return .double(head.number)
        default: throw .malformed(offset: start)
        }
    }
}

extension CBORValue: CustomStringConvertible {
    /// Diagnostic notation (RFC 8949 §8, whose strings are those of JSON), for errors and test vectors.
    public var description: String {
        switch self {
        case .unsigned(let value): String(value)
        case .negative(.max): "-18446744073709551616"
        case .negative(let value): "-\(value + 1)"
        case .bytes(let bytes): "h'\(hexadecimal(bytes))'"
        case .text(let text): JSONValue.string(text).compact
        case .array(let elements): "[" + elements.map(\.description).joined(separator: ", ") + "]"
        case .bool(let value): String(value)
        case .null: "null"
        case .double(let value): String(value)
        }
    }
}

/// Two lower-case digits a byte.
public func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

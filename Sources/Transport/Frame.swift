// Frames: four bytes of length, big-endian, and so many bytes of payload. TLS has authenticated
// every byte, so a bad length is a bug or a newer protocol of the peer; it still must not make
// this side allocate what it claims.

/// A frame that claims to be longer than allowed.
struct OversizedFrame: Error, Hashable {
    let claimedBytes: Int
    let limitBytes: Int
}

enum Frame {
    static let headerBytes = 4

    static func encode(_ payload: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(headerBytes + payload.count)
        bytes.append(bigEndian: UInt32(payload.count))
        bytes += payload
        return bytes
    }
}

/// Cuts a byte stream into frames.
struct FrameDecoder {
    /// The longest payload that is taken.
    var limitBytes: Int
    private var buffer: [UInt8] = []
    private var consumed = 0

    init(limitBytes: Int) {
        self.limitBytes = limitBytes
    }

    mutating func append(_ bytes: [UInt8]) {
        if consumed > 0 {
            buffer.removeFirst(consumed)
            consumed = 0
        }
        buffer += bytes
    }

    /// The payload of the next complete frame; nil until more bytes have come.
    /// - Throws: ``OversizedFrame`` as soon as the header is there.
    mutating func next() throws(OversizedFrame) -> [UInt8]? {
        var reader = ByteCursor(buffer[consumed...])
        guard let length = reader.unsigned(UInt32.self).map(Int.init) else { return nil }
        guard length <= limitBytes else {
            throw OversizedFrame(claimedBytes: length, limitBytes: limitBytes)
        }
        guard let payload = reader.bytes(length) else { return nil }
        consumed += Frame.headerBytes + length
        return Array(payload)
    }
}

/// Reads from the front of some bytes; nil where they are too few.
struct ByteCursor {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) {
        rest = bytes
    }

    mutating func bytes(_ count: Int) -> ArraySlice<UInt8>? {
        guard rest.count >= count else { return nil }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    mutating func unsigned<Value: FixedWidthInteger & UnsignedInteger>(
        _ type: Value.Type
    ) -> Value? {
        bytes(Value.bitWidth / 8)?.reduce(0) { $0 << 8 | Value($1) }
    }

    /// A string of UTF-8 after a length of two bytes.
    mutating func text() -> String? {
        guard let length = unsigned(UInt16.self), let utf8 = bytes(Int(length)) else { return nil }
        return String(validating: utf8, as: UTF8.self)
    }
}

extension [UInt8] {
    mutating func append(bigEndian value: some FixedWidthInteger & UnsignedInteger) {
        for shift in stride(from: value.bitWidth - 8, through: 0, by: -8) {
            append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    mutating func append(text: String) {
        append(bigEndian: UInt16(text.utf8.count))
        self += text.utf8
    }
}

// The bytes between the ranks of a world: a fixed header of twelve bytes, then the payload. All
// numbers are big-endian. Meeting each other is said in JSON, tensors in their own few bytes.
//
//     0      4      5       8        12
//     +------+------+-------+--------+---------
//     | GLMR | kind | 0 0 0 | length | tag, payload …
//
// The length counts what follows it, the tag's four bytes included.

import Base

/// One message between two ranks.
struct RankFrame: Hashable, Sendable {
    enum Kind: UInt8 {
        /// A JSON document: how ranks meet, and their progress.
        case control = 1
        /// Tokens for the node that owns them; answered with `outputs`.
        case layer
        /// Tokens for the experts of a node; answered with `outputs`.
        case experts
        /// The results of a `layer` or `experts` of the same tag.
        case outputs
    }

    /// Far above any layer of the toy: 64 tokens with eight experts each are under 64 KiB.
    static let payloadLimit = 1 << 20
    private static let magic: [UInt8] = Array("GLMR".utf8)
    private static let headerCount = 12

    let kind: Kind
    /// Pairs an answer with its question; 0 where there is none.
    let tag: UInt32
    let payload: [UInt8]

    static func control(_ document: JSONValue) -> RankFrame {
        RankFrame(kind: .control, tag: 0, payload: Array(document.compact.utf8))
    }

    var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.bytes = Self.magic + [kind.rawValue, 0, 0, 0]
        writer.append(UInt32(payload.count + 4))
        writer.append(tag)
        return writer.bytes + payload
    }

    /// Takes the frames off the front of a buffer; an incomplete one stays.
    /// - Returns: the frames; nil where the bytes are not of this protocol.
    static func take(from buffer: inout [UInt8]) -> [RankFrame]? {
        var frames: [RankFrame] = []
        var offset = 0
        while buffer.count - offset >= headerCount {
            guard Array(buffer[offset..<offset + 4]) == magic,
                let kind = Kind(rawValue: buffer[offset + 4])
            else { return nil }
            var header = ByteReader(bytes: buffer[(offset + 8)...])
            guard let length = header.number(), (4...UInt32(payloadLimit)).contains(length) else {
                return nil
            }
            guard buffer.count - offset - headerCount >= Int(length) else { break }
            guard let tag = header.number() else { return nil }
            let start = offset + headerCount + 4
            let end = offset + headerCount + Int(length)
            frames.append(RankFrame(kind: kind, tag: tag, payload: Array(buffer[start..<end])))
            offset = end
        }
        buffer.removeFirst(offset)
        return frames
    }
}

/// Appends big-endian numbers.
struct ByteWriter {
    var bytes: [UInt8] = []

    mutating func append(_ number: UInt32) {
        for shift in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: number >> shift)) }
    }

    mutating func append(_ activation: Activation) {
        for lane in 0..<Activation.scalarCount { append(UInt32(bitPattern: activation[lane])) }
    }
}

/// Takes big-endian numbers off the front.
struct ByteReader {
    var bytes: ArraySlice<UInt8>

    mutating func number() -> UInt32? {
        guard bytes.count >= 4 else { return nil }
        let number = bytes.prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        bytes = bytes.dropFirst(4)
        return number
    }

    mutating func activation() -> Activation? {
        var activation = Activation.zero
        for lane in 0..<Activation.scalarCount {
            guard let number = number() else { return nil }
            activation[lane] = Int32(bitPattern: number)
        }
        return activation
    }

    /// A count, then so many elements, then nothing.
    mutating func list<Element>(_ element: (inout ByteReader) -> Element?) -> [Element]? {
        guard let count = number(), count <= RankFrame.payloadLimit / 4 else { return nil }
        var elements: [Element] = []
        for _ in 0..<count {
            guard let next = element(&self) else { return nil }
            elements.append(next)
        }
        return bytes.isEmpty ? elements : nil
    }
}

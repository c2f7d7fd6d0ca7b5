// Lines out of a stream of bytes. An end of a line that never comes must not fill the memory.

/// Collects bytes and gives out whole lines.
struct LineBuffer {
    /// A longer line is given out in pieces of this size.
    let limitBytes: Int
    private var partial: [UInt8] = []

    init(limitBytes: Int) {
        self.limitBytes = limitBytes
    }

    /// The lines that these bytes complete, without their ends. Bytes that are not UTF-8 become
    /// U+FFFD.
    mutating func append(_ bytes: [UInt8]) -> [String] {
        var lines: [String] = []
        partial += bytes
        while let end = partial.firstIndex(of: UInt8(ascii: "\n")) {
            lines.append(String(decoding: partial[..<end], as: UTF8.self))
            partial.removeSubrange(...end)
        }
        while partial.count > limitBytes {
            lines.append(String(decoding: partial[..<limitBytes], as: UTF8.self))
            partial.removeSubrange(..<limitBytes)
        }
        return lines
    }
}

// Lines out of the bytes of a log. Progress bars end theirs by a carriage return; a line that never
// ends must not fill the memory; and bytes that are no UTF-8 are bytes all the same.

/// One line of a log, with what stands in front of its text.
public struct LogLine: Hashable, Sendable {
    /// At most ``LogLines/limitBytes``, the prefix included.
    public let text: [UInt8]
    /// nil where it has none that is known.
    public let prefix: LogPrefix?

    public init(_ text: [UInt8]) {
        self.text = text
        prefix = LogPrefix(text)
    }

    /// For people: without escapes and other control characters.
    public var readable: String {
        String(decoding: text.filter { $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }, as: UTF8.self)
    }
}

/// Collects bytes and gives out whole lines.
public struct LogLines: Hashable, Sendable {
    /// What a longer line says behind this is passed over.
    public static let limitBytes = 4096

    private var partial: [UInt8] = []

    public init() {}

    /// Takes the next bytes and gives out every line that they complete, empty ones left out.
    public mutating func append(_ bytes: [UInt8], _ body: (LogLine) -> Void) {
        var rest = bytes[...]
        while let end = rest.firstIndex(where: { $0 == 0x0a || $0 == 0x0d }) {
            keep(rest[..<end])
            flush(body)
            rest = rest[(end + 1)...]
        }
        keep(rest)
    }

    /// Gives out what a writer that has ended left without an end of line.
    public mutating func flush(_ body: (LogLine) -> Void) {
        guard !partial.isEmpty else { return }
        body(LogLine(partial))
        partial.removeAll(keepingCapacity: true)
    }

    private mutating func keep(_ bytes: ArraySlice<UInt8>) {
        partial += bytes.prefix(Self.limitBytes - partial.count)
    }
}

// Server-sent events as SGLang streams its tokens (WHATWG HTML, "Server-sent events"): lines that end
// with CR, LF or both; `data` fields gathered until an empty line. Bytes come in pieces that end
// anywhere, so what is not complete is kept. Names, ids and retry times of events are left out: nobody
// here asks for them.

/// Why a stream cannot be read on.
public struct EventStreamError: Error, Hashable, Sendable, CustomStringConvertible {
    public let limitBytes: Int

    public var description: String { "an event of more than \(limitBytes) bytes" }
}

/// Cuts a stream into the data of its events.
public struct EventStreamParser: Hashable, Sendable {
    private let limitBytes: Int
    /// The line that has not ended yet.
    private var line: [UInt8] = []
    /// The data lines of the event that has not ended yet; nil where it has none so far.
    private var data: [UInt8]?
    /// A line feed that comes next belongs to the carriage return before it.
    private var skipsLineFeed = false
    private var isAtStart = true

    /// - Parameter limitBytes: how much of an event that does not end is kept.
    public init(limitBytes: Int = 16 << 20) {
        self.limitBytes = limitBytes
    }

    /// Takes the next piece.
    /// - Returns: the data of each event that has ended with it; bytes that are no UTF-8 are replaced.
    ///   An event that the stream's end cuts off is never returned.
    /// - Throws: where an event exceeds the limit; the stream is then to be given up.
    public mutating func take(_ bytes: [UInt8]) throws(EventStreamError) -> [String] {
        var events: [String] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            if skipsLineFeed {
                skipsLineFeed = false
                if rest.first == Self.lineFeed {
                    rest.removeFirst()
                    continue
                }
            }
            guard let end = rest.firstIndex(where: { $0 == Self.lineFeed || $0 == Self.carriage })
            else {
                line += rest
                try check()
                break
            }
            line += rest[..<end]
            try check()
            skipsLineFeed = rest[end] == Self.carriage
            rest = rest[(end + 1)...]
            if let event = endLine() { events.append(event) }
        }
        return events
    }

    private static let lineFeed = UInt8(ascii: "\n")
    private static let carriage = UInt8(ascii: "\r")
    private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

    private func check() throws(EventStreamError) {
        guard line.count + (data?.count ?? 0) <= limitBytes else {
            throw EventStreamError(limitBytes: limitBytes)
        }
    }

    /// - Returns: the data of the event that an empty line ends.
    private mutating func endLine() -> String? {
        var ended = line[...]
        line = []
        if isAtStart, ended.starts(with: Self.byteOrderMark) { ended = ended.dropFirst(3) }
        isAtStart = false
        guard !ended.isEmpty else {
            defer { data = nil }
            return data.map { String(decoding: $0, as: UTF8.self) }
        }
        let colon = ended.firstIndex(of: UInt8(ascii: ":")) ?? ended.endIndex
        guard ended[..<colon].elementsEqual("data".utf8) else { return nil }
        var value = ended[colon...].dropFirst()
        if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
        data = data.map { $0 + [Self.lineFeed] + value } ?? Array(value)
        return nil
    }
}

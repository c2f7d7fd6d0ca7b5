// Reading numbers and words out of a line whose writer may have meant something else.

/// A place in the bytes of a line. What does not fit is nil, and leaves the place where it was.
struct Cursor {
    private let bytes: [UInt8]
    private(set) var index: Int

    init(_ bytes: [UInt8], at index: Int = 0) {
        self.bytes = bytes
        self.index = index
    }

    var next: UInt8? { index < bytes.count ? bytes[index] : nil }
    var rest: ArraySlice<UInt8> { bytes[min(index, bytes.count)...] }

    mutating func skip() { index += 1 }

    mutating func skipSpaces() {
        while next == UInt8(ascii: " ") { index += 1 }
    }

    /// Takes the text if it stands here.
    mutating func take(_ text: StaticString) -> Bool {
        let wanted = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        guard rest.starts(with: wanted) else { return false }
        index += wanted.count
        return true
    }

    /// Goes behind the next place where the text stands.
    mutating func seek(_ text: StaticString) -> Bool {
        let start = index
        while index < bytes.count {
            if take(text) { return true }
            index += 1
        }
        index = start
        return false
    }

    /// A number of at most nine digits.
    mutating func number() -> Int? {
        let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard (1...9).contains(digits.count) else { return nil }
        index += digits.count
        return digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    }

    /// Exactly so many digits.
    mutating func digits(_ count: Int) -> Int? {
        let start = index
        guard let value = number() else { return nil }
        guard index - start == count else {
            index = start
            return nil
        }
        return value
    }

    /// The bytes up to one of these, which is left.
    mutating func text(until ends: (UInt8) -> Bool) -> ArraySlice<UInt8> {
        let text = rest.prefix { !ends($0) }
        index += text.count
        return text
    }
}

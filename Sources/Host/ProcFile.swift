// Reading the small files that the kernel writes as they are read.

import EventLoop
import Glibc

enum ProcFile {
    /// The bytes; nil when the file is gone, as those of a process may be at any time.
    static func bytes(_ path: String) -> [UInt8]? {
        try? Files.read(path, limitBytes: 16 << 20)
    }

    static func text(_ path: String) -> String? {
        bytes(path).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The lines split into their words.
    static func rows(_ path: String) -> [[Substring]] {
        (text(path) ?? "").split(separator: "\n").map { line in
            line.split(whereSeparator: \.isWhitespace)
        }
    }

    /// What a symbolic link says; nil when it is none, or gone.
    static func target(of link: String) -> String? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            guard let base = buffer.baseAddress else { return nil }
            let count = readlink(link, base, buffer.count - 1)
            guard count >= 0 else { return nil }
            buffer[count] = 0
            return String(cString: base)
        }
    }
}

/// The text without white space at its ends.
func trimmed(_ text: some StringProtocol) -> String {
    guard let first = text.firstIndex(where: { !$0.isWhitespace }),
        let last = text.lastIndex(where: { !$0.isWhitespace })
    else { return "" }
    return String(text[first...last])
}

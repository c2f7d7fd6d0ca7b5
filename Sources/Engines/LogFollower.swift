// Following a log that is rotated under the reader. The file that is being read stays open, so its
// rest is there after it was renamed; which file comes next is known by finding the old one among
// the rotated ones by its inode.

import Base
import EventLoop
import Glibc

/// Tells the lines of a log as they are written. Dropping it ends that.
public final class LogFollower {
    private static let interval = Duration.milliseconds(200)
    private static let chunkBytes = 64 * 1024

    private let directory: String
    private let onLines: ([String]) -> Void
    private var file: OpenFile
    private var offset: Int
    private var lines = LineBuffer(limitBytes: 1 << 20)
    private var timer: LoopTimer?

    /// Begins with the last lines of the current file.
    init(
        _ loop: Loop, directory: String, lines wanted: Int, onLines: @escaping ([String]) -> Void
    ) throws(UVError) {
        self.directory = directory
        self.onLines = onLines
        file = try OpenFile(EngineLog.current(in: directory), .read)
        let length = try file.length()
        let count = min(length, LogReader.tailLimitBytes)
        let text = try file.read(at: length - count, count: count)
        offset = length - count + Self.startOfLast(wanted, linesIn: text)
        timer = loop.every(Self.interval) { [weak self] in self?.look() }
        loop.soon { [weak self] in self?.look() }
    }

    private static func startOfLast(_ wanted: Int, linesIn text: [UInt8]) -> Int {
        var ends = 0
        for index in text.indices.reversed() where text[index] == UInt8(ascii: "\n") {
            ends += 1
            // The end before the first line wanted.
            if ends > wanted { return index + 1 }
        }
        return 0
    }

    private func look() {
        // What cannot be read now is tried again at the next look.
        do throws(UVError) {
            repeat { try readOn() } while try moveOn()
        } catch {}
    }

    private func readOn() throws(UVError) {
        while true {
            let bytes = try file.read(at: offset, count: Self.chunkBytes)
            guard !bytes.isEmpty else { return }
            offset += bytes.count
            let complete = lines.append(bytes)
            if !complete.isEmpty { onLines(complete) }
        }
    }

    /// Goes to the next newer file when this one has been rotated away.
    private func moveOn() throws(UVError) -> Bool {
        guard let inode = Self.inode(of: file.descriptor) else { return false }
        var index = 0
        while let candidate = try Self.existing(EngineLog.file(index, in: directory)),
            Self.inode(of: candidate.descriptor) != inode
        {
            index += 1
        }
        guard index > 0 else { return false }
        // The last bytes may have been written between the last read and the rotation.
        try readOn()
        guard let next = try Self.existing(EngineLog.file(index - 1, in: directory)) else {
            return false
        }
        file = next
        offset = 0
        return true
    }

    private static func existing(_ path: String) throws(UVError) -> OpenFile? {
        guard Files.exists(path) else { return nil }
        return try OpenFile(path, .read)
    }

    private static func inode(of descriptor: Int32) -> ino_t? {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? status.st_ino : nil
    }
}

@available(*, unavailable) extension LogFollower: Sendable {}

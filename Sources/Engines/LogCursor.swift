// A place in a log that is rotated under its reader, kept without an open file: which file is known by
// its inode, wherever a rotation has moved it. Where nothing was appended, a look costs one `stat`.

import EventLoop
import Glibc

/// Reads a shard's log piece by piece. The calls block.
struct LogCursor: Hashable, Sendable {
    /// Of a log that is there already, at most so much is read.
    static let backlogBytes = 8 << 20
    private static let pieceBytes = 256 << 10

    private let directory: String
    private var inode: UInt64?
    private var offset = 0

    /// - Parameter directory: where the files are; they may come later.
    init(directory: String) {
        self.directory = directory
    }

    private struct File {
        let index: Int
        let inode: UInt64
        let length: Int
    }

    /// Gives out what has been appended since the last call.
    mutating func readOn(_ body: ([UInt8]) -> Void) throws(UVError) {
        guard let current = try file(0) else { return }
        if inode == current.inode, offset == current.length { return }
        var files = [current]
        while let older = try file(files.count) { files.append(older) }
        if let inode,
            let index = files.firstIndex(where: { $0.inode == inode && $0.length >= offset })
        {
            files.removeSubrange((index + 1)...)
        } else if inode == nil {
            begin(&files)
        } else {
            // What was being read is gone: all that is left is newer.
            offset = 0
        }
        for file in files.reversed() {
            if file.inode != inode, inode != nil { offset = 0 }
            inode = file.inode
            try read(file, body)
        }
    }

    /// Leaves out what lies further back than the limit.
    private mutating func begin(_ files: inout [File]) {
        var bytes = 0
        var kept = 0
        while kept < files.count, bytes < Self.backlogBytes {
            bytes += files[kept].length
            kept += 1
        }
        files.removeSubrange(kept...)
        offset = max(0, bytes - Self.backlogBytes)
        inode = files.last?.inode
    }

    private mutating func read(_ file: File, _ body: ([UInt8]) -> Void) throws(UVError) {
        let opened = try OpenFile(EngineLog.file(file.index, in: directory), .read)
        var status = stat()
        // Rotated since it was looked at: it is found under its new name next time.
        guard fstat(opened.descriptor, &status) == 0, UInt64(status.st_ino) == file.inode else {
            return
        }
        while true {
            let bytes = try opened.read(at: offset, count: Self.pieceBytes)
            guard !bytes.isEmpty else { return }
            offset += bytes.count
            body(bytes)
        }
    }

    /// nil where there is none.
    private func file(_ index: Int) throws(UVError) -> File? {
        var status = stat()
        let path = EngineLog.file(index, in: directory)
        guard stat(path, &status) == 0 else {
            guard errno != ENOENT else { return nil }
            throw UVError(errno: errno, operation: "look at", subject: path)
        }
        return File(index: index, inode: UInt64(status.st_ino), length: Int(status.st_size))
    }
}

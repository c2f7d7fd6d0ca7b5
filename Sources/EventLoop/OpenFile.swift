// An open file. It may be used from any thread, but by one at a time: a FileQueue sees to that.

import Glibc

/// An open file, closed when the last one lets go of it. The calls block.
public final class OpenFile: Sendable {
    /// How to open it.
    public enum Mode: Sendable {
        case read
        /// Made when it is not there; every write goes to the end.
        case append
        /// Made when it is not there; what it held is gone.
        case replace
    }

    public let path: String
    /// Closed in every child process.
    public let descriptor: Int32

    public init(
        _ path: String, _ mode: Mode, permissions: UInt32 = 0o644
    ) throws(UVError) {
        self.path = path
        if mode != .read {
            try DiskGate.pass(.open(path, empties: mode == .replace), "open")
        }
        let flags =
            switch mode {
            case .read: O_RDONLY
            case .append: O_RDWR | O_CREAT | O_APPEND
            case .replace: O_RDWR | O_CREAT | O_TRUNC
            }
        descriptor = open(path, flags | O_CLOEXEC, permissions)
        guard descriptor >= 0 else {
            throw UVError(errno: errno, operation: "open", subject: path)
        }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// Writes all bytes, at the end where the file was opened to append.
    /// - Throws: ENOSPC and the like; a part may have been written then.
    public func write(_ bytes: [UInt8]) throws(UVError) {
        switch DiskGate.verdict(on: .write(path, bytes)) {
        case .passes: try writeAll(bytes)
        case .fails(let errno):
            throw UVError(errno: errno, operation: "write to", subject: path)
        case .tears(let length, let errno):
            try writeAll(Array(bytes.prefix(length)))
            throw UVError(errno: errno, operation: "write to", subject: path)
        }
    }

    private func writeAll(_ bytes: [UInt8]) throws(UVError) {
        var written = 0
        while written < bytes.count {
            written += try retrying("write to", path) {
                bytes.withUnsafeBytes { buffer in
                    let rest = UnsafeRawBufferPointer(rebasing: buffer[written...])
                    return Glibc.write(descriptor, rest.baseAddress, rest.count)
                }
            }
        }
    }

    /// Returns once what was written is on the disk, with the length needed to read it back. A sync that
    /// has failed says nothing when it is repeated: the kernel may have dropped what it could not write.
    public func sync() throws(UVError) {
        try DiskGate.pass(.sync(path), "sync")
        _ = try retrying("sync", path) { Int(fdatasync(descriptor)) }
    }

    /// Appends and syncs.
    public func append(_ bytes: [UInt8]) throws(UVError) {
        try write(bytes)
        try sync()
    }

    /// Cuts the file to that length and syncs.
    public func truncate(toBytes length: Int) throws(UVError) {
        try DiskGate.pass(.truncate(path, length: length), "truncate")
        _ = try retrying("truncate", path) { Int(ftruncate(descriptor, off_t(length))) }
        try sync()
    }

    /// Its length in bytes.
    public func length() throws(UVError) -> Int {
        var status = stat()
        _ = try retrying("look at", path) { Int(fstat(descriptor, &status)) }
        return Int(status.st_size)
    }

    /// Reads at most that many bytes from that place on; fewer only at the end of the file.
    public func read(at offset: Int, count: Int) throws(UVError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let got = try retrying("read", path) {
                bytes.withUnsafeMutableBytes { buffer in
                    let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
                    return pread(descriptor, rest.baseAddress, rest.count, off_t(offset + filled))
                }
            }
            guard got > 0 else { break }
            filled += got
        }
        return Array(bytes[..<filled])
    }
}

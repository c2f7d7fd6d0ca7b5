// Files, done in the calling thread: for start-up, and as the work of a FileQueue. What must
// survive a power cut is synced, and so is the directory that names it: `rename` alone promises
// only that a reader sees the old file or the new one.

import Glibc

/// File operations that block. Every function may be called from any thread.
public enum Files {
    /// What stands in a directory.
    public struct Entry: Hashable, Sendable {
        public let name: String
        public let isDirectory: Bool
    }

    /// Reads a whole file.
    /// - Throws: also EFBIG when the file is larger than the limit.
    public static func read(
        _ path: String, limitBytes: Int = 256 << 20
    ) throws(UVError) -> [UInt8] {
        let file = try OpenFile(path, .read)
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = try retrying("read", path) {
                Glibc.read(file.descriptor, &chunk, chunk.count)
            }
            guard count > 0 else { return bytes }
            bytes += chunk[..<count]
            guard bytes.count <= limitBytes else {
                throw UVError(errno: EFBIG, operation: "read", subject: path)
            }
        }
    }

    /// Replaces a file as a whole: after a crash at any moment it has the old bytes or the new.
    /// When this returns, the new ones are on the disk.
    /// - Parameters:
    ///   - path: the file; its directory must exist.
    ///   - bytes: its new content.
    ///   - permissions: of the new file.
    /// - Throws: ENOSPC and the like; the old file stands then.
    public static func replace(
        _ path: String, with bytes: [UInt8], permissions: UInt32 = 0o644
    ) throws(UVError) {
        let temporary = path + ".new"
        do throws(UVError) {
            let file = try OpenFile(temporary, .replace, permissions: permissions)
            try file.write(bytes)
            try file.sync()
            try DiskGate.pass(.rename(temporary, to: path), "rename")
            try check(temporary, "rename") { rename(temporary, path) }
        } catch {
            try? remove(temporary)
            throw error
        }
        try syncDirectory(of: path)
    }

    /// Gives a whole file another name, which must be free; the name is durable when this returns.
    /// - Throws: EEXIST when it is not free.
    public static func link(_ path: String, to name: String) throws(UVError) {
        try DiskGate.pass(.link(path, to: name), "make")
        guard Glibc.link(path, name) == 0 else {
            throw UVError(errno: errno, operation: "make", subject: name)
        }
        try syncDirectory(of: name)
    }

    /// Removes a file. That it is not there is no error.
    public static func remove(_ path: String) throws(UVError) {
        try DiskGate.pass(.remove(path), "remove")
        if unlink(path) != 0, errno != ENOENT {
            throw UVError(errno: errno, operation: "remove", subject: path)
        }
    }

    /// Removes a directory and everything in it, never following a link out of it. That it is not
    /// there is no error.
    public static func removeTree(_ path: String) throws(UVError) {
        guard let kind = try status(path) else { return }
        guard kind.st_mode & S_IFMT == S_IFDIR else { return try remove(path) }
        for entry in try list(path) { try removeTree("\(path)/\(entry.name)") }
        try check(path, "remove") { rmdir(path) }
    }

    /// What stands in a directory, in the order of the names.
    public static func list(_ path: String) throws(UVError) -> [Entry] {
        guard let directory = opendir(path) else {
            throw UVError(errno: errno, operation: "list", subject: path)
        }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        var entries: [Entry] = []
        for name in names.sorted() {
            // It may have gone in the meantime.
            guard let kind = try status("\(path)/\(name)") else { continue }
            entries.append(Entry(name: name, isDirectory: kind.st_mode & S_IFMT == S_IFDIR))
        }
        return entries
    }

    /// Makes a directory and those above it. That it is there already is no error.
    public static func makeDirectories(
        _ path: String, permissions: UInt32 = 0o755
    ) throws(UVError) {
        var made = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            made += "/\(part)"
            if mkdir(made, permissions) != 0, errno != EEXIST {
                throw UVError(errno: errno, operation: "make the directory", subject: made)
            }
        }
        guard let kind = try status(path, followingLinks: true), kind.st_mode & S_IFMT == S_IFDIR
        else { throw UVError(errno: ENOTDIR, operation: "make the directory", subject: path) }
    }

    /// Whether something stands at that path, a dangling link included.
    public static func exists(_ path: String) -> Bool {
        (try? status(path)) ?? nil != nil
    }

    /// Makes the entries of the file's directory durable: needed once after a file is created.
    public static func syncDirectory(of path: String) throws(UVError) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: true).dropLast()
        let joined = (path.hasPrefix("/") ? "/" : "") + parts.joined(separator: "/")
        let parent = joined.isEmpty ? "." : joined
        try DiskGate.pass(.syncDirectory(parent), "sync")
        try OpenFile(parent, .read).sync()
    }

    /// nil when nothing is there.
    private static func status(
        _ path: String, followingLinks: Bool = false
    ) throws(UVError) -> stat? {
        var status = stat()
        let result = followingLinks ? stat(path, &status) : lstat(path, &status)
        guard result == 0 else {
            guard errno == ENOENT else {
                throw UVError(errno: errno, operation: "look at", subject: path)
            }
            return nil
        }
        return status
    }

    private static func check(
        _ path: String, _ operation: String, _ call: () -> Int32
    ) throws(UVError) {
        guard call() == 0 else {
            throw UVError(errno: errno, operation: operation, subject: path)
        }
    }
}

/// Repeats a system call that a signal interrupted.
func retrying(
    _ operation: String, _ path: String, _ call: () -> Int
) throws(UVError) -> Int {
    while true {
        let result = call()
        if result >= 0 { return result }
        guard errno == EINTR else {
            throw UVError(errno: errno, operation: operation, subject: path)
        }
    }
}

// One process for one directory. The kernel lets go of the lock when the process ends, however it
// ends: there are no stale locks, and the pid inside is only for people.

import EventLoop
import Glibc

/// An exclusive lock on a directory, held as long as the object lives.
final class DirectoryLock {
    private let file: OpenFile

    /// - Throws: ``StorageError/inUse(directory:holder:)`` if somebody else has it.
    init(directory: String) throws(StorageError) {
        let path = "\(directory)/lock"
        do {
            file = try OpenFile(path, .append, permissions: 0o600)
        } catch {
            throw .failed(error)
        }
        guard flock(file.descriptor, LOCK_EX | LOCK_NB) == 0 else {
            guard errno == EWOULDBLOCK else {
                throw .failed(UVError(errno: errno, operation: "lock", subject: path))
            }
            throw .inUse(directory: directory, holder: Self.holder(in: path))
        }
        do {
            try file.truncate(toBytes: 0)
            try file.append(Array("\(getpid())\n".utf8))
        } catch {
            throw .failed(error)
        }
    }

    private static func holder(in path: String) -> String? {
        guard let bytes = try? Files.read(path, limitBytes: 64) else { return nil }
        let text = String(decoding: bytes, as: UTF8.self)
        return text.split(whereSeparator: \.isNewline).first.map(String.init)
    }
}

@available(*, unavailable) extension DirectoryLock: Sendable {}

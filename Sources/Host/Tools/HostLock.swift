// A lock that all processes of this host see: flock(2) on a file. The kernel drops it when the last
// descriptor is closed, and a child that inherits the descriptor holds it too: so it lasts as long as
// the tool it protects, even when the one who started the tool was killed meanwhile.

import EventLoop
import Glibc

/// An exclusive lock on a path, held while the descriptor is open anywhere.
final class HostLock {
    enum Attempt {
        case taken(HostLock)
        /// Another process has it.
        case busy
        /// No lock file can be made here; nobody else's can be, either.
        case impossible
    }

    let descriptor: Int32

    private init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// Tries once and never waits.
    static func attempt(_ path: String) -> Attempt {
        // Reading is enough for a lock. Made only where it is missing: in a directory that is open to all,
        // the kernel refuses O_CREAT for another user's file (fs.protected_regular), even to root.
        var descriptor = open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0, errno == ENOENT {
            descriptor = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0o644)
        }
        guard descriptor >= 0 else { return .impossible }
        let lock = HostLock(descriptor)
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { return .busy }
        return .taken(lock)
    }
}

@available(*, unavailable) extension HostLock: Sendable {}

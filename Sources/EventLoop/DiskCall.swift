// Every call that changes what is on a disk passes one gate, so that a test can see each of them and let any one
// fail, as a full, read-only or dying disk would. In operation the gate is open and nobody stands at it.

import Synchronization

/// A call that changes a disk.
enum DiskCall: Hashable, Sendable {
    /// Opened for writing; `empties`: what it held is gone.
    case open(String, empties: Bool)
    case write(String, [UInt8])
    case sync(String)
    case truncate(String, length: Int)
    case rename(String, to: String)
    case link(String, to: String)
    case remove(String)
    case syncDirectory(String)

    /// The file or directory that it is about.
    var path: String {
        switch self {
        case .open(let path, _), .write(let path, _), .sync(let path), .truncate(let path, _),
            .rename(let path, _), .link(let path, _), .remove(let path), .syncDirectory(let path):
            path
        }
    }
}

/// What happens to a call at the gate.
enum DiskVerdict: Hashable, Sendable {
    case passes
    /// The call fails with that `errno` and has changed nothing.
    case fails(Int32)
    /// So many bytes of a write reach the file, and then it fails.
    case tears(after: Int, Int32)
}

/// Where tests stand. Several may, each for the files below a directory of its own.
enum DiskGate {
    typealias Guard = @Sendable (DiskCall) -> DiskVerdict

    private static let isGuarded = Atomic<Bool>(false)
    private static let guards = Mutex<[String: Guard]>([:])

    /// Asks the guard before every call on a file below that directory, from any thread; nil ends it.
    static func setGuard(of directory: String, _ watch: Guard?) {
        guards.withLock { guards in
            guards[directory] = watch
            isGuarded.store(!guards.isEmpty, ordering: .releasing)
        }
    }

    static func verdict(on call: DiskCall) -> DiskVerdict {
        guard isGuarded.load(ordering: .acquiring) else { return .passes }
        let watch = guards.withLock { guards in
            guards.first { call.path == $0.key || call.path.hasPrefix($0.key + "/") }?.value
        }
        return watch?(call) ?? .passes
    }

    /// - Throws: where the call is to fail.
    static func pass(_ call: DiskCall, _ operation: String) throws(UVError) {
        guard case .fails(let errno) = verdict(on: call) else { return }
        throw UVError(errno: errno, operation: operation, subject: call.path)
    }
}

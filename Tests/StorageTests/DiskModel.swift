// What a power cut may leave of the calls that were made: a model of a file system that promises only what POSIX
// does. Bytes are safe once their file is synced, names once their directory is; of anything else a part may be
// there. Names arrive in the order in which they were changed, as journals keep it.

import Glibc

@testable import EventLoop

/// A disk that has seen some calls.
struct DiskModel {
    private struct File {
        /// What is surely there.
        var safe: [UInt8] = []
        /// What a reader sees while the power is on.
        var seen: [UInt8] = []
        /// A sync has failed: what was unsafe then never gets to the disk, though it is seen.
        var isSpoilt = false
    }

    private enum Naming {
        case name(String, Int)
        case forget(String)
    }

    private var files: [File] = []
    private var names: [String: Int] = [:]
    private var safeNames: [String: Int] = [:]
    private var unsafeNames: [Naming] = []
    /// The file that was written to last and is not synced since.
    private var dirty: Int?

    mutating func take(_ call: DiskCall, failed: Bool = false) {
        switch call {
        case .open(let path, let empties):
            guard !failed else { return }
            if names[path] == nil {
                files.append(File())
                rename(.name(path, files.count - 1))
            }
            if empties, let file = names[path] { files[file].seen = [] }
        case .write(let path, let bytes): if !failed { change(path) { $0.seen += bytes } }
        case .truncate(let path, let length):
            if !failed { change(path) { $0.seen = Array($0.seen.prefix(length)) } }
        case .sync(let path):
            guard let file = names[path] else { return }
            if failed { files[file].isSpoilt = true }
            if !files[file].isSpoilt { files[file].safe = files[file].seen }
            dirty = nil
        case .rename(let path, let new):
            guard !failed, let file = names[path] else { return }
            rename(.name(new, file))
            rename(.forget(path))
        case .link(let path, let new):
            guard !failed, let file = names[path] else { return }
            rename(.name(new, file))
        case .remove(let path): if !failed { rename(.forget(path)) }
        case .syncDirectory:
            guard !failed else { return }
            safeNames = names
            unsafeNames = []
        }
    }

    private mutating func change(_ path: String, _ change: (inout File) -> Void) {
        guard let file = names[path] else { return }
        change(&files[file])
        dirty = file
    }

    private mutating func rename(_ naming: Naming) {
        Self.apply(naming, to: &names)
        unsafeNames.append(naming)
    }

    private static func apply(_ naming: Naming, to names: inout [String: Int]) {
        switch naming {
        case .name(let path, let file): names[path] = file
        case .forget(let path): names[path] = nil
        }
    }

    /// Everything that may be found when the power is back: the names as of any moment since they were safe, and of
    /// each file what is safe, what was seen, or anything between; all of it as paths and bytes.
    func outcomes() -> [[String: [UInt8]]] {
        var outcomes: [[String: [UInt8]]] = []
        var names = safeNames
        for count in 0...unsafeNames.count {
            if count > 0 { Self.apply(unsafeNames[count - 1], to: &names) }
            for content in contents() {
                outcomes.append(names.mapValues { content[$0] })
            }
        }
        return outcomes
    }

    /// The bytes of every file, once for each place at which the last write may have been torn: there the file ends,
    /// or it is as long as the whole write already and its bytes end there.
    private func contents() -> [[[UInt8]]] {
        let safe = files.map(\.safe)
        guard let dirty, !files[dirty].isSpoilt else { return [safe] }
        let (old, new) = (files[dirty].safe, files[dirty].seen)
        let shared = new.starts(with: old) ? old.count : 0
        var contents = [safe]
        for length in shared...new.count {
            var torn = safe
            torn[dirty] = Array(new.prefix(length))
            contents.append(torn)
            torn[dirty] = new.prefix(length) + [UInt8](repeating: 0, count: new.count - length)
            contents.append(torn)
        }
        return contents
    }
}

/// Puts files into a directory.
func lay(_ files: [String: [UInt8]]) throws {
    for (path, bytes) in files {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        guard descriptor >= 0, Glibc.write(descriptor, bytes, bytes.count) == bytes.count else {
            throw UVError(errno: errno, operation: "write", subject: path)
        }
        close(descriptor)
    }
}

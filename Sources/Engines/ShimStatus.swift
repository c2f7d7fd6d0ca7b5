// What a shim says of itself: in a file, for whoever comes later, and on its socket, for whoever is
// there. Both have one form.

import Base
import EventLoop
import Host
import Supervision

/// How a shard goes or went, as its shim knows it.
struct ShimStatus: Hashable, Sendable {
    enum Phase: String, Sendable {
        /// The engine's process is there, but has not become the engine yet.
        case starting
        case running
        /// Its processes are being ended.
        case ending
        /// Nothing of it is left.
        case ended
    }

    var phase = Phase.starting
    /// Whether it was told to stop before the engine ended by itself.
    var isStopRequested = false
    /// The engine's main process, as long as it runs.
    var engine: ProcessIdentity?
    /// How the engine's main process ended; set before the rest of the tree is gone.
    var exit: ExitStatus?
    /// When the engine's main process ended.
    var endedAt: EndTime?
    /// Processes that were sent SIGKILL and have not gone yet, at most a few.
    var remaining: [Int32] = []
    /// When the phase began.
    var since: WallTime
}

/// Who may start the engine of a launch. The file is made once and never changed, so that of a late
/// shim and an agent that has given up waiting for it, one wins and the other one knows.
enum ShimClaim: Hashable, Sendable {
    case shim(ProcessIdentity)
    /// An agent found no shim. None will start.
    case abandoned
}

/// A file of a shard's directory that cannot be used.
struct ShimFileError: Error, Hashable, CustomStringConvertible {
    let path: String
    let reason: String

    var description: String { "\(path): \(reason)" }
}

/// Reads a JSON file into a record. One whose checksum fails is refused; an older agent wrote none.
func readRecord<Record>(
    _ path: String, _ make: (JSONValue) -> Record?
) throws(ShimFileError) -> Record {
    let document: JSONValue
    do {
        document = try JSONValue(parsing: Files.read(path, limitBytes: 16 << 20))
    } catch {
        throw ShimFileError(path: path, reason: "\(error)")
    }
    guard document.isIntact else {
        throw ShimFileError(path: path, reason: "damaged: its checksum does not match")
    }
    guard let record = make(document) else {
        throw ShimFileError(path: path, reason: "not of the version that this agent writes")
    }
    return record
}

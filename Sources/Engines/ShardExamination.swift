// Looking at a shard's directory when its shim is not on the line: what became of it?

import Base
import EventLoop
import Glibc
import Host
import Supervision

/// What the files and the process table say of a shard. Found on another thread: it may read much.
enum ShardExamination: Sendable {
    /// No shim has claimed the launch yet.
    case unclaimed
    /// The shim lives; it may not listen yet, and may not have started the engine yet.
    case alive(shim: ProcessIdentity, engine: ProcessIdentity?)
    case ended(ShimStatus, logTail: [String])
    /// The shim died without a word. Of what it had started, these processes were just killed;
    /// with none, nothing is left.
    case orphaned(killed: [Int32], stopRequested: Bool, logTail: [String])

    static let logTailLines = 40

    init(_ directory: ShardDirectory, shard: ShardID, stateDirectory: String) {
        guard let claim = ShimClaim.read(from: directory) else {
            self = .unclaimed
            return
        }
        if case .shim(let identity) = claim, identity.isAlive {
            let engine = ShimStatus.read(from: directory)?.engine
            self = .alive(shim: identity, engine: engine)
            return
        }
        // Read after the shim was seen dead: nobody writes it any more.
        let status = ShimStatus.read(from: directory)
        let logTail = (try? LogReader(directory).tail(lines: Self.logTailLines)) ?? []
        if let status, status.phase == .ended {
            self = .ended(status, logTail: logTail)
            return
        }
        let shim: ProcessIdentity? = if case .shim(let identity) = claim { identity } else { nil }
        let leftovers = Leftovers(shard: shard, stateDirectory: stateDirectory, shim: shim)
        self = .orphaned(
            killed: leftovers.killAll(), stopRequested: status?.isStopRequested ?? false,
            logTail: logTail)
    }
}

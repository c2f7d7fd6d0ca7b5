// What a shim that was killed leaves behind. The engine's main process goes with its shim (the
// parent-death signal), but what that one had started may not. They are found by two marks that
// only processes of this shard bear:
//
// - the stamp in their environment, which names the shard and the agent's state directory;
// - the shim's session, where the environment can no longer be read because the program gave itself
//   a title over it, as SGLang's schedulers do. While anyone is in a session, the kernel gives its
//   number to nobody else; and a process with an environment of its own but without the stamp is
//   not taken for ours even then.
//
// Whatever descends from those belongs to the shard too. Nothing is ever found by name.

import Base
import EventLoop
import Glibc
import Host

/// Finds and ends the processes of a shard that has no shim any more.
struct Leftovers: Sendable {
    let shard: ShardID
    let stateDirectory: String
    /// The shim that is gone; nil where it was never known.
    let shim: ProcessIdentity?

    /// Sends SIGKILL to all that is left.
    /// - Returns: the numbers of what there was; none means that nothing is left.
    func killAll() -> [Int32] {
        let left = find(in: ProcessTable())
        for entry in left { entry.identity.send(signal: SIGKILL) }
        return left.map(\.processID)
    }

    /// What is left, in the order of the process numbers.
    func find(in table: ProcessTable) -> [ProcessEntry] {
        let marked = table.entries.filter(isMarked)
        let below = marked.flatMap { table.descendants(of: $0.processID) }
        let all = Set(marked + below).filter { !$0.isOver && $0.processID != getpid() }
        return all.sorted { $0.processID < $1.processID }
    }

    private func isMarked(_ entry: ProcessEntry) -> Bool {
        let environment = entry.environment
        if environment.isEmpty { return isInSession(entry) }
        return environment.contains("\(Stamp.shard)=\(shard)")
            && environment.contains("\(Stamp.state)=\(stateDirectory)")
    }

    private func isInSession(_ entry: ProcessEntry) -> Bool {
        guard let shim, shim.boot == entry.identity.boot else { return false }
        // Every kernel thread has session 0, and no shim has.
        return entry.session == shim.processID && entry.identity.startTicks >= shim.startTicks
            && entry.processID != shim.processID
    }
}

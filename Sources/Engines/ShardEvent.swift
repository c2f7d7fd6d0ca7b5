// What an agent learns of its shards from this module.

public import Supervision

/// One thing that happened to a shard. `exited`, `stopped` and `failed` are last: nothing of the
/// shard is left then, and no event of it follows.
public enum ShardEvent: Hashable, Sendable {
    /// The engine's main process runs.
    case started(processID: Int32)
    /// A shard of an earlier run of this agent is there still: its engine's main process, or its
    /// shim where the engine has not begun yet or is being ended; what is left of it where the shim is gone;
    /// nil where nothing could be found out in time.
    case adopted(processID: Int32?)
    /// Its shim is gone, and SIGKILL does not end these processes: they hang in the kernel, with all they hold.
    case lingers(processIDs: [Int32])
    /// More of its schedulers run than were known, or one has ended.
    case schedulers(SchedulerSighting)
    /// It ended without having been told to.
    case exited(ExitStatus, at: EndTime? = nil, logTail: [String])
    /// It was told to stop and has.
    case stopped(ExitStatus, at: EndTime? = nil)
    /// Its shim could not be started.
    case failed(String)
}

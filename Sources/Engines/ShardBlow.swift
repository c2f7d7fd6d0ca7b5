// What a drill does to the engine of a shard. Processes are known by their identity: the main process as
// its shim has told it, and what descends from it, each looked at again when the signal is sent.

public import Base
import EventLoop
import Glibc
import Host

/// What is done to an engine on purpose.
public enum ShardBlow: Hashable, Sendable {
    /// The end of its main process, as by the kernel's memory killer.
    case kill
    /// All of its processes stand still, as in a driver that hangs.
    case freeze
    /// They go on.
    case thaw

    fileprivate var signal: Int32 {
        switch self {
        case .kill: SIGKILL
        case .freeze: SIGSTOP
        case .thaw: SIGCONT
        }
    }
}

extension ShardHost {
    /// Strikes the engine of a shard that runs here, and tells which processes were struck; none where no
    /// engine of it runs.
    public func strike(
        _ shard: ShardID, _ blow: ShardBlow, completion: @escaping ([Int32]) -> Void
    ) {
        guard let engine = engine(of: shard) else { return completion([]) }
        queue.run(
            {
                let below =
                    blow == .kill ? [] : ProcessTable().descendants(of: engine.processID)
                // Frozen from the top, so that nothing is born meanwhile; thawed in any order.
                return ([engine] + below.map(\.identity)).filter { $0.send(signal: blow.signal) }
                    .map(\.processID)
            },
            completion: { result in
                if case .success(let struck) = result { completion(struck) } else { completion([]) }
            })
    }
}

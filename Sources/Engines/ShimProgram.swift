// The command `shim DIRECTORY`, which an agent starts and nobody types.

import CSystem
import EventLoop

/// The program of one shim.
public enum ShimProgram {
    /// Runs the engine of that directory to its end.
    /// - Parameter arguments: the shard's directory alone.
    /// - Returns: the exit code: 0 when the end of the engine was written down, whatever it was.
    public static func run(arguments: [String]) -> Int32 {
        guard arguments.count == 1 else {
            complain("started with \(arguments), not with the directory of a shard")
            return 64
        }
        // A port or a lock that leaked out of the agent would be held for as long as the engine runs.
        csystem_close_from(3)
        do {
            let loop = try Loop()
            let shim = try Shim(loop, directory: ShardDirectory(path: arguments[0]))
            withExtendedLifetime(shim) { loop.run() }
            return 0
        } catch {
            complain("\(error)")
            return 1
        }
    }
}

// Which processes of this host are shards of this agent, or belong to one: they hold the dies by right.
// They bear the stamp in their environment, or are in the session of one that does, where a program
// gave itself a title over it.

import Base
import Glibc
import Host

/// Finds what runs for an agent.
public enum OwnProcesses {
    /// Reads all of /proc, so it belongs on another thread.
    /// - Parameter stateDirectory: of the agent.
    /// - Returns: their numbers, rising.
    public static func find(stateDirectory: String) -> [Int32] {
        guard let resolved = realpath(stateDirectory, nil) else { return [] }
        defer { free(resolved) }
        let stamp = "\(Stamp.state)=\(String(cString: resolved))"
        let table = ProcessTable()
        let stamped = table.entries.filter { $0.environment.contains(stamp) }
        let sessions = Set(stamped.map(\.session))
        let beside = table.entries.filter {
            sessions.contains($0.session) && $0.environment.isEmpty
        }
        let below = stamped.flatMap { table.descendants(of: $0.processID) }
        return Set((stamped + beside + below).map(\.processID)).sorted()
    }
}

// Which processes of this host are shards of this agent, or belong to one: they hold the dies by right.
// They bear the stamp in their environment, or are in the session of one that does, where a program
// gave itself a title over it. A shard whose record is gone, as when the state directory was emptied under
// it, is no shard of this agent any more: nobody would ever end it, so it is told as what is left over.

import Base
import EventLoop
import Glibc
import Host

/// What runs for an agent, and what once did.
public struct OwnProcesses: Hashable, Sendable {
    /// Of the shards that it has; rising.
    public internal(set) var processes: [Int32] = []
    /// By name.
    public internal(set) var abandoned: [Abandoned] = []

    /// Nothing runs.
    public init() {}

    /// A shard that bears the stamp of this agent, which has no record of it.
    public struct Abandoned: Hashable, Sendable {
        /// `prefill-0.g3.r1`, as it is stamped.
        public let shard: String
        /// Rising.
        public let processes: [Int32]
        /// What a person can type to end all of it.
        public let command: String
    }

    /// Reads all of /proc, so it belongs on another thread.
    /// - Parameter stateDirectory: of the agent.
    /// - Returns: all that bears its stamp, or belongs to what does.
    public static func find(stateDirectory: String) -> OwnProcesses {
        guard let resolved = realpath(stateDirectory, nil) else { return OwnProcesses() }
        defer { free(resolved) }
        let state = String(cString: resolved)
        let table = ProcessTable()
        var found = OwnProcesses()
        for (shard, stamped) in stamped(with: state, in: table).sorted(by: { $0.key < $1.key }) {
            let all = belonging(to: stamped, in: table)
            if isKnown(shard, in: state) {
                found.processes += all
            } else {
                found.abandoned.append(
                    Abandoned(
                        shard: shard, processes: all,
                        command: command(toEnd: Set(all), in: table)))
            }
        }
        found.processes = Set(found.processes).sorted()
        return found
    }

    private static func stamped(
        with state: String, in table: ProcessTable
    ) -> [String: [ProcessEntry]] {
        var found: [String: [ProcessEntry]] = [:]
        for entry in table.entries where !entry.hasEnded {
            let environment = entry.environment
            guard environment.contains("\(Stamp.state)=\(state)"),
                let shard = environment.first(where: { $0.hasPrefix("\(Stamp.shard)=") })
            else { continue }
            found[String(shard.dropFirst(Stamp.shard.count + 1)), default: []].append(entry)
        }
        return found
    }

    private static func belonging(to stamped: [ProcessEntry], in table: ProcessTable) -> [Int32] {
        let sessions = Set(stamped.map(\.session))
        let beside = table.entries.filter {
            sessions.contains($0.session) && $0.environment.isEmpty
        }
        let below = stamped.flatMap { table.descendants(of: $0.processID) }
        return Set((stamped + beside + below).filter { !$0.hasEnded }.map(\.processID)).sorted()
    }

    /// What was launched and is not forgotten.
    private static func isKnown(_ shard: String, in state: String) -> Bool {
        guard let shard = ShardID(directoryName: shard) else { return false }
        return Files.exists(ShardDirectory(state: state, shard: shard).launchFile)
    }

    /// A shim that still runs ends its engine and all that came of it, as it was told at the launch; it began
    /// the session and bears no stamp. Without one the sessions themselves are all there is to go by.
    private static func command(toEnd processes: Set<Int32>, in table: ProcessTable) -> String {
        let sessions = Set(table.entries.filter { processes.contains($0.processID) }.map(\.session))
        let shims = table.entries.filter {
            sessions.contains($0.processID) && !processes.contains($0.processID) && !$0.hasEnded
        }
        if !shims.isEmpty {
            return "kill " + shims.map { "\($0.processID)" }.joined(separator: " ")
        }
        return "pkill -KILL -s " + sessions.sorted().map { "\($0)" }.joined(separator: ",")
    }
}

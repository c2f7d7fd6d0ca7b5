// What is seen of a shard's schedulers. SGLang's main process outlives a scheduler that was killed: with
// a DP controller in between nobody looks, and on the ranks from 1 on nobody looks at all, while
// `/health` goes on to say 200 (its own watchdog sees direct children of rank 0 only). So the agent
// looks itself.

public import Diagnosis

/// The schedulers of one shard, as its node sees them.
public struct SchedulerSighting: Hashable, Sendable {
    /// How many there must be: one for each die of the shard on this node.
    public let expected: Int
    public let running: Int
    /// Those that ran and have ended, for people: `TP19 (die 3)`.
    public let ended: [String]
    /// When the first of them ended; nil where nobody saw it.
    public let endedAt: EndTime?
    /// Those that have not moved for some seconds, the main process with them.
    public let still: [StillProcess]

    public init(
        expected: Int, running: Int, ended: [String], endedAt: EndTime?, still: [StillProcess] = []
    ) {
        self.expected = expected
        self.running = running
        self.ended = ended
        self.endedAt = endedAt
        self.still = still
    }

    /// How many of those that have ended are named.
    private static let namedLimit = 3

    /// What the loss means, behind "rank 1 on node-2": `has lost scheduler TP19 (die 3); 15 of 16 run`.
    var loss: String {
        let names = ended.prefix(Self.namedLimit).joined(separator: ", ")
        let more = ended.count > Self.namedLimit ? " and \(ended.count - Self.namedLimit) more" : ""
        return "has lost scheduler\(ended.count > 1 ? "s" : "") \(names)\(more); "
            + "\(running) of \(expected) run"
    }
}

/// A process of a shard that is there and cannot move. Nothing is wrong with that while nobody waits for
/// it; where rank 0 does not answer, it is why.
public struct StillProcess: Hashable, Sendable {
    /// For people: `scheduler TP19 (die 3)`, `the main process`.
    public let name: String
    public let processID: Int32
    /// By a signal or a debugger; else it hangs in the kernel.
    public let isStopped: Bool

    public init(name: String, processID: Int32, isStopped: Bool) {
        self.name = name
        self.processID = processID
        self.isStopped = isStopped
    }
}

extension [StillProcess] {
    private static let namedLimit = 3

    /// What the shard tells of them; nil where all move. Those that are stopped explain those that are not.
    public var told: (kind: FailureKind, line: String)? {
        let stopped = filter(\.isStopped)
        let worst = stopped.isEmpty ? self : stopped
        guard !worst.isEmpty else { return nil }
        let names = worst.prefix(Self.namedLimit).map { "\($0.name) (process \($0.processID))" }
        let more = worst.count > names.count ? " and \(worst.count - names.count) more" : ""
        let verb = worst.count > 1 ? "are" : "is"
        let state =
            stopped.isEmpty ? "\(verb) stuck in the kernel (state D)" : "\(verb) stopped (state T)"
        return (
            stopped.isEmpty ? .inKernel : .stopped,
            names.joined(separator: ", ") + more + " " + state
        )
    }
}

// What is seen of a shard's schedulers. SGLang's main process outlives a scheduler that was killed: with
// a DP controller in between nobody looks, and on the ranks from 1 on nobody looks at all, while
// `/health` goes on to say 200 (its own watchdog sees direct children of rank 0 only). So the agent
// looks itself.

/// The schedulers of one shard, as its node sees them.
public struct SchedulerSighting: Hashable, Sendable {
    /// How many there must be: one for each die of the shard on this node.
    public let expected: Int
    public let running: Int
    /// Those that ran and have ended, for people: `TP19 (die 3)`.
    public let ended: [String]
    /// When the first of them ended; nil where nobody saw it.
    public let endedAt: EndTime?

    public init(expected: Int, running: Int, ended: [String], endedAt: EndTime?) {
        self.expected = expected
        self.running = running
        self.ended = ended
        self.endedAt = endedAt
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

// Everything known of one launch of one shard stands in one directory, so that an agent that knows
// nothing can find out everything: what was to be started, by which shim, how it goes or went, and
// what it wrote. Protocols/shim.md describes the files. A directory serves one launch, ever.

public import Base

/// The directory of one shard: `<state>/shards/<ShardID>`.
public struct ShardDirectory: Hashable, Sendable {
    public let path: String

    public init(path: String) {
        self.path = path
    }

    /// - Parameters:
    ///   - state: the agent's state directory.
    ///   - shard: whose directory.
    public init(state: String, shard: ShardID) {
        self.init(path: "\(Self.all(in: state))/\(shard)")
    }

    /// The directory of all shards.
    static func all(in state: String) -> String { "\(state)/shards" }

    /// What was to be started: ``ShardLaunch``. While it is there, the shard is not forgotten.
    var launchFile: String { path + "/launch.json" }
    /// Which process is the shim, or that there will be none: ``ShimClaim``.
    var claimFile: String { path + "/shim.pid" }
    /// How it goes: ``ShimStatus``.
    var statusFile: String { path + "/status.json" }
    /// The schedulers that were seen: ``SchedulerRecord``.
    var schedulerFile: String { path + "/schedulers.json" }
    var socketFile: String { path + "/shim.sock" }
    /// What the shim itself had to say, normally nothing.
    var shimLogFile: String { path + "/shim.log" }
    var logDirectory: String { path + "/log" }

    /// A Unix socket's path is bounded by the kernel, and libuv would cut a longer one silently.
    var isShortEnough: Bool { socketFile.utf8.count <= 107 }
}

extension ShardID {
    /// Reads back what ``description`` writes: `prefill-0.g3.r1`.
    public init?(directoryName name: String) {
        guard let rankMark = name.range(ofLast: ".r"),
            let rank = Int(name[rankMark.upperBound...]),
            let generationMark = String(name[..<rankMark.lowerBound]).range(ofLast: ".g"),
            let generation = UInt64(name[generationMark.upperBound..<rankMark.lowerBound]),
            generationMark.lowerBound > name.startIndex
        else { return nil }
        self.init(
            group: GroupName(String(name[..<generationMark.lowerBound])),
            generation: Generation(generation), rank: NodeRank(rank))
        // `+3` and `03` are read as 3, but no directory of ours is called so.
        guard description == name else { return nil }
    }
}

extension String {
    fileprivate func range(ofLast mark: String) -> Range<String.Index>? {
        var end = endIndex
        while let start = index(end, offsetBy: -mark.count, limitedBy: startIndex) {
            if self[start..<end] == mark { return start..<end }
            guard end > startIndex else { return nil }
            end = index(before: end)
        }
        return nil
    }
}

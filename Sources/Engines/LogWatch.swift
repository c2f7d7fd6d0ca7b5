// What the logs of this node's shards say, followed while they run. Nothing depends on it being told at
// once, so the files are looked at from time to time, and less often while they say nothing that counts.
// Reading and matching are done on another thread.

public import Base
public import Diagnosis
public import EventLoop

/// Follows the logs of the shards of one node.
public final class LogWatch {
    /// Between two looks at a log that tells progress, and at one that tells nothing new.
    private static let shortest = Duration.seconds(1)
    private static let longest = Duration.seconds(5)

    private let loop: Loop
    private let stateDirectory: String
    private let onNews: (ShardID, LogAccount) -> Void
    private let queue: FileQueue
    private var followed: [ShardID: FollowedLog] = [:]

    /// - Parameters:
    ///   - loop: where news are told.
    ///   - stateDirectory: the agent's own.
    ///   - onNews: told when a log says something new; all that it has said so far.
    public init(
        _ loop: Loop, stateDirectory: String, onNews: @escaping (ShardID, LogAccount) -> Void
    ) {
        self.loop = loop
        self.stateDirectory = stateDirectory
        self.onNews = onNews
        queue = FileQueue(loop)
    }

    /// Begins with what is there already, such as after a restart of the agent.
    public func follow(_ shard: ShardID) {
        guard followed[shard] == nil else { return }
        let directory = ShardDirectory(state: stateDirectory, shard: shard).logDirectory
        let log = FollowedLog(LogReading(directory: directory))
        log.timer = LoopTimer(loop) { [weak self] in self?.look(shard) }
        followed[shard] = log
        look(shard)
    }

    /// Reads the rest of the log of a shard that has ended, and follows it no more. The completion is
    /// called when all news are told.
    public func finish(_ shard: ShardID, completion: @escaping () -> Void) {
        guard let log = followed[shard] else { return completion() }
        log.onFinished.append(completion)
        look(shard)
    }

    /// Follows no log any more; nothing more is told.
    public func close() {
        followed = [:]
    }

    private func look(_ shard: ShardID) {
        guard let log = followed[shard], !log.isLooking else { return }
        log.isLooking = true
        let waiting = log.onFinished.count
        queue.run(
            { [reading = log.reading] in reading.continued() },
            completion: { [weak self, weak log] result in
                guard let self, let log, case .success(let reading) = result else { return }
                log.isLooking = false
                looked(shard, log, reading)
                guard !log.onFinished.isEmpty else { return }
                // What was asked for while the look was under way may have missed the end.
                guard waiting > 0 else { return look(shard) }
                followed[shard] = nil
                for completion in log.onFinished { completion() }
            })
    }

    private func looked(_ shard: ShardID, _ log: FollowedLog, _ reading: LogReading) {
        let isNews = reading.account != log.reading.account
        log.reading = reading
        log.interval = isNews ? Self.shortest : min(log.interval * 2, Self.longest)
        log.timer?.arm(after: log.interval)
        if isNews { onNews(shard, reading.account) }
    }
}

@available(*, unavailable) extension LogWatch: Sendable {}

/// All that one shard's log has said that counts.
public struct LogAccount: Hashable, Sendable {
    public var progress: LoadingProgress?

    public init(progress: LoadingProgress? = nil) {
        self.progress = progress
    }
}

/// One log being followed.
private final class FollowedLog {
    var reading: LogReading
    var timer: LoopTimer?
    var interval = Duration.seconds(1)
    var isLooking = false
    var onFinished: [() -> Void] = []

    init(_ reading: LogReading) {
        self.reading = reading
    }
}

/// How far a log has been read, and what was found.
private struct LogReading: Sendable {
    private var cursor: LogCursor
    private var reader = EngineLogReader()

    init(directory: String) {
        cursor = LogCursor(directory: directory)
    }

    var account: LogAccount { LogAccount(progress: reader.progress) }

    /// The same after what was appended since. What cannot be read now is tried again next time.
    func continued() -> LogReading {
        var next = self
        try? next.cursor.readOn { next.reader.read($0) }
        return next
    }
}

// What the logs of this node's shards say, followed while they run. Nothing depends on it being told at
// once, so the files are looked at from time to time, and less often while they say nothing that counts.
// Reading and matching are done on another thread.

public import Base
public import EventLoop

/// Follows the logs of the shards of one node.
public final class LogWatch {
    /// Between two looks at a log that tells progress, and at one that tells nothing new.
    private static let shortest = Duration.seconds(1)
    private static let longest = Duration.seconds(5)

    private let loop: Loop
    private let stateDirectory: String
    private let onNews: (ShardID, LogAccount) -> Void
    private let onTrouble: (ShardID, String?) -> Void
    private let queue: FileQueue
    private var followed: [ShardID: FollowedLog] = [:]

    /// - Parameters:
    ///   - loop: where news are told.
    ///   - stateDirectory: the agent's own.
    ///   - onNews: told when a log says something new; all that it has said so far.
    ///   - onTrouble: told what of a shard's logs cannot be read, and with nil when all can again.
    public init(
        _ loop: Loop, stateDirectory: String, onNews: @escaping (ShardID, LogAccount) -> Void,
        onTrouble: @escaping (ShardID, String?) -> Void = { _, _ in }
    ) {
        self.loop = loop
        self.stateDirectory = stateDirectory
        self.onNews = onNews
        self.onTrouble = onTrouble
        queue = FileQueue(loop)
    }

    /// Begins with what is there already, such as after a restart of the agent.
    /// - Parameters:
    ///   - shard: whose log.
    ///   - processID: of its engine; nil where it has ended.
    public func follow(_ shard: ShardID, processID: Int32?) {
        guard followed[shard] == nil else { return }
        let log = FollowedLog(
            ShardDirectory(state: stateDirectory, shard: shard), processID: processID)
        log.timer = LoopTimer(loop) { [weak self] in self?.look(shard) }
        followed[shard] = log
        look(shard)
    }

    /// Reads at once what the engine and CANN have written about a shard that runs and does not answer:
    /// who stands in the way may have said so there alone.
    public func consult(_ shard: ShardID) {
        guard let log = followed[shard] else { return }
        log.wantsPlog = true
        look(shard)
    }

    /// Reads the rest of the log of a shard that has ended, and follows it no more. The completion is
    /// called when all news are told; what CANN's own logs say may be told after it.
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
        let wantsPlog = log.wantsPlog
        log.wantsPlog = false
        queue.run(
            { [directory = log.directory, processID = log.processID, reading = log.reading] in
                let next = (reading ?? LogReading(directory, processID: processID)).continued()
                return wantsPlog ? next.withPlog(isRunning: true) : next
            },
            completion: { [weak self, weak log] result in
                guard let self, let log, case .success(let reading) = result else { return }
                log.isLooking = false
                looked(shard, log, reading)
                guard !log.onFinished.isEmpty else {
                    if log.wantsPlog { look(shard) }
                    return
                }
                // What was asked for while the look was under way may have missed the end.
                guard waiting > 0 else { return look(shard) }
                followed[shard] = nil
                for completion in log.onFinished { completion() }
                readPlog(shard, reading)
            })
    }

    private func readPlog(_ shard: ShardID, _ reading: LogReading) {
        queue.run(
            { reading.withPlog(isRunning: false) },
            completion: { [weak self] result in
                guard let self, case .success(let after) = result else { return }
                if after.account != reading.account { onNews(shard, after.account) }
                if after.trouble != reading.trouble { onTrouble(shard, after.trouble) }
            })
    }

    private func looked(_ shard: ShardID, _ log: FollowedLog, _ reading: LogReading) {
        let isNews = reading.account != log.reading?.account ?? LogAccount()
        let isTroubleNew = reading.trouble != log.reading?.trouble
        log.reading = reading
        log.interval = isNews ? Self.shortest : min(log.interval * 2, Self.longest)
        log.timer?.arm(after: log.interval)
        if isNews { onNews(shard, reading.account) }
        if isTroubleNew { onTrouble(shard, reading.trouble) }
    }
}

@available(*, unavailable) extension LogWatch: Sendable {}

/// One log being followed.
private final class FollowedLog {
    let directory: ShardDirectory
    let processID: Int32?
    /// nil before the first look.
    var reading: LogReading?
    var timer: LoopTimer?
    var interval = Duration.seconds(1)
    var isLooking = false
    /// The next look reads CANN's logs too.
    var wantsPlog = false
    var onFinished: [() -> Void] = []

    init(_ directory: ShardDirectory, processID: Int32?) {
        self.directory = directory
        self.processID = processID
    }
}

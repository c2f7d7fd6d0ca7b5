// What a node says of a shard that it runs. Exits are data, not errors.

public import Base
public import Diagnosis

/// Where a shard stands.
public enum ShardState: String, Hashable, Sendable, CaseIterable {
    /// Not started: an older generation is going, ports are not free, or a start is due.
    case waiting
    /// The shim starts it.
    case starting
    /// It runs and loads; this may take half an hour.
    case loading
    /// It serves (rank 0 answers), or takes part (rank 1 and up run while rank 0 answers).
    case ready
    /// It runs, but its engine does not answer, or a scheduler of it is lost.
    case unresponsive
    /// It was told to stop.
    case stopping
    /// It ended by itself.
    case exited
    /// It was ended by us, with nothing of it left.
    case stopped
}

/// How a process ended.
public enum ExitStatus: Hashable, Sendable, CustomStringConvertible {
    case code(Int32)
    case signal(Int32)
    /// It could not be started at all.
    case notStarted(String)
    /// Its shim is gone, so nobody saw how it ended.
    case unknown

    public var description: String {
        switch self {
        case .code(let code): "exit code \(code)"
        case .signal(let number): "killed by signal \(number)"
        case .notStarted(let reason): "not started: \(reason)"
        case .unknown: "ended unseen"
        }
    }
}

/// When a process ended, by the wall clock of its node. Ranks can fall within a millisecond of one
/// another, so this is finer than other times; how well the clocks of the nodes agree is the limit.
public struct EndTime: Hashable, Comparable, Sendable {
    public let microsecondsSinceEpoch: Int64

    public init(microsecondsSinceEpoch: Int64) {
        self.microsecondsSinceEpoch = microsecondsSinceEpoch
    }

    /// The earliest time within a millisecond.
    init(_ time: WallTime) {
        let (product, overflows) = time.millisecondsSinceEpoch.multipliedReportingOverflow(by: 1000)
        microsecondsSinceEpoch = overflows ? .max : product
    }

    public static func < (left: EndTime, right: EndTime) -> Bool {
        left.microsecondsSinceEpoch < right.microsecondsSinceEpoch
    }
}

/// One shard as its node reports it to the leader.
public struct ShardReport: Hashable, Sendable {
    public let shard: ShardID
    public var state: ShardState
    /// The engine's main process; nil before it has started and after it has ended.
    public var processID: Int32?
    /// When the state was taken on, by the node's wall clock.
    public var since: WallTime
    /// How it ended, for `exited` and `stopped`.
    public var exit: ExitStatus?
    /// Why it is in this state, for people; empty where the state says it all.
    public var why: String
    /// The last lines of its log, for `exited`.
    public var logTail: [String]
    /// When its process, or the first scheduler that it lost, ended; nil where all run, or nobody saw
    /// it end.
    public var endedAt: EndTime?
    /// How far its load has come, while it is loading and its log has told so.
    public var progress: LoadingProgress?

    public init(
        shard: ShardID, state: ShardState, processID: Int32?, since: WallTime,
        exit: ExitStatus? = nil, why: String = "", logTail: [String] = [],
        endedAt: EndTime? = nil, progress: LoadingProgress? = nil
    ) {
        self.shard = shard
        self.state = state
        self.processID = processID
        self.since = since
        self.exit = exit
        self.why = why
        self.logTail = logTail
        self.endedAt = endedAt
        self.progress = progress
    }
}

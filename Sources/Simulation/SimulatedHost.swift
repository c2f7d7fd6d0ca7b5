// One server: a disk that may lose what was not flushed, and processes that outlive the agent but not
// the host. Its engines are scripted: they load, meet the other ranks of their generation, serve,
// and fall, or hang, when a rank of theirs has fallen.

import Base
import ClusterState
import Consensus
import Node
import Planning
import WireProtocol

struct SimulatedHost {
    /// One engine process on this host.
    struct Engine {
        let processID: Int32
        let rankCount: Int
        let loadedAt: Instant
        /// Its agent was told that it runs.
        var isStarted = false
        /// Of a router: the URLs that it knows, each its own identity.
        var workers: [String] = []
        /// It lives and answers nothing, and only SIGKILL ends it.
        var isWedged = false
        /// It was told to end.
        var isGoing = false
    }

    /// The agent's configuration file, read at its start.
    var file: Deployment
    var pastFiles: [Deployment]
    /// What is on the disk. A write is either wholly there or not at all.
    var disk = DurableState.empty
    /// Which disk it is; a replaced one is another.
    var diskID = DiskID(0)
    /// What was written and not flushed yet, oldest first.
    var unflushed: [PersistRequest] = []
    /// The log as it was written, with what a snapshot has replaced since: what was applied can be
    /// looked at even if the node compacts its log in the same step.
    private var wholeLog: [LogIndex: LogEntry] = [:]
    var flushTime = Self.quickFlush
    var engines: [ShardID: Engine] = [:]
    /// Shards that have ended here and that the agent has not told to forget: a shard leaves a trace
    /// on the disk, so that no agent starts it a second time.
    var ended: [ShardID] = []
    /// What stands in the way of a launch here.
    var obstacles: [String] = []
    /// What of it does not go with any other node.
    var misfit: String?
    /// A node that was none of the cluster at the start runs no agent until it joins.
    var isInService = true
    /// Its file says that it joins a cluster that is there.
    var joins = false
    /// The nodes that its file names.
    var listed: [ConfiguredNode]
    /// What its file says that the leader goes by.
    var settings: [FileSetting] = []
    /// Whom its agent dials, and whom it lets in, by index.
    var dialled: Set<Int> = []
    var admitted: Set<Int> = []
    /// The installed SGLang, where it is not that of all.
    var sglang: SGLangFinding?
    /// The agent's life: frames and timers of an earlier one are void.
    var life: UInt64 = 0
    var isAgentUp = false
    var isHostUp = true
    /// The agent is stopped by a signal or starved of time until then.
    var pausedUntil = Instant.zero
    /// The agent falls with its next write, of which nothing, all or a part is on the disk.
    var fallsAtWrite = false
    /// What is on the disk does not check: the agent does not start.
    var isDiskDamaged = false
    /// The disk takes no writes: the agent ends with the next one, and cannot start.
    var isDiskFull = false
    /// Its agent writes frames of another version, and reads no others.
    var speaksOtherVersion = false
    /// The newest kind of command that its agent can read.
    var reads = NodeMachine.understands
    /// How far its clock is off.
    var clockOffset = Duration.zero
    /// What came meanwhile.
    var unread: [NodeInput] = []

    static let quickFlush: ClosedRange<Duration> = .microseconds(200)...(.milliseconds(20))
    static let slowFlush: ClosedRange<Duration> = .milliseconds(100)...(.milliseconds(1500))
    /// What the kernel gets round to when nobody asks for a flush.
    static let forgottenFlush: ClosedRange<Duration> = .seconds(3)...(.seconds(10))

    init(file: Deployment, listed: [ConfiguredNode]) {
        self.file = file
        self.listed = listed
        pastFiles = [file]
    }

    mutating func write(_ request: PersistRequest) {
        unflushed.append(request)
        if let first = request.truncateFrom {
            // A leader's snapshot takes the place of whatever was written here.
            wholeLog = request.snapshot == nil ? wholeLog.filter { $0.key < first } : [:]
        }
        for entry in request.entries { wholeLog[entry.index] = entry }
    }

    /// The agent that comes finds what is on the disk.
    mutating func rereadDisk() {
        wholeLog = wholeLog.filter { $0.key <= disk.lastIndex }
        for entry in disk.entries { wholeLog[entry.index] = entry }
    }

    /// The entry that was written at a position, compacted or not.
    func entry(at index: LogIndex) -> LogEntry? { wholeLog[index] }

    mutating func flush(upTo token: PersistToken) {
        while let first = unflushed.first, first.token <= token {
            disk.apply(first)
            unflushed.removeFirst()
        }
    }

    /// A crash: some prefix of what was not flushed is on the disk all the same.
    mutating func loseUnflushed(using generator: inout SeededGenerator) {
        let kept = Int.random(in: 0...unflushed.count, using: &generator)
        for request in unflushed.prefix(kept) { disk.apply(request) }
        unflushed = []
        rereadDisk()
    }
}

// The durable home of one node's term, vote, log and snapshot:
//
//     identity   whose directory this is            lock   who is using it now
//     log        everything else: a write-ahead log, written anew with every snapshot
//
// A snapshot lies inside the log and not in a file beside it: the replicated state is small, and
// one file that is replaced as a whole has no order of two files to get wrong.

public import Base
public import Consensus
public import EventLoop
import Synchronization

/// The store of one node, on the loop. It writes in the order of the calls, in another thread.
public final class DurableStore {
    public typealias Completion = (Result<PersistToken, StorageError>) -> Void

    /// What a store finds when it is opened.
    public struct Opened {
        public let store: DurableStore
        public let state: DurableState
        /// What was repaired, for the log of the agent; usually nothing.
        public let repairs: [String]
    }

    public let directory: String
    public let identity: StateIdentity
    private let queue: FileQueue
    private let lock: DirectoryLock
    private var log: OpenFile
    /// What the file holds once everything that was begun is written.
    private var state: DurableState
    private var recordCount: UInt32
    private typealias Batch = [(request: PersistRequest, completion: Completion)]
    private var waiting: Batch = []
    private var waitingBytes = 0
    private var isWriting = false
    private var hasFailed = false
    private let loop: Loop
    private var slowTimer: LoopTimer?
    private var slowLimit = Duration.seconds(1)
    private var hangLimit = DurableStore.standardHangLimit
    private var waitingBytesLimit = DurableStore.standardWaitingBytesLimit
    private var onSlow: ((SlowWrite) -> Void)?

    /// How long a write may take before the disk is given up: a burst of other writes is over by then.
    public static let standardHangLimit = Duration.seconds(30)
    /// How much may wait behind a slow write before the disk is given up.
    public static let standardWaitingBytesLimit = 64 << 20

    /// Opens a state directory, and makes it if there is none. Blocks; for the start of an agent.
    ///
    /// The log is written anew: what an earlier run failed to flush may still be read, from memory, and
    /// would be gone after a power cut although this run had built on it.
    ///
    /// A directory that was made on another machine is a copy, or moved: nothing of it is lost, but it gets an id
    /// of its own, so that nobody takes its promises for those of the original. Where the machine is not known,
    /// as 0, nothing is compared.
    /// - Throws: ``StorageError``, when the directory is in use, foreign, damaged or not writable.
    public static func open(
        directory: String, node: NodeID, cluster: String, machine: UInt64, on loop: Loop
    ) throws(StorageError) -> Opened {
        let lock = try lockDirectory(directory)
        let made = try identify(directory, node: node, cluster: cluster, machine: machine)
        let path = "\(directory)/log"
        var (state, repairs) = try readLog(path)
        let identity = made.on(machine)
        if identity != made {
            try write(identity, to: directory)
            if identity.id != made.id { repairs.append(strangeness(of: directory, made, identity)) }
        }
        let log = try io { () throws(UVError) in
            try Files.replace(path, with: WriteAheadLog.file(holding: state), permissions: 0o600)
            return try OpenFile(path, .append)
        }
        let store = DurableStore(
            directory: directory, identity: identity, lock: lock, log: log, state: state, on: loop)
        return Opened(store: store, state: state, repairs: repairs)
    }

    private init(
        directory: String, identity: StateIdentity, lock: DirectoryLock, log: OpenFile,
        state: DurableState, on loop: Loop
    ) {
        self.loop = loop
        self.directory = directory
        self.identity = identity
        self.lock = lock
        self.log = log
        self.state = state
        recordCount = 1
        queue = FileQueue(loop)
    }

    /// Writes, and completes on the loop once the write is on disk. Completions come in the order
    /// of the calls. Writes that come while another is under way share one flush. After a failed
    /// write every later one fails too, as what is on disk is not known any more. A write that hangs
    /// has failed: no call ends it, but nobody waits for it any more.
    public func persist(_ request: PersistRequest, completion: @escaping Completion) {
        waiting.append((request, completion))
        waitingBytes += request.byteCount
        writeNext()
    }

    /// Asks to be told of writes that take long: again and again while one does, and when it is over.
    public func watchSlowWrites(
        longerThan limit: Duration = .seconds(1),
        givingUpAfter hangLimit: Duration = DurableStore.standardHangLimit,
        orBehind waitingBytesLimit: Int = DurableStore.standardWaitingBytesLimit,
        _ onSlow: @escaping (SlowWrite) -> Void
    ) {
        slowLimit = limit
        self.hangLimit = hangLimit
        self.waitingBytesLimit = waitingBytesLimit
        self.onSlow = onSlow
    }

    private func writeNext() {
        guard !isWriting, !waiting.isEmpty else { return }
        let batch = waiting
        waiting = []
        waitingBytes = 0
        isWriting = true
        if hasFailed {
            // Not from within the caller's own call, and not behind a write that hangs.
            loop.soon { [self] in finish(batch, error: .closedByFailure(directory: directory)) }
            return
        }
        let work = prepare(batch.map(\.request))
        let begun = loop.now
        let start = WorkStart()
        watch(batch, since: begun, start)
        let tracked = { @Sendable () throws(UVError) in
            start.isMade.store(true, ordering: .relaxed)
            return try work()
        }
        queue.run(tracked) { [self] result in
            // It was given up before.
            guard !hasFailed else { return }
            slowTimer = nil
            if loop.now - begun >= slowLimit { onSlow?(.over(loop.now - begun)) }
            switch result {
            case .success(let file):
                log = file
                finish(batch, error: nil)
            case .failure(let error):
                hasFailed = true
                finish(batch, error: .failed(error))
            }
        }
    }

    /// Only what this process has seen pass counts: it may have been stopped itself, and the write be done. Nor
    /// is it the disk's fault where other work keeps the threads from the write.
    private func watch(_ batch: Batch, since begun: Instant, _ start: WorkStart) {
        var waited = Duration.zero
        slowTimer = loop.every(slowLimit) { [weak self] in
            guard let self else { return }
            if start.isMade.load(ordering: .relaxed) { waited += slowLimit }
            if waited >= hangLimit || waitingBytes > waitingBytesLimit {
                slowTimer = nil
                hasFailed = true
                finish(batch, error: .hung(directory: directory, after: waited))
            } else {
                onSlow?(.lasts(loop.now - begun))
            }
        }
    }

    /// The work of one batch, which gives the file that the next batch goes to: one append, or a
    /// log written anew where a snapshot makes most of the old one needless.
    private func prepare(
        _ requests: [PersistRequest]
    ) -> @Sendable () throws(UVError) -> OpenFile {
        for request in requests { state.apply(request) }
        if requests.contains(where: { $0.snapshot != nil }) {
            recordCount = 1
            let (state, path) = (self.state, log.path)
            return { () throws(UVError) in
                try Files.replace(
                    path, with: WriteAheadLog.file(holding: state), permissions: 0o600)
                return try OpenFile(path, .append)
            }
        }
        let (log, first) = (self.log, recordCount)
        recordCount += UInt32(requests.count)
        return { () throws(UVError) in
            var bytes: [UInt8] = []
            for (offset, request) in requests.enumerated() {
                bytes += WriteAheadLog.frame(request, sequence: first + UInt32(offset))
            }
            try log.append(bytes)
            return log
        }
    }

    private func finish(_ batch: Batch, error: StorageError?) {
        isWriting = false
        for (request, completion) in batch {
            completion(error.map { .failure($0) } ?? .success(request.token))
        }
        writeNext()
    }
}

@available(*, unavailable) extension DurableStore: Sendable {}

extension PersistRequest {
    /// What it holds in memory, roughly.
    fileprivate var byteCount: Int {
        entries.reduce(snapshot?.state.count ?? 0) { sum, entry in
            if case .command(let bytes) = entry.payload { sum + bytes.count } else { sum }
        }
    }
}

/// A write that took, or takes, longer than it should.
public enum SlowWrite: Hashable, Sendable {
    /// It is not done yet.
    case lasts(Duration)
    case over(Duration)
}

// MARK: - Opening

extension DurableStore {
    private static func lockDirectory(_ directory: String) throws(StorageError) -> DirectoryLock {
        try io { () throws(UVError) in
            try Files.makeDirectories(directory, permissions: 0o700)
        }
        return try DirectoryLock(directory: directory)
    }

    /// Checks whose directory it is. A new one gets its first log before its identity, so that
    /// where there is an identity, a missing log is a loss.
    private static func identify(
        _ directory: String, node: NodeID, cluster: String, machine: UInt64
    ) throws(StorageError) -> StateIdentity {
        let (path, log) = ("\(directory)/identity", "\(directory)/log")
        let expected = StateIdentity.new(node: node, cluster: cluster, machine: machine)
        guard Files.exists(path) else {
            if Files.exists(log), try readLog(log).state != .empty {
                throw .missing(path: path)
            }
            try io { () throws(UVError) in
                try Files.replace(
                    log, with: WriteAheadLog.file(holding: .empty), permissions: 0o600)
            }
            try write(expected, to: directory)
            return expected
        }
        let bytes = try io { () throws(UVError) in try Files.read(path, limitBytes: 64 * 1024) }
        let found = try StateIdentity(file: bytes, path: path)
        guard found.node == node, found.cluster == cluster else {
            throw .foreign(directory: directory, found: found, expected: expected)
        }
        guard Files.exists(log) else { throw .missing(path: log) }
        return found
    }

    private static func write(
        _ identity: StateIdentity, to directory: String
    ) throws(StorageError) {
        try io { () throws(UVError) in
            try Files.replace("\(directory)/identity", with: identity.file, permissions: 0o600)
            try Files.syncDirectory(of: directory)
        }
    }

    /// What an operator is told of a directory from another machine.
    private static func strangeness(
        of directory: String, _ made: StateIdentity, _ now: StateIdentity
    ) -> String {
        "\(directory) was made on another machine: it is a copy, or its disk was moved here, or this "
            + "machine has another /etc/machine-id than before. The original may have promised more since, so "
            + "it counts as a new directory (\(now.id), was \(made.id)): \(made.node) is on probation until "
            + "it knows what is agreed, as `glm-agent status` tells. Nothing of it is deleted. If the original "
            + "still runs, stop this agent and give it a node name, an address and an empty directory of its "
            + "own; else leave the other voters alone meanwhile. If there is no other voter: `glm-agent "
            + "recover --as-only-voter`"
    }

    /// Reads the log up to its end, or to where its end is torn.
    private static func readLog(
        _ path: String
    ) throws(StorageError) -> (state: DurableState, repairs: [String]) {
        let bytes = try io { () throws(UVError) in try Files.read(path) }
        let recovery = try WriteAheadLog.recover(bytes, path: path)
        let torn = bytes.count - recovery.validByteCount
        guard torn > 0 else { return (recovery.state, []) }
        let repair =
            "cut \(torn) bytes off \(path) at byte \(recovery.validByteCount): the end of a write "
            + "that was never confirmed, as a crash or power cut leaves it"
        return (recovery.state, [repair])
    }

    private static func io<Value>(
        _ work: () throws(UVError) -> Value
    ) throws(StorageError) -> Value {
        do {
            return try work()
        } catch {
            throw .failed(error)
        }
    }
}

/// Whether a thread has begun with the work.
private final class WorkStart: Sendable {
    let isMade = Atomic(false)
}

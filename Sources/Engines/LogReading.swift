// One reading of a shard's log, and of what CANN wrote beside it. It is a value that goes to another thread
// and comes back; everything in it blocks.

import Base
public import Diagnosis
import EventLoop
import Glibc
import Host
import Planning
import Profiles

/// All that one shard's log has said that counts.
public struct LogAccount: Hashable, Sendable {
    public var progress: LoadingProgress?
    /// What is wrong, in the order of the log; then what CANN's own logs say.
    public var sightings: [Sighting]

    public init(progress: LoadingProgress? = nil, sightings: [Sighting] = []) {
        self.progress = progress
        self.sightings = sightings
    }
}

/// How far a log has been read, and what was found.
struct LogReading: Sendable {
    private var cursor: LogCursor
    private var reader: EngineLogReader
    private var plog: PlogDirectory?
    private var plogAccount = PlogDirectory.Account()
    /// Looks in a row that failed, and why the last one did.
    private var failures = 0
    private var failure: String?
    /// When the last look began; nothing that was there then comes again.
    private var lookedAt: Int64 = 0

    /// - Parameters:
    ///   - directory: of the shard, whose launch is read for the sizes of its world.
    ///   - processID: of its engine, whose descendants write logs of CANN.
    init(_ directory: ShardDirectory, processID: Int32?) {
        cursor = LogCursor(directory: directory.logDirectory)
        let launch = try? ShardLaunch.read(from: directory)
        let layout = launch?.spec.schedulers
        let shape = launch.flatMap { EngineShape(argv: $0.spec.argv, dies: layout?.dies ?? []) }
        reader = EngineLogReader(shape: shape)
        // An operator's own command may end in SGLang too.
        if let launch, launch.engine != .rehearsal {
            plog = PlogDirectory(
                launch.spec.environment, processID: processID,
                world: .init(shape: shape, layout: layout, directory: directory))
        }
    }

    var account: LogAccount {
        LogAccount(progress: reader.progress, sightings: reader.sightings + plogAccount.sightings)
    }

    /// A log that is rotated just now cannot be read for a moment; one that could not be read so often in a
    /// row stays so.
    private static let failuresToTell = 3

    /// What cannot be read, for people; nil where all can.
    var trouble: String? {
        failures >= Self.failuresToTell ? failure : plogAccount.failure
    }

    /// The same after what was appended since. What cannot be read now is tried again next time.
    func continued() -> LogReading {
        var next = self
        next.lookedAt = Self.now
        let zone = Self.zone
        do throws(UVError) {
            try next.cursor.readOn { bytes in
                next.reader.read(
                    bytes, within: TimeSpan(earliest: lookedAt, latest: Self.now), zone: zone)
            }
            next.failures = 0
        } catch {
            next.failures = min(failures + 1, Self.failuresToTell)
            next.failure = error.description
        }
        if next.account != account { next.plog?.noteProcesses() }
        return next
    }

    /// The same with what CANN wrote until now.
    /// - Parameter isRunning: then processes that have come since count too. The number of an engine that has
    ///   ended may be another's by now.
    /// - Returns: the reading with those sightings.
    func withPlog(isRunning: Bool) -> LogReading {
        var next = self
        if isRunning { next.plog?.noteProcesses() } else { next.plog?.noteSchedulers() }
        next.plogAccount = next.plog?.read(until: Self.now, zone: Self.zone) ?? plogAccount
        return next
    }

    private static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }

    /// By how many seconds local time is ahead of UTC. Engines inherit the zone of their agent.
    private static var zone: Int {
        var seconds = time(nil)
        var local = tm()
        localtime_r(&seconds, &local)
        return local.tm_gmtoff
    }
}

extension EngineShape {
    /// Of an SGLang command line; nil where it has no such sizes, as that of a router.
    init?(argv: [String], dies: [Int] = []) {
        func size(_ names: String...) -> Int? {
            for (index, word) in argv.enumerated() {
                for name in names {
                    if word == name, argv.indices.contains(index + 1) {
                        return Int(argv[index + 1])
                    }
                    if word.hasPrefix(name + "=") { return Int(word.dropFirst(name.count + 1)) }
                }
            }
            return nil
        }
        guard let tensor = size("--tp-size", "--tp", "--tensor-parallel-size") else { return nil }
        self.init(
            tensorParallel: tensor,
            pipelineParallel: size("--pp-size", "--pp", "--pipeline-parallel-size") ?? 1,
            nodes: size("--nnodes") ?? 1, dies: dies)
    }
}

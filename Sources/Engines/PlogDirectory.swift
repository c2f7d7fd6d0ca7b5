// The logs of CANN: each process with a die writes its own, `plog-<pid>_<time>.log`, in `debug/plog` and
// `run/plog` below ASCEND_PROCESS_LOG_PATH, or ~/ascend/log without it. HCCL tells there what Python often
// does not. They are read when a shard does not answer, and once it has ended; only those of its own
// processes count, and which these were must be known before they are gone. Their lines name a process and
// no rank: which scheduler that is, and so which die it drives, the watch over schedulers has written down.

import Base
import Diagnosis
import EventLoop
import Glibc
import Host
import Planning
import Profiles

struct PlogDirectory: Hashable, Sendable {
    /// The end of each file; HCCL says everything at the end.
    private static let fileBytes = 256 << 10
    private static let fileLimit = 64

    let path: String
    private let processID: Int32?
    private let world: World
    private var processes: Set<Int32> = []
    /// By process.
    private var speakers: [Int32: LogSpeaker] = [:]

    /// What is known of the processes of the engine.
    struct World: Hashable, Sendable {
        var shape: EngineShape?
        var layout: SchedulerLayout?
        /// Where the schedulers that were seen are written down.
        var directory: ShardDirectory?
    }

    /// - Parameters:
    ///   - environment: of the launch, over that of this process.
    ///   - processID: of the engine.
    ///   - world: what the ranks in its lines mean.
    init?(_ environment: [EnvironmentVariable], processID: Int32?, world: World = World()) {
        func value(_ name: String) -> String? {
            if let set = environment.last(where: { $0.name == name }) { return set.value }
            return getenv(name).map { String(cString: $0) }
        }
        if let set = value("ASCEND_PROCESS_LOG_PATH"), !set.isEmpty {
            path = set
        } else if let home = value("HOME"), !home.isEmpty {
            path = "\(home)/ascend/log"
        } else {
            return nil
        }
        self.processID = processID
        self.world = world
        noteProcesses()
    }

    /// Notes which processes the engine consists of now.
    mutating func noteProcesses() {
        noteSchedulers()
        guard let processID else { return }
        processes.insert(processID)
        processes.formUnion(ProcessTable().descendants(of: processID).map(\.processID))
    }

    /// Notes which processes its schedulers are, or were.
    mutating func noteSchedulers() {
        guard let directory = world.directory else { return }
        for scheduler in SchedulerRecord(readFrom: directory).schedulers {
            processes.insert(scheduler.identity.processID)
            speakers[scheduler.identity.processID] = LogSpeaker(
                ranks: scheduler.ranks, die: world.layout?.die(ofRanks: scheduler.ranks))
        }
    }

    /// What was found, and what could not be read.
    struct Account: Hashable, Sendable {
        var sightings: [Sighting] = []
        var failure: String?
    }

    /// What these processes have written that is wrong.
    /// - Parameters:
    ///   - now: microseconds of this node's clock.
    ///   - zone: by how many seconds local time is ahead of UTC.
    /// - Returns: by time; of more than the limit those that accuse somebody, then the earliest.
    func read(until now: Int64, zone: Int) -> Account {
        var account = Account()
        var files: [(path: String, process: Int32)] = []
        for kind in ["debug", "run"] {
            let directory = "\(path)/\(kind)/plog"
            do throws(UVError) {
                files += try Files.list(directory).compactMap { file in
                    Self.process(of: file.name).map { ("\(directory)/\(file.name)", $0) }
                }
                .filter { processes.contains($0.process) }
            } catch {
                // Where CANN is not there, or has nothing to say, there is no such directory.
                if error.code != -ENOENT { account.failure = error.description }
            }
        }
        for file in files.suffix(Self.fileLimit) {
            var reader = EngineLogReader(
                shape: world.shape, speaker: speakers[file.process])
            do throws(UVError) {
                reader.read(
                    try Self.end(of: file.path), within: TimeSpan(earliest: 0, latest: now),
                    zone: zone)
            } catch {
                account.failure = error.description
            }
            account.sightings += reader.sightings
        }
        account.sightings.sort { $0.time.earliest < $1.time.earliest }
        account.sightings = Self.shortened(account.sightings)
        return account
    }

    /// Of sixteen logs that tell one failure one alone may say who is to blame, and it comes last.
    private static func shortened(_ sightings: [Sighting]) -> [Sighting] {
        let all = sightings.indices
        let accusing = all.filter { sightings[$0].accused != nil }.prefix(Recogniser.limit / 2)
        let others = all.filter { !accusing.contains($0) }
        let causes = others.filter { sightings[$0].role != .consequence }
        let consequences = others.filter { sightings[$0].role == .consequence }
        let kept = (accusing + causes + consequences).prefix(Recogniser.limit)
        return kept.sorted().map { sightings[$0] }
    }

    private static func end(of path: String) throws(UVError) -> [UInt8] {
        let file = try OpenFile(path, .read)
        return try file.read(at: max(0, try file.length() - fileBytes), count: fileBytes)
    }

    /// `plog-4711_20260304050607123.log`.
    private static func process(of name: String) -> Int32? {
        guard name.hasPrefix("plog-"), let end = name.firstIndex(of: "_") else { return nil }
        return Int32(name[..<end].dropFirst(5))
    }
}

// The logs of CANN: each process with a die writes its own, `plog-<pid>_<time>.log`, in `debug/plog` and
// `run/plog` below ASCEND_PROCESS_LOG_PATH, or ~/ascend/log without it. HCCL tells there what Python often
// does not. They are read when a shard does not answer, and once it has ended; only those of its own
// processes count, and which these were must be known before they are gone.

import Base
import Diagnosis
import EventLoop
import Glibc
import Host
import Planning

struct PlogDirectory: Hashable, Sendable {
    /// The end of each file; HCCL says everything at the end.
    private static let fileBytes = 256 << 10
    private static let fileLimit = 64

    let path: String
    private let processID: Int32?
    private var processes: Set<Int32> = []

    /// - Parameters:
    ///   - environment: of the launch, over that of this process.
    ///   - processID: of the engine.
    init?(_ environment: [EnvironmentVariable], processID: Int32?) {
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
        noteProcesses()
    }

    /// Notes which processes the engine consists of now.
    mutating func noteProcesses() {
        guard let processID else { return }
        processes.insert(processID)
        processes.formUnion(ProcessTable().descendants(of: processID).map(\.processID))
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
    /// - Returns: the earliest, by time.
    func read(until now: Int64, zone: Int) -> Account {
        var account = Account()
        var files: [String] = []
        for kind in ["debug", "run"] {
            let directory = "\(path)/\(kind)/plog"
            do throws(UVError) {
                files += try Files.list(directory).map(\.name).filter(isOwn)
                    .map { "\(directory)/\($0)" }
            } catch {
                // Where CANN is not there, or has nothing to say, there is no such directory.
                if error.code != -ENOENT { account.failure = error.description }
            }
        }
        for file in files.suffix(Self.fileLimit) {
            var reader = EngineLogReader()
            do throws(UVError) {
                reader.read(
                    try Self.end(of: file), within: TimeSpan(earliest: 0, latest: now), zone: zone)
            } catch {
                account.failure = error.description
            }
            account.sightings += reader.sightings
        }
        account.sightings.sort { $0.time.earliest < $1.time.earliest }
        account.sightings = Array(account.sightings.prefix(Recogniser.limit))
        return account
    }

    private static func end(of path: String) throws(UVError) -> [UInt8] {
        let file = try OpenFile(path, .read)
        return try file.read(at: max(0, try file.length() - fileBytes), count: fileBytes)
    }

    /// `plog-4711_20260304050607123.log`.
    private func isOwn(_ name: String) -> Bool {
        guard name.hasPrefix("plog-"), let end = name.firstIndex(of: "_"),
            let process = Int32(name[..<end].dropFirst(5))
        else { return false }
        return processes.contains(process)
    }
}

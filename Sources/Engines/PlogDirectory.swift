// The logs of CANN: each process with a die writes its own, `plog-<pid>_<time>.log`, in `debug/plog` and
// `run/plog` below ASCEND_PROCESS_LOG_PATH, or ~/ascend/log without it. HCCL tells there what Python often
// does not. They are read once, when a shard has failed; only those of its own processes count, and which
// these were must be known before they are gone.

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

    /// What these processes have written that is wrong.
    /// - Parameters:
    ///   - now: microseconds of this node's clock.
    ///   - zone: by how many seconds local time is ahead of UTC.
    /// - Returns: the earliest, by time.
    func read(until now: Int64, zone: Int) -> [Sighting] {
        let files = ["debug", "run"].flatMap { kind -> [String] in
            let directory = "\(path)/\(kind)/plog"
            let names = (try? Files.list(directory))?.map(\.name) ?? []
            return names.filter(isOwn).map { "\(directory)/\($0)" }
        }
        let found = files.suffix(Self.fileLimit).flatMap { file -> [Sighting] in
            var reader = EngineLogReader()
            guard let opened = try? OpenFile(file, .read), let length = try? opened.length(),
                let bytes = try? opened.read(
                    at: max(0, length - Self.fileBytes), count: Self.fileBytes)
            else { return [] }
            reader.read(bytes, within: TimeSpan(earliest: 0, latest: now), zone: zone)
            return reader.sightings
        }
        return Array(found.sorted { $0.time.earliest < $1.time.earliest }.prefix(Recogniser.limit))
    }

    /// `plog-4711_20260304050607123.log`.
    private func isOwn(_ name: String) -> Bool {
        guard name.hasPrefix("plog-"), let end = name.firstIndex(of: "_"),
            let process = Int32(name[..<end].dropFirst(5))
        else { return false }
        return processes.contains(process)
    }
}

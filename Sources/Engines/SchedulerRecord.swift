// Which processes are the schedulers of a shard. They are found below its shim by their title, once;
// from then on each is known by its identity. What was seen is written down, or an agent that comes
// later would take what is left for all there ever was.

import Base
import EventLoop
import Glibc
import Host

/// One scheduler process.
struct Scheduler: Hashable, Sendable {
    let identity: ProcessIdentity
    /// The ranks in its title: `PP1 TP3`; empty where it has none.
    let ranks: String
}

/// The schedulers of a shard that were ever seen, in the order in which they were.
struct SchedulerRecord: Sendable {
    private(set) var schedulers: [Scheduler] = []

    /// SGLang's title; the kernel's short name holds its first fifteen characters.
    private static let title = "sglang::scheduler"
    private static let shortTitle = String(title.prefix(15))
    /// Whatever calls itself so, no more are followed.
    private static let limit = 1024

    /// Adds those that run below that process now. What a scheduler itself has started bears its
    /// title too, but is none.
    /// - Returns: whether there were new ones.
    mutating func search(below root: Int32) -> Bool {
        let known = Set(schedulers.map(\.identity))
        let before = schedulers.count
        var parents = [root]
        var seen: Set<Int32> = [root]
        var table: ProcessTable?
        while let parent = parents.popLast(), let entry = ProcessEntry(processID: parent) {
            let children = entry.children ?? Self.children(of: parent, in: &table)
            for child in children.sorted() where seen.insert(child).inserted {
                guard let entry = ProcessEntry(processID: child), !entry.hasEnded else { continue }
                guard entry.name == Self.shortTitle, let ranks = Self.ranks(entry.title) else {
                    parents.append(child)
                    continue
                }
                if !known.contains(entry.identity), schedulers.count < Self.limit {
                    schedulers.append(Scheduler(identity: entry.identity, ranks: ranks))
                }
            }
        }
        return schedulers.count > before
    }

    /// Where a kernel does not list children, all processes are read.
    private static func children(of parent: Int32, in table: inout ProcessTable?) -> [Int32] {
        let all = table ?? ProcessTable()
        table = all
        return all.entries.filter { $0.parent == parent }.map(\.processID)
    }

    /// `sglang::scheduler_PP1_TP3` as `PP1 TP3`; nil where the title is another's.
    static func ranks(_ title: String) -> String? {
        guard title.hasPrefix(Self.title) else { return nil }
        let words = title.dropFirst(Self.title.count).split { $0 == "_" || $0 == " " }
        return words.joined(separator: " ")
    }
}

extension SchedulerRecord {
    private var json: JSONValue {
        [
            "version": 1,
            "schedulers": .array(
                schedulers.map { ["process": $0.identity.json, "ranks": .string($0.ranks)] }),
        ]
    }

    /// What was seen before; nothing where no file is there, or none that can be read.
    init(readFrom directory: ShardDirectory) {
        let found = try? readRecord(directory.schedulerFile) { json -> [Scheduler]? in
            guard json["version"]?.integerValue == 1 else { return nil }
            return json["schedulers"]?.arrayValue?.compactMap { item in
                guard let identity = item["process"].flatMap(ProcessIdentity.init(json:)),
                    let ranks = item["ranks"]?.stringValue
                else { return nil }
                return Scheduler(identity: identity, ranks: ranks)
            }
        }
        schedulers = found ?? []
    }

    func write(to directory: ShardDirectory) throws(UVError) {
        try Files.replace(
            directory.schedulerFile, with: Array(json.sealed.compact.utf8), permissions: 0o600)
    }
}

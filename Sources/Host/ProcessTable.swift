// The processes of this host as /proc shows them, each read once. The table is old as soon as it
// is made: who acts on an entry does so by its identity.

import Base
import EventLoop
import Glibc

/// One process, from `/proc/pid/stat`.
public struct ProcessEntry: Hashable, Sendable {
    public let identity: ProcessIdentity
    public let parent: Int32
    /// The number of the process that began its session.
    public let session: Int32
    /// The kernel's letter: `R` runs, `S` sleeps, `D` waits in the kernel, `T` is stopped, `Z` has ended.
    public let state: String
    /// How many threads it has; one where it has ended wholly.
    public let threadCount: Int
    /// What it has used of processors, in clock ticks.
    public let ticksUsed: UInt64
    /// The short name that the kernel shows.
    public let name: String

    public var processID: Int32 { identity.processID }

    /// It has ended, and its parent has not taken note yet.
    public var hasEnded: Bool { state == "Z" || state == "X" }

    /// It has ended, and holds nothing any more. The first thread of a process may have ended while another
    /// hangs in the kernel, with all that the process holds; the kernel shows the first.
    public var isOver: Bool { hasEnded && threadCount <= 1 }

    /// nil when there is no such process.
    public init?(processID: Int32) {
        // The name stands in parentheses and may hold anything, parentheses too.
        guard let text = ProcFile.text("/proc/\(processID)/stat"),
            let open = text.firstIndex(of: "("), let close = text.lastIndex(of: ")")
        else { return nil }
        // Counted from the state, which is field 3 of the manual.
        let fields = text[text.index(after: close)...].split(separator: " ")
        guard fields.count > 19, let parent = Int32(fields[1]), let session = Int32(fields[3]),
            let startTicks = UInt64(fields[19]), let user = UInt64(fields[11]),
            let system = UInt64(fields[12]), let threads = Int(fields[17])
        else { return nil }
        identity = ProcessIdentity(
            processID: processID, startTicks: startTicks, boot: ProcessIdentity.currentBoot)
        self.parent = parent
        self.session = session
        state = String(fields[0])
        threadCount = threads
        ticksUsed = user &+ system
        name = String(text[text.index(after: open)..<close])
    }

    /// The environment it was started with, as `NAME=VALUE`. A program that gives itself a title
    /// (setproctitle) overwrites it; then nothing of that form is left.
    public var environment: [String] {
        (ProcFile.bytes("/proc/\(processID)/environ") ?? []).split(separator: 0)
            .map { String(decoding: $0, as: UTF8.self) }
            .filter { $0.contains("=") }
    }

    /// The numbers of its children; nil where this kernel does not tell. A list read while processes
    /// move may lack one.
    public var children: [Int32]? {
        let tasks = (try? Files.list("/proc/\(processID)/task")) ?? []
        var found: [Int32]?
        for task in tasks {
            guard let text = ProcFile.text("/proc/\(processID)/task/\(task.name)/children") else {
                continue
            }
            found = (found ?? []) + text.split(separator: " ").compactMap { Int32($0) }
        }
        return found
    }

    /// The first word of the command line: the whole title of a program that gave itself one.
    public var title: String {
        let bytes = ProcFile.bytes("/proc/\(processID)/cmdline") ?? []
        return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }

    /// The command line with spaces between its words, cut to what a message can hold, and harmless in it.
    public var commandLine: String {
        let words = (ProcFile.bytes("/proc/\(processID)/cmdline") ?? []).split(separator: 0)
            .map { String(decoding: $0, as: UTF8.self) }
        let line = words.isEmpty ? "[\(name)]" : words.joined(separator: " ")
        return line.printable.shortened(to: 120)
    }
}

/// All processes at one moment.
public struct ProcessTable: Sendable {
    /// By number.
    public let entries: [ProcessEntry]

    /// Reads the table anew.
    public init() {
        entries = Self.processIDs().compactMap { ProcessEntry(processID: $0) }
    }

    /// Everything below that process, parents first, itself not included.
    public func descendants(of processID: Int32) -> [ProcessEntry] {
        let children = Dictionary(grouping: entries, by: \.parent)
        var found: [ProcessEntry] = []
        var parents = [processID]
        // A table read while processes move may show a circle; nobody is visited twice.
        var seen: Set<Int32> = [processID]
        while !parents.isEmpty {
            let next = parents.flatMap { children[$0] ?? [] }.filter {
                seen.insert($0.processID).inserted
            }
            found += next
            parents = next.map(\.processID)
        }
        return found
    }

    static func processIDs() -> [Int32] {
        let entries = (try? Files.list("/proc")) ?? []
        return entries.compactMap { Int32($0.name) }.sorted()
    }
}

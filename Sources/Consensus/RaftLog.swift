// The log in memory: a snapshot that stands for everything up to its index, and the entries after
// it (§7). Positions are those of the whole log; only this file knows where the array begins.

import Base

/// The snapshot and the entries that follow it.
struct RaftLog: Sendable {
    private(set) var snapshot: Snapshot?
    private var entries: [LogEntry]

    init(snapshot: Snapshot?, entries: [LogEntry]) {
        self.snapshot = snapshot
        self.entries = []
        append(entries)
    }

    /// The position that the snapshot covers; 0 without one.
    var snapshotIndex: LogIndex { snapshot?.index ?? .zero }
    var lastIndex: LogIndex { LogIndex(snapshotIndex.value + UInt64(entries.count)) }
    var lastTerm: Term { entries.last?.term ?? snapshot?.term ?? .zero }

    /// The term of the entry at that position; nil where the log does not reach or no longer
    /// remembers. Position 0 has term 0.
    func term(at index: LogIndex) -> Term? {
        if index == snapshotIndex { return snapshot?.term ?? .zero }
        return offset(of: index).map { entries[$0].term }
    }

    /// The entries of a range of positions, all of which must be there.
    func entries(in range: ClosedRange<LogIndex>) -> ArraySlice<LogEntry> {
        guard let first = offset(of: range.lowerBound), let last = offset(of: range.upperBound)
        else {
            fatalError(
                "log entries \(range) wanted, \(snapshotIndex.next)...\(lastIndex) are there")
        }
        return entries[first...last]
    }

    /// The entries from a position on, at least one if there is one, and no more than fit into the
    /// bound.
    func entries(from index: LogIndex, bytesLimit: Int) -> [LogEntry] {
        guard let first = offset(of: index) else { return [] }
        var bytes = 0
        var end = first
        while end < entries.count {
            bytes += entries[end].payload.byteCount
            if bytes > bytesLimit && end > first { break }
            end += 1
        }
        return Array(entries[first..<end])
    }

    /// Appends entries that follow the last one without a gap, in terms that never fall.
    mutating func append(_ new: some Sequence<LogEntry>) {
        for entry in new {
            invariant(
                entry.index == lastIndex.next && entry.term >= lastTerm,
                "entry \(entry.index) of term \(entry.term) cannot follow entry \(lastIndex) of "
                    + "term \(lastTerm)")
            entries.append(entry)
        }
    }

    /// Removes every entry from that position on.
    mutating func truncate(from index: LogIndex) {
        guard let first = offset(of: index) else { return }
        entries.removeSubrange(first...)
    }

    /// Lets a snapshot stand for the entries up to its index. The entries after it stay.
    mutating func compact(into snapshot: Snapshot) {
        guard let last = offset(of: snapshot.index) else {
            fatalError(
                "snapshot \(snapshot.index) lies outside of the log's entries "
                    + "\(snapshotIndex.next)...\(lastIndex)")
        }
        entries.removeSubrange(...last)
        self.snapshot = snapshot
    }

    /// Forgets everything in favour of a snapshot.
    mutating func reset(to snapshot: Snapshot) {
        entries = []
        self.snapshot = snapshot
    }

    private func offset(of index: LogIndex) -> Int? {
        guard index > snapshotIndex, index <= lastIndex else { return nil }
        return Int(index.value - snapshotIndex.value) - 1
    }
}

extension LogEntry.Payload {
    /// The size that counts against the bound of an append.
    fileprivate var byteCount: Int {
        switch self {
        case .leadership: 0
        case .command(let bytes): bytes.count
        }
    }
}

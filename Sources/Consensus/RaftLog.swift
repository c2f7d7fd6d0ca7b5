// The log in memory: a snapshot that stands for everything up to its index, and the entries after
// it (§7). Some entries before it stay too, for nodes that are a little behind. Positions are those
// of the whole log; only this file knows where the array begins. The log also knows who takes part
// at each of its places, so that cutting it back cannot leave newer participants behind.

import Base

/// The snapshot and the entries around it.
struct RaftLog: Sendable {
    private(set) var snapshot: Snapshot?
    /// Where the first entry in memory follows; not beyond the snapshot.
    private var base: (index: LogIndex, term: Term)
    private var entries: [LogEntry] = []
    /// The places of the entries that say who takes part, in order.
    private var participantsIndexes: [LogIndex] = []

    init(snapshot: Snapshot?, entries: [LogEntry]) {
        self.snapshot = snapshot
        base = (snapshot?.index ?? .zero, snapshot?.term ?? .zero)
        append(entries)
    }

    /// The position that the snapshot covers; 0 without one.
    var snapshotIndex: LogIndex { snapshot?.index ?? .zero }
    var lastIndex: LogIndex { LogIndex(base.index.value + UInt64(entries.count)) }
    var lastTerm: Term { entries.last?.term ?? base.term }

    /// The term of the entry at that position; nil where the log does not reach or no longer
    /// remembers. Position 0 has term 0.
    func term(at index: LogIndex) -> Term? {
        if index == base.index { return base.term }
        return offset(of: index).map { entries[$0].term }
    }

    /// The entries of a range of positions, all of which must be there.
    func entries(in range: ClosedRange<LogIndex>) -> ArraySlice<LogEntry> {
        guard let first = offset(of: range.lowerBound), let last = offset(of: range.upperBound)
        else {
            fatalError(
                "log entries \(range) wanted, \(base.index.next)...\(lastIndex) are there")
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

    // MARK: - Participants

    /// The newest participants in the log and where they stand; nil if none ever did. They are in
    /// force, committed or not.
    var participants: (index: LogIndex, participants: Participants)? {
        participants(upTo: lastIndex)
    }

    /// The newest participants up to a position.
    func participants(
        upTo index: LogIndex
    ) -> (index: LogIndex, participants: Participants)? {
        if let place = participantsIndexes.last(where: { $0 <= index }),
            let offset = offset(of: place),
            case .participants(let participants) = entries[offset].payload
        {
            return (place, participants)
        }
        return snapshot?.participants.map { (snapshotIndex, $0) }
    }

    // MARK: - Changes

    /// Appends entries that follow the last one without a gap, in terms that never fall.
    mutating func append(_ new: some Sequence<LogEntry>) {
        for entry in new {
            invariant(
                entry.index == lastIndex.next && entry.term >= lastTerm,
                "entry \(entry.index) of term \(entry.term) cannot follow entry \(lastIndex) of "
                    + "term \(lastTerm)")
            entries.append(entry)
            if case .participants = entry.payload { participantsIndexes.append(entry.index) }
        }
    }

    /// Removes every entry from that position on.
    mutating func truncate(from index: LogIndex) {
        guard let first = offset(of: index) else { return }
        entries.removeSubrange(first...)
        participantsIndexes.removeAll { $0 >= index }
    }

    /// Lets the application's state stand for the entries up to an index. So many of them stay in
    /// memory, and so do all entries after it.
    mutating func compact(upTo index: LogIndex, state: [UInt8], keeping tailLimit: Int) -> Snapshot
    {
        guard let last = offset(of: index) else {
            fatalError(
                "a snapshot of \(index) lies outside of the log's entries "
                    + "\(base.index.next)...\(lastIndex)")
        }
        let snapshot = Snapshot(
            index: index, term: entries[last].term, state: state,
            participants: participants(upTo: index)?.participants)
        let dropped = max(0, last + 1 - tailLimit)
        if dropped > 0 {
            base = (entries[dropped - 1].index, entries[dropped - 1].term)
            entries.removeFirst(dropped)
        }
        participantsIndexes.removeAll { $0 <= index }
        self.snapshot = snapshot
        return snapshot
    }

    /// Forgets everything in favour of a snapshot.
    mutating func reset(to snapshot: Snapshot) {
        self = RaftLog(snapshot: snapshot, entries: [])
    }

    private func offset(of index: LogIndex) -> Int? {
        guard index > base.index, index <= lastIndex else { return nil }
        return Int(index.value - base.index.value) - 1
    }
}

extension LogEntry.Payload {
    /// The size that counts against the bound of an append.
    fileprivate var byteCount: Int {
        switch self {
        case .leadership: 0
        case .command(let bytes): bytes.count
        case .participants(let participants):
            participants.all.reduce(0) { $0 + $1.name.utf8.count }
        }
    }
}

// What a write does to what is on disk, as a value. The store on disk and the disks of simulated
// nodes both follow this one definition.

import Base

extension DurableState {
    /// The state after a write that the machine asked for. A write that would leave a gap in the
    /// log stops the process.
    public mutating func apply(_ request: PersistRequest) {
        let before = lastIndex
        invariant(
            applyIfFitting(request),
            "write \(request.token.value) leaves a gap after entry \(before)")
    }

    /// The state after a write: snapshot, truncation, entries, hard state.
    /// - Returns: false if the entries would leave a gap; the state is of no use then.
    public mutating func applyIfFitting(_ request: PersistRequest) -> Bool {
        if let new = request.snapshot {
            entries.removeAll { $0.index <= new.index }
            snapshot = new
        }
        if let first = request.truncateFrom {
            entries.removeAll { $0.index >= first }
        }
        for entry in request.entries {
            guard entry.index == lastIndex.next else { return false }
            entries.append(entry)
        }
        if let hardState = request.hardState {
            self.hardState = hardState
        }
        return true
    }

    /// The position of the last entry, or of the snapshot where none follows it.
    public var lastIndex: LogIndex {
        entries.last?.index ?? snapshot?.index ?? .zero
    }
}

// What a write does to what is on disk, as a value. The store on disk and the disks of simulated
// nodes both follow this one definition.

extension DurableState {
    /// The state after a write: snapshot, truncation, entries, hard state.
    ///
    /// The machine only asks for writes that fit; a write that would leave a gap stops the process.
    public mutating func apply(_ request: PersistRequest) {
        if let new = request.snapshot {
            entries.removeAll { $0.index <= new.index }
            snapshot = new
        }
        if let first = request.truncateFrom {
            entries.removeAll { $0.index >= first }
        }
        for entry in request.entries {
            precondition(
                entry.index == lastIndex.next,
                "entry \(entry.index) cannot be stored after entry \(lastIndex)")
            entries.append(entry)
        }
        if let hardState = request.hardState {
            self.hardState = hardState
        }
    }

    /// The position of the last entry, or of the snapshot where none follows it.
    public var lastIndex: LogIndex {
        entries.last?.index ?? snapshot?.index ?? .zero
    }
}

// A run of writes of which the number alone says what they leave: so a test that finds a directory after a kill
// knows what must be in it.

import Base
import Consensus

/// The write of that number, counted from 1: a vote in the term of that number, and entries; now and then an entry is
/// taken back, or a snapshot stands for what came before.
func step(_ number: UInt64, after state: DurableState) -> PersistRequest {
    let term = Term(number)
    var last = state.lastIndex
    var truncateFrom: LogIndex?
    var snapshot: Snapshot?
    if number % 5 == 0, let entry = state.entries.last {
        truncateFrom = entry.index
        last = LogIndex(entry.index.value - 1)
    } else if number % 8 == 0, let entry = state.entries.dropLast(2).last {
        snapshot = Snapshot(
            index: entry.index, term: entry.term,
            state: [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 300))
    }
    let entries = (0..<number % 4).map { offset in
        LogEntry(
            index: LogIndex(last.value + offset + 1), term: term,
            payload: .command(
                [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: Int(offset) * 90)))
    }
    return PersistRequest(
        token: PersistToken(number), snapshot: snapshot, truncateFrom: truncateFrom,
        entries: entries, hardState: HardState(term: term, votedFor: NodeID("n\(number % 3)")))
}

/// What is on disk after so many writes, followed from an earlier moment.
struct Expected {
    private(set) var count: UInt64 = 0
    private(set) var state = DurableState.empty

    mutating func advance(to count: UInt64) {
        while self.count < count {
            self.count += 1
            state.apply(step(self.count, after: state))
        }
    }
}

import Base
import Consensus
import EventLoop
import Glibc
import Synchronization
import Testing

@testable import Storage

/// A directory of the test's own, removed at its end.
func withDirectory(_ body: (String) throws -> Void) throws {
    var template = Array("/tmp/storage-test-XXXXXX".utf8CString)
    let path = try #require(mkdtemp(&template).map { String(cString: $0) })
    defer { try? Files.removeTree(path) }
    try body(path)
}

/// A store on a loop of its own.
struct StoreBench {
    let loop: Loop
    let opened: DurableStore.Opened

    init(
        _ directory: String, node: String = "n1", cluster: String = "glm", machine: UInt64 = 0
    ) throws {
        loop = try Loop()
        opened = try DurableStore.open(
            directory: directory, node: NodeID(node), cluster: cluster, machine: machine,
            on: loop)
    }

    /// Writes all and waits for all.
    func persist(
        _ requests: [PersistRequest]
    ) throws -> [Result<PersistToken, StorageError>] {
        let told = Told()
        for request in requests {
            opened.store.persist(request) { told.results.append($0) }
        }
        try #require(
            loop.run(within: .seconds(10)) { told.results.count == requests.count },
            "the store did not complete")
        return told.results
    }
}

final class Told {
    var results: [Result<PersistToken, StorageError>] = []
}

/// A believable run of writes: entries, overwritten entries, votes, now and then a snapshot.
func writes(
    seed: UInt64, count: Int, snapshots: Bool = true
) -> [(request: PersistRequest, after: DurableState)] {
    var generator = SeededGenerator(seed: seed)
    var state = DurableState.empty
    return (1...UInt64(count)).map { token in
        let request = write(after: state, token: token, snapshots: snapshots, using: &generator)
        state.apply(request)
        return (request, state)
    }
}

private func write(
    after state: DurableState, token: UInt64, snapshots: Bool,
    using generator: inout SeededGenerator
) -> PersistRequest {
    var hardState = state.hardState
    if generator.chance(0.4) {
        let vote = generator.chance(0.5) ? NodeID("nœud-\(token)") : nil
        hardState = HardState(term: hardState.term.next, votedFor: vote)
    }
    var last = state.lastIndex
    var snapshot: Snapshot?
    var truncateFrom: LogIndex?
    if snapshots, generator.chance(0.1), let entry = state.entries.randomElement(using: &generator)
    {
        snapshot = Snapshot(
            index: entry.index, term: entry.term, state: [1, 2, 3],
            participants: generator.chance(0.5) ? participants(token) : nil)
    } else if generator.chance(0.2), let entry = state.entries.last {
        truncateFrom = entry.index
        last = LogIndex(entry.index.value - 1)
    }
    let count = Int.random(in: 0...3, using: &generator)
    let entries = (0..<UInt64(count)).map { offset in
        let bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: token), count: Int(offset) * 7)
        return LogEntry(
            index: LogIndex(last.value + offset + 1), term: hardState.term,
            payload: payload(bytes, token: token, using: &generator))
    }
    return PersistRequest(
        token: PersistToken(token), snapshot: snapshot, truncateFrom: truncateFrom,
        entries: entries, hardState: hardState == state.hardState ? nil : hardState)
}

private func payload(
    _ bytes: [UInt8], token: UInt64, using generator: inout SeededGenerator
) -> LogEntry.Payload {
    if generator.chance(0.2) { return .leadership }
    if generator.chance(0.2), let new = participants(token) { return .participants(new) }
    return .command(bytes)
}

private func participants(_ token: UInt64) -> Participants? {
    Participants(
        voters: [NodeID("n1"), NodeID("nœud-\(token)")],
        learners: token % 2 == 0 ? [] : [NodeID("n2")],
        disks: token % 3 == 0 ? [NodeID("n1"): DiskID(token)] : nil)
}

extension Result {
    var isSuccess: Bool {
        if case .success = self { true } else { false }
    }
}

/// Keeps whoever comes until it is released.
final class DiskHold: Sendable {
    private let isReleased = Atomic<Bool>(false)

    func wait() {
        while !isReleased.load(ordering: .acquiring) { usleep(5000) }
    }

    func release() { isReleased.store(true, ordering: .releasing) }
}

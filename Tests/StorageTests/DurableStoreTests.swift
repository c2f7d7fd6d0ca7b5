// The store on real files.

import Base
import Consensus
import EventLoop
import Glibc
import Testing

@testable import Storage

@Suite(.serialized, .timeLimit(.minutes(1))) struct DurableStoreTests {
    @Test func `what was confirmed is there after a restart, in order`() throws {
        try withDirectory { directory in
            let steps = writes(seed: 7, count: 60)
            let results = try StoreBench(directory).persist(steps.map(\.request))
            #expect(try results.map { try $0.get() } == steps.map(\.request.token))
            let more = PersistRequest(
                token: PersistToken(1),
                hardState: HardState(term: Term(1000), votedFor: NodeID("n1")))
            do {
                let again = try StoreBench(directory)
                #expect(again.opened.state == steps.last?.after)
                #expect(again.opened.repairs.isEmpty)
                _ = try again.persist([more])
            }
            #expect(try StoreBench(directory).opened.state.hardState == more.hardState)
        }
    }

    @Test func `every single write is there after a restart`() throws {
        try withDirectory { directory in
            for step in writes(seed: 8, count: 25) {
                _ = try StoreBench(directory).persist([step.request])
                #expect(try StoreBench(directory).opened.state == step.after)
            }
        }
    }

    @Test func `a torn end is cut off, told, and written over`() throws {
        try withDirectory { directory in
            let steps = writes(seed: 9, count: 6, snapshots: false)
            _ = try StoreBench(directory).persist(steps.map(\.request))
            let path = "\(directory)/log"
            let log = try OpenFile(path, .append)
            try log.truncate(toBytes: log.length() - 1)
            do {
                let torn = try StoreBench(directory)
                #expect(torn.opened.state == steps[4].after)
                #expect(torn.opened.repairs.count == 1)
                #expect(torn.opened.repairs.first?.contains(path) == true)
                _ = try torn.persist([steps[5].request])
            }
            let whole = try StoreBench(directory)
            #expect(whole.opened.state == steps[5].after)
            #expect(whole.opened.repairs.isEmpty)
        }
    }

    @Test func `damage is refused with the file, the place and the way out`() throws {
        try withDirectory { directory in
            _ = try StoreBench(directory).persist(writes(seed: 1, count: 20).map(\.request))
            let path = "\(directory)/log"
            var bytes = try Files.read(path)
            bytes[40] ^= 1
            try Files.replace(path, with: bytes)
            let error = #expect(throws: StorageError.self) { try StoreBench(directory) }
            let text = error?.description ?? ""
            #expect(text.contains("\(path) is damaged at byte"))
            #expect(text.contains("move this directory away"))
            #expect(try Files.read(path) == bytes, "nothing is repaired by guessing")
        }
    }

    @Test(arguments: [("n2", "glm"), ("n1", "other")])
    func `the directory of another node or cluster is refused`(
        node: String, cluster: String
    ) throws {
        try withDirectory { directory in
            let id = try StoreBench(directory).opened.store.identity.id
            #expect(id.count == 16)
            let error = #expect(throws: StorageError.self) {
                try StoreBench(directory, node: node, cluster: cluster)
            }
            #expect(error?.description.contains("belongs to node n1 of cluster glm") == true)
            #expect(error?.description.contains("node \(node) of cluster \(cluster)") == true)
            #expect(try StoreBench(directory).opened.store.identity.id == id)
        }
    }

    @Test func `a directory in use is refused with the holder's pid, and free when it is dropped`()
        throws
    {
        try withDirectory { directory in
            let first = try StoreBench(directory)
            let error = #expect(throws: StorageError.self) { try StoreBench(directory) }
            #expect(error == .inUse(directory: directory, holder: "\(getpid())"))
            withExtendedLifetime(first) {}
        }
    }

    @Test func `a lost log or identity is no new beginning`() throws {
        try withDirectory { directory in
            _ = try StoreBench(directory).persist(writes(seed: 2, count: 3).map(\.request))
            let identity = try Files.read("\(directory)/identity")
            try Files.remove("\(directory)/identity")
            #expect(throws: StorageError.missing(path: "\(directory)/identity")) {
                try StoreBench(directory)
            }
            try Files.replace("\(directory)/identity", with: identity)
            try Files.remove("\(directory)/log")
            #expect(throws: StorageError.missing(path: "\(directory)/log")) {
                try StoreBench(directory)
            }
        }
    }

    @Test func `a first start that was cut short can be repeated`() throws {
        try withDirectory { directory in
            _ = try StoreBench(directory)
            try Files.remove("\(directory)/identity")
            #expect(try StoreBench(directory).opened.state == .empty)
        }
    }

    @Test func `snapshots bound the size of the log`() throws {
        try withDirectory { directory in
            let bench = try StoreBench(directory)
            var largest = 0
            for round in 0..<30 as Range<UInt64> {
                let entries = (1...20).map { offset in
                    LogEntry(
                        index: LogIndex(round * 20 + offset), term: .zero,
                        payload: .command([UInt8](repeating: 7, count: 50)))
                }
                let last = LogIndex(round * 20 + 20)
                _ = try bench.persist([
                    PersistRequest(token: PersistToken(round * 2), entries: entries),
                    PersistRequest(
                        token: PersistToken(round * 2 + 1),
                        snapshot: Snapshot(index: last, term: .zero, state: [1])),
                ])
                largest = max(largest, try Files.read("\(directory)/log").count)
            }
            #expect(largest < 20 * 100 + 200, "bytes")
            #expect(try Files.list(directory).map(\.name) == ["identity", "lock", "log"])
        }
    }

    @Test func `after a failed write nothing is written any more, and the old state stands`() throws
    {
        try withDirectory { directory in
            let steps = writes(seed: 4, count: 5, snapshots: false)
            let last = try #require(steps.last)
            do {
                let bench = try StoreBench(directory)
                _ = try bench.persist(steps.map(\.request))
                // The next log cannot be made where a directory is in its way.
                try Files.makeDirectories("\(directory)/log.new")
                let snapshot = Snapshot(
                    index: last.after.lastIndex, term: last.after.hardState.term, state: [])
                let vote = HardState(term: last.after.hardState.term.next, votedFor: nil)
                let results = try bench.persist([
                    PersistRequest(token: PersistToken(6), snapshot: snapshot),
                    PersistRequest(token: PersistToken(7), hardState: vote),
                ])
                guard case .failure(.failed(let error)) = results[0] else {
                    Issue.record("\(results)")
                    return
                }
                #expect(error.subject.hasSuffix("log.new"))
                #expect(results[1] == .failure(.closedByFailure(directory: directory)))
            }
            try Files.removeTree("\(directory)/log.new")
            #expect(try StoreBench(directory).opened.state == last.after)
        }
    }

    @Test func `a cluster of one remembers what it committed`() throws {
        try withDirectory { directory in
            let node = NodeID("n1")
            var committed: [LogEntry] = []
            for life in 1...3 as ClosedRange<UInt64> {
                let bench = try StoreBench(directory)
                var raft = Raft(
                    configuration: RaftConfiguration(), local: node,
                    bootstrap: Participants(voters: [node]),
                    restored: bench.opened.state, seed: life, at: bench.loop.now)
                var inputs: [RaftInput] = [.tick]
                committed = []
                while !inputs.isEmpty {
                    var actions: [RaftAction] = []
                    raft.step(inputs.removeFirst(), at: bench.loop.now, into: &actions)
                    for action in actions {
                        switch action {
                        case .persist(let request):
                            let token = try bench.persist([request])[0].get()
                            inputs.append(.persisted(token))
                        case .commit(let entry): committed.append(entry)
                        case .roleChanged(.leader, _, _):
                            inputs.append(.propose([UInt8(life)], ProposalID(life)))
                        default: break
                        }
                    }
                }
            }
            let commands = committed.compactMap { entry -> [UInt8]? in
                if case .command(let command) = entry.payload { command } else { nil }
            }
            #expect(commands == [[1], [2], [3]])
        }
    }
}

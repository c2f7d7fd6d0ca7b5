// A directory knows the machine that made it: a copy that comes up elsewhere is nobody whom the log knows.

import Base
import Consensus
import Glibc
import Synchronization
import Testing

@testable import EventLoop
@testable import Storage

@Suite(.serialized, .timeLimit(.minutes(1))) struct MachineTests {
    /// A directory that was used on machine 1.
    private func withUsedDirectory(
        _ body: (String, StateIdentity, DurableState) throws -> Void
    ) throws {
        try withDirectory { directory in
            let steps = writes(seed: 3, count: 9)
            let identity: StateIdentity
            do {
                let bench = try StoreBench(directory, machine: 1)
                _ = try bench.persist(steps.map(\.request))
                identity = bench.opened.store.identity
            }
            #expect(identity.machine == 1)
            try body(directory, identity, try #require(steps.last).after)
        }
    }

    @Test func `on the machine that made it a directory stays what it is`() throws {
        try withUsedDirectory { directory, identity, state in
            let again = try StoreBench(directory, machine: 1).opened
            #expect(again.store.identity == identity && again.state == state)
            #expect(again.repairs.isEmpty)
        }
    }

    @Test func `on another machine it gets a new id, once, says so, and keeps all it holds`() throws
    {
        try withUsedDirectory { directory, identity, state in
            let id: String
            do {
                let moved = try StoreBench(directory, machine: 2).opened
                id = moved.store.identity.id
                #expect(id != identity.id && moved.store.identity.machine == 2)
                #expect(moved.state == state)
                let warning = moved.repairs.first ?? ""
                #expect(moved.repairs.count == 1)
                #expect(warning.contains("\(directory) was made on another machine"))
                #expect(warning.contains("(\(id), was \(identity.id))"))
                #expect(warning.contains("n1 is on probation"))
                #expect(warning.contains("stop this agent"))
            }
            do {
                let again = try StoreBench(directory, machine: 2).opened
                #expect(again.store.identity.id == id && again.repairs.isEmpty)
                #expect(again.state == state)
            }
            // Nor is it the old one when it is brought back: what it promised elsewhere is on no other disk.
            let back = try StoreBench(directory, machine: 1).opened
            #expect(![id, identity.id].contains(back.store.identity.id))
            #expect(back.repairs.count == 1)
        }
    }

    @Test func `where the machine cannot be told nothing is compared, and nothing forgotten`()
        throws
    {
        try withUsedDirectory { directory, identity, _ in
            do {
                let blind = try StoreBench(directory).opened
                #expect(blind.store.identity == identity && blind.repairs.isEmpty)
            }
            let moved = try StoreBench(directory, machine: 2).opened
            #expect(moved.store.identity.id != identity.id)
        }
    }

    @Test func `a directory without a machine takes the first that can be told`() throws {
        try withDirectory { directory in
            let id = try StoreBench(directory).opened.store.identity.id
            do {
                let first = try StoreBench(directory, machine: 1).opened
                #expect(first.store.identity.id == id && first.repairs.isEmpty)
            }
            #expect(try StoreBench(directory, machine: 2).opened.store.identity.id != id)
        }
    }

    @Test func `an identity without that member is an older agent's`() throws {
        let document: JSONValue = ["format": 1, "node": "n1", "cluster": "glm", "id": "00ff"]
        let bytes = Array(document.sealed.pretty.utf8)
        let found = try StateIdentity(file: bytes, path: "identity")
        #expect(found == StateIdentity(node: NodeID("n1"), cluster: "glm", id: "00ff"))
        #expect(found.machine == 0)
    }

    @Test func `a move that is cut short at any call is made good at the next start`() throws {
        for place in 0..<100 {
            var isOver = false
            try withUsedDirectory { directory, identity, state in
                let count = Counter()
                DiskGate.setGuard(of: directory) { _ in
                    count.next() == place ? .fails(EIO) : .passes
                }
                let moved = Result { try StoreBench(directory, machine: 2).opened.store.identity }
                DiskGate.setGuard(of: directory, nil)
                let after = try StoreBench(directory, machine: 2).opened
                #expect(after.state == state, "call \(place)")
                #expect(after.store.identity.id != identity.id, "call \(place)")
                guard case .success(let found) = moved else { return }
                #expect(after.store.identity == found, "call \(place)")
                isOver = count.value <= place
            }
            if isOver {
                #expect(place > 5, "only \(place) calls were refused")
                return
            }
        }
        Issue.record("the run never ends")
    }
}

/// Counts the calls below a directory, which come from two threads.
private final class Counter: Sendable {
    private let count = Mutex(0)

    var value: Int { count.withLock { $0 } }

    /// - Returns: the number of calls before this one.
    func next() -> Int {
        count.withLock { count in
            count += 1
            return count - 1
        }
    }
}

// The store on disks that fail: power that goes at every single call, and every single call refused. Whatever was
// confirmed is there afterwards; what was refused is never confirmed; and a store that was refused once is silent.

import Base
import Consensus
import Glibc
import Synchronization
import Testing

@testable import EventLoop
@testable import Storage
@testable import StorageTestHelper

@Suite(.serialized, .timeLimit(.minutes(5))) struct FaultTests {
    /// The calls below a directory, and how many of them were made when each write was confirmed.
    private final class Recorder: Sendable {
        struct Record {
            var calls: [(call: DiskCall, failed: Bool)] = []
            /// Which write had been begun, and which confirmed, after so many calls.
            var begun: [(calls: Int, count: UInt64)] = []
            var confirmed: [(calls: Int, count: UInt64)] = []
        }

        private let record = Mutex(Record())
        private let refusal: @Sendable (Int, DiskCall) -> DiskVerdict

        init(_ refusal: @escaping @Sendable (Int, DiskCall) -> DiskVerdict = { _, _ in .passes }) {
            self.refusal = refusal
        }

        func watch(_ directory: String) {
            DiskGate.setGuard(of: directory) { call in
                let place = self.record.withLock { $0.calls.count }
                let verdict = self.refusal(place, call)
                self.record.withLock { $0.calls.append((call, verdict != .passes)) }
                return verdict
            }
        }

        var value: Record { record.withLock { $0 } }

        func note(begun count: UInt64) {
            record.withLock { $0.begun.append(($0.calls.count, count)) }
        }

        func note(confirmed count: UInt64) {
            record.withLock { $0.confirmed.append(($0.calls.count, count)) }
        }
    }

    private static let memory = "/dev/shm"

    /// A directory in memory, where a thousand stores open in a second.
    private func withMemory(_ body: (String) throws -> Void) throws {
        var template = Array("\(Self.memory)/storage-fault-XXXXXX".utf8CString)
        let path = try #require(mkdtemp(&template).map { String(cString: $0) })
        defer { try? Files.removeTree(path) }
        try body(path)
    }

    /// Writes up to that number in one life, in bursts of one and of three.
    /// - Returns: the last that was confirmed, and the errors of those that were not.
    private func live(
        _ directory: String, from expected: inout Expected, to end: UInt64, _ recorder: Recorder
    ) throws -> [StorageError] {
        let bench = try StoreBench(directory)
        var errors: [StorageError] = []
        while expected.count < end {
            var requests: [PersistRequest] = []
            for _ in 0..<(expected.count % 2 == 0 ? 1 : 3) {
                requests.append(step(expected.count + 1, after: expected.state))
                expected.advance(to: expected.count + 1)
            }
            recorder.note(begun: expected.count)
            for (request, result) in zip(requests, try bench.persist(requests)) {
                switch result {
                case .success:
                    #expect(errors.isEmpty, "confirmed after a failure")
                    recorder.note(confirmed: request.token.value)
                case .failure(let error): errors.append(error)
                }
            }
        }
        return errors
    }

    @Test func `power may go at any call and any byte: what was confirmed is there`() throws {
        try withMemory { directory in
            let recorder = Recorder()
            recorder.watch(directory)
            defer { DiskGate.setGuard(of: directory, nil) }
            var expected = Expected()
            _ = try live(directory, from: &expected, to: 10, recorder)
            _ = try live(directory, from: &expected, to: 18, recorder)
            DiskGate.setGuard(of: directory, nil)
            try expectOutcomes(of: recorder.value, in: directory)
        }
    }

    @Test func `what a failed flush left in memory is written again before it is built on`() throws
    {
        try withMemory { directory in
            let place = Mutex<Int?>(nil)
            let recorder = Recorder { index, call in
                guard case .sync(let path) = call, path.hasSuffix("/log"), index > 25 else {
                    return .passes
                }
                return place.withLock { first in
                    if first == nil { first = index }
                    return first == index ? .fails(EIO) : .passes
                }
            }
            recorder.watch(directory)
            defer { DiskGate.setGuard(of: directory, nil) }
            var expected = Expected()
            let errors = try live(directory, from: &expected, to: 12, recorder)
            #expect(!errors.isEmpty)
            // The next life reads what the kernel still has, and goes on.
            expected = Expected()
            let found = try StoreBench(directory).opened.state.hardState.term.value
            expected.advance(to: found)
            recorder.note(confirmed: found)
            #expect(try live(directory, from: &expected, to: found + 4, recorder).isEmpty)
            DiskGate.setGuard(of: directory, nil)
            try expectOutcomes(of: recorder.value, in: directory)
        }
    }

    /// Cuts the power before every call, and opens what may be left.
    private func expectOutcomes(of record: Recorder.Record, in directory: String) throws {
        var model = DiskModel()
        var seen: Set<[String: [UInt8]]> = []
        for place in 0...record.calls.count {
            if place > 0 {
                model.take(record.calls[place - 1].call, failed: record.calls[place - 1].failed)
            }
            let least = record.confirmed.last { $0.calls <= place }?.count ?? 0
            let most = record.begun.last { $0.calls <= place }?.count ?? 0
            for outcome in model.outcomes() where seen.insert(outcome).inserted {
                try Files.removeTree(directory)
                try Files.makeDirectories(directory)
                try lay(outcome)
                try expectState(directory, least, max(least, most), "cut before call \(place)")
            }
        }
        #expect(seen.count > 200, "so few outcomes prove little: \(seen.count)")
    }

    private func expectState(
        _ directory: String, _ least: UInt64, _ most: UInt64, _ comment: String
    ) throws {
        let state = try StoreBench(directory).opened.state
        let count = state.hardState.term.value
        var expected = Expected()
        expected.advance(to: count)
        guard state == expected.state, count >= least, count <= most else {
            Issue.record("\(comment): \(count) writes are there, not \(least) to \(most)")
            return
        }
    }

    @Test(arguments: [ENOSPC, EIO, EROFS])
    func `every call refused once: never a false yes, silence after it, and all is there`(
        errno: Int32
    ) throws {
        for place in 0..<400 {
            var isOver = false
            try withMemory { directory in
                let recorder = Recorder { index, call in
                    guard index == place else { return .passes }
                    if case .write(_, let bytes) = call {
                        return .tears(after: bytes.count / 2, errno)
                    }
                    return .fails(errno)
                }
                recorder.watch(directory)
                defer { DiskGate.setGuard(of: directory, nil) }
                isOver = try expectRefusal(in: directory, recorder, errno, "call \(place)")
            }
            if isOver {
                #expect(place > 40, "only \(place) calls were refused")
                return
            }
        }
        Issue.record("the run never ends")
    }

    /// - Returns: whether the run was over before the call that was to be refused.
    private func expectRefusal(
        in directory: String, _ recorder: Recorder, _ errno: Int32, _ comment: String
    ) throws -> Bool {
        var expected = Expected()
        var opened = false
        do {
            let errors = try live(directory, from: &expected, to: 12, recorder)
            opened = true
            if errors.isEmpty { return !recorder.value.calls.contains { $0.failed } }
            let later = errors.dropFirst().filter { $0 != errors.first }
            let isSilent = later.allSatisfy { $0 == .closedByFailure(directory: directory) }
            #expect(isSilent, "\(comment): \(errors)")
            let failure = try #require(recorder.value.calls.firstIndex { $0.failed })
            let after = recorder.value.calls[(failure + 1)...].map(\.call)
            let touched = after.filter { call in
                if case .remove = call { false } else { true }
            }
            #expect(touched.isEmpty, "\(comment): \(touched)")
        } catch let error as StorageError {
            guard !opened, case .failed(let why) = error else { throw error }
            #expect(why.code == -errno, "\(comment)")
        }
        DiskGate.setGuard(of: directory, nil)
        let record = recorder.value
        try expectState(
            directory, record.confirmed.last?.count ?? 0, record.begun.last?.count ?? 0, comment)
        return false
    }

    @Test func `a write that takes long is told as long as it does, and when it is over`() throws {
        try withMemory { directory in
            let bench = try StoreBench(directory)
            var told: [SlowWrite] = []
            bench.opened.store.watchSlowWrites(longerThan: .milliseconds(80)) { told.append($0) }
            DiskGate.setGuard(of: directory) { call in
                if case .sync = call { usleep(600_000) }
                return .passes
            }
            defer { DiskGate.setGuard(of: directory, nil) }
            #expect(try bench.persist([step(1, after: .empty)]).first?.isSuccess == true)
            guard case .over(let last) = told.popLast() else {
                Issue.record("\(told)")
                return
            }
            let lasting = told.compactMap { if case .lasts(let time) = $0 { time } else { nil } }
            #expect(lasting.count > 1 && lasting.count == told.count, "\(told)")
            #expect(lasting == lasting.sorted() && lasting.allSatisfy { $0 >= .milliseconds(80) })
            #expect(last >= .milliseconds(600) && lasting.allSatisfy { $0 < last })
        }
    }

    /// A disk that answers no flush until it is released.
    private func withHungDisk(
        _ body: (StoreBench, Told, _ release: () -> Void) throws -> Void
    ) throws {
        try withMemory { directory in
            let bench = try StoreBench(directory)
            let hold = DiskHold()
            DiskGate.setGuard(of: directory) { call in
                if case .sync = call { hold.wait() }
                return .passes
            }
            defer {
                hold.release()
                // Before, it could not close; and what nobody waits for any more holds it.
                bench.loop.close()
                DiskGate.setGuard(of: directory, nil)
            }
            try body(bench, Told(), { hold.release() })
        }
    }

    @Test func `a write that hangs is given up, with all that waits behind it`() throws {
        try withHungDisk { bench, told, release in
            let store = bench.opened.store
            store.watchSlowWrites(longerThan: .milliseconds(20), givingUpAfter: .milliseconds(200))
            {
                _ in
            }
            let begun = bench.loop.now
            var state = DurableState.empty
            for number in UInt64(1)...3 {
                let request = step(number, after: state)
                state.apply(request)
                store.persist(request) { told.results.append($0) }
            }
            try #require(bench.loop.run(within: .seconds(5)) { told.results.count == 3 })
            #expect(bench.loop.now - begun >= .milliseconds(200))
            let closed = StorageError.closedByFailure(directory: store.directory)
            let hung = StorageError.hung(
                directory: store.directory, after: .milliseconds(200))
            #expect(told.results == [.failure(hung), .failure(closed), .failure(closed)])
            // What comes later does not wait for it either, and its late yes is none.
            store.persist(step(4, after: state)) { told.results.append($0) }
            try #require(bench.loop.run(within: .seconds(5)) { told.results.count == 4 })
            release()
            _ = bench.loop.run(within: .milliseconds(200)) { told.results.count > 4 }
            #expect(told.results.count == 4 && told.results.last == .failure(closed))
        }
    }

    @Test func `what waits behind a write that hangs is bounded`() throws {
        try withHungDisk { bench, told, _ in
            let store = bench.opened.store
            store.watchSlowWrites(
                longerThan: .milliseconds(20), givingUpAfter: .seconds(600), orBehind: 10_000
            ) { _ in }
            store.persist(step(1, after: .empty)) { told.results.append($0) }
            _ = bench.loop.run(within: .milliseconds(200)) { !told.results.isEmpty }
            #expect(told.results.isEmpty, "little waits")
            let entry = LogEntry(
                index: LogIndex(2), term: Term(1),
                payload: .command([UInt8](repeating: 1, count: 10_001)))
            store.persist(PersistRequest(token: PersistToken(2), entries: [entry])) {
                told.results.append($0)
            }
            try #require(bench.loop.run(within: .seconds(5)) { told.results.count == 2 })
            #expect(told.results.allSatisfy { !$0.isSuccess })
        }
    }

    @Test func `a write that no thread has begun is no fault of the disk`() throws {
        try withMemory { directory in
            let bench = try StoreBench(directory)
            let (hold, told) = (DiskHold(), Told())
            defer {
                hold.release()
                bench.loop.close()
            }
            // libuv has four threads.
            let queues = (0..<8).map { _ in FileQueue(bench.loop) }
            for queue in queues { queue.run({ hold.wait() }, completion: { _ in }) }
            let store = bench.opened.store
            store.watchSlowWrites(longerThan: .milliseconds(20), givingUpAfter: .milliseconds(200))
            {
                _ in
            }
            store.persist(step(1, after: .empty)) { told.results.append($0) }
            _ = bench.loop.run(within: .milliseconds(600)) { !told.results.isEmpty }
            #expect(told.results.isEmpty)
            hold.release()
            try #require(bench.loop.run(within: .seconds(5)) { !told.results.isEmpty })
            #expect(told.results.allSatisfy { $0.isSuccess })
        }
    }

    @Test func `a flipped bit in the identity is found, or changes nothing`() throws {
        try withMemory { directory in
            let identity = try StoreBench(directory).opened.store.identity
            let path = "\(directory)/identity"
            let bytes = try Files.read(path)
            for bit in 0..<(bytes.count * 8) {
                var flipped = bytes
                flipped[bit / 8] ^= 1 << (bit % 8)
                try lay([path: flipped])
                do {
                    let found = try StoreBench(directory).opened.store.identity
                    #expect(found == identity, "bit \(bit)")
                } catch let error as StorageError {
                    guard case .damaged(path, _, _) = error else { throw error }
                }
            }
        }
    }
}

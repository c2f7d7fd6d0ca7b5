// The bytes of the log: what a crash may do to them, and what must never pass for a crash.

import Base
import Consensus
import Testing

@testable import Storage

@Suite struct WriteAheadLogTests {
    /// A log of some writes, and how long it is and what it holds after each.
    private struct Sample {
        var bytes = WriteAheadLog.file(holding: .empty)
        var steps: [(length: Int, state: DurableState)] = []

        init(seed: UInt64, count: Int) {
            steps = [(bytes.count, .empty)]
            for (index, step) in writes(seed: seed, count: count).enumerated() {
                bytes += WriteAheadLog.frame(step.request, sequence: UInt32(index + 1))
                steps.append((bytes.count, step.after))
            }
        }
    }

    @Test func `the checksum is that of RFC 3720`() {
        #expect(CRC32C.checksum("123456789".utf8) == 0xE306_9283)
        #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
    }

    @Test func `the worked example of Protocols/storage.md holds`() {
        let request = PersistRequest(
            token: PersistToken(1),
            entries: [
                LogEntry(index: LogIndex(1), term: Term(3), payload: .leadership),
                LogEntry(index: LogIndex(2), term: Term(3), payload: .command([0xCA, 0xFE])),
            ],
            hardState: HardState(term: Term(3), votedFor: NodeID("n1")))
        let bytes = WriteAheadLog.frame(request, sequence: 1)
        let hex = bytes.map { byte in
            (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
        let header = "38000000" + "01000000" + "551c61b4" + "5dbd7d13"
        let leadership = "03" + "0100000000000000" + "0300000000000000"
        let command = "04" + "0200000000000000" + "0300000000000000" + "02000000" + "cafe"
        let vote = "06" + "0300000000000000" + "02000000" + "6e31"
        #expect(hex == header + leadership + command + vote + "a5")
    }

    @Test func `participants lie in the log as Protocols/storage.md says`() throws {
        let participants = try #require(
            Participants(voters: [NodeID("n1")], learners: [NodeID("n2")]))
        let request = PersistRequest(
            token: PersistToken(1),
            snapshot: Snapshot(
                index: LogIndex(1), term: Term(3), state: [7], participants: participants),
            entries: [
                LogEntry(
                    index: LogIndex(2), term: Term(3), payload: .participants(participants))
            ])
        let names: [UInt8] =
            [1, 0, 0, 0, 2, 0, 0, 0] + Array("n1".utf8) + [1, 0, 0, 0, 2, 0, 0, 0]
            + Array("n2".utf8)
        let term: [UInt8] = [3, 0, 0, 0, 0, 0, 0, 0]
        let snapshot: [UInt8] = [8, 1, 0, 0, 0, 0, 0, 0, 0] + term + [1, 0, 0, 0, 7] + names
        let entry: [UInt8] = [7, 2, 0, 0, 0, 0, 0, 0, 0] + term + names
        #expect(WriteAheadLogRecord.encode(request) == snapshot + entry)
    }

    @Test func `disks lie in the log as Protocols/storage.md says`() throws {
        let participants = try #require(
            Participants(
                voters: [NodeID("n1"), NodeID("n2")], disks: [NodeID("n2"): DiskID(0x0102)]))
        let request = PersistRequest(
            token: PersistToken(1),
            snapshot: Snapshot(
                index: LogIndex(1), term: Term(3), state: [7], participants: participants),
            entries: [
                LogEntry(
                    index: LogIndex(2), term: Term(3), payload: .participants(participants))
            ])
        let names: [UInt8] =
            [2, 0, 0, 0, 2, 0, 0, 0] + Array("n1".utf8) + [2, 0, 0, 0] + Array("n2".utf8)
            + [0, 0, 0, 0]
        let disks: [UInt8] =
            [1, 0, 0, 0, 2, 0, 0, 0] + Array("n2".utf8) + [2, 1, 0, 0, 0, 0, 0, 0]
        let term: [UInt8] = [3, 0, 0, 0, 0, 0, 0, 0]
        let snapshot: [UInt8] = [10, 1, 0, 0, 0, 0, 0, 0, 0] + term + [1, 0, 0, 0, 7]
        let entry: [UInt8] = [9, 2, 0, 0, 0, 0, 0, 0, 0] + term
        #expect(
            WriteAheadLogRecord.encode(request)
                == snapshot + names + disks + entry + names + disks)
    }

    @Test func `participants without a voter are no participants`() {
        let index: [UInt8] = [2, 0, 0, 0, 0, 0, 0, 0]
        let nobody = [UInt8](repeating: 0, count: 8)
        let payload = [7] + index + index + nobody
        #expect(WriteAheadLogRecord.decode(payload[...], token: PersistToken(1)) == nil)
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `what is written is read`(seed: UInt64) throws {
        let sample = Sample(seed: seed, count: 40)
        let recovery = try WriteAheadLog.recover(sample.bytes, path: "log")
        #expect(recovery.state == sample.steps.last?.state, "seed \(seed)")
        #expect(recovery.validByteCount == sample.bytes.count)
        #expect(recovery.recordCount == 41)
        let anew = WriteAheadLog.file(holding: recovery.state)
        #expect(try WriteAheadLog.recover(anew, path: "log").state == recovery.state)
    }

    @Test(arguments: 1...5 as ClosedRange<UInt64>)
    func `a write cut short at any byte leaves exactly the writes before it`(seed: UInt64) throws {
        let sample = Sample(seed: seed, count: 15)
        for length in sample.steps[0].length...sample.bytes.count {
            let cut = Array(sample.bytes[..<length])
            let recovery = try WriteAheadLog.recover(cut, path: "log")
            let whole = try #require(sample.steps.last { $0.length <= length })
            #expect(recovery.state == whole.state, "seed \(seed), cut at \(length)")
            #expect(recovery.validByteCount == whole.length, "seed \(seed), cut at \(length)")
        }
    }

    @Test func `a flipped bit anywhere is found, and said where`() {
        let sample = Sample(seed: 3, count: 8)
        for bit in 0..<(sample.bytes.count * 8) {
            var bytes = sample.bytes
            bytes[bit / 8] ^= 1 << (bit % 8)
            let error = #expect(throws: StorageError.self, "bit \(bit)") {
                try WriteAheadLog.recover(bytes, path: "/state/log")
            }
            guard case .damaged("/state/log", let offset, _) = error else {
                Issue.record("bit \(bit): \(String(describing: error))")
                return
            }
            #expect(offset <= bit / 8, "bit \(bit)")
        }
    }

    @Test(arguments: 1...3 as ClosedRange<UInt64>)
    func `a write that ends in zeros from any byte on leaves exactly the writes before it`(
        seed: UInt64
    ) throws {
        let sample = Sample(seed: seed, count: 15)
        for written in sample.steps[0].length..<sample.bytes.count {
            let whole = try #require(sample.steps.last { $0.length <= written })
            let next = try #require(sample.steps.first { $0.length > written })
            // Within the record, at its end, further on.
            let lengths = [
                written + 1, next.length - 1, next.length, sample.bytes.count,
                sample.bytes.count + 600,
            ]
            for length in lengths where length > written {
                let zeros = [UInt8](repeating: 0, count: length - written)
                let torn = sample.bytes[..<written] + zeros
                let recovery = try WriteAheadLog.recover(Array(torn), path: "log")
                #expect(recovery.state == whole.state, "seed \(seed), \(written) of \(length)")
                #expect(recovery.validByteCount == whole.length)
            }
        }
    }

    @Test func `zeros before the end of the last record are damage`() {
        let sample = Sample(seed: 4, count: 6)
        let last = sample.bytes.count - 1
        #expect(sample.steps.dropFirst().allSatisfy { sample.bytes[$0.length - 1] != 0 })
        for start in WriteAheadLog.magic.count..<last {
            for end in [start + 1, (start + last) / 2, last] where end > start {
                var bytes = sample.bytes
                for place in start..<end { bytes[place] = 0 }
                guard bytes != sample.bytes else { continue }
                #expect(throws: StorageError.self, "zeros from \(start) to \(end)") {
                    try WriteAheadLog.recover(bytes, path: "log")
                }
            }
        }
    }

    @Test func `a log of the older form is refused as that, and not as damage`() {
        let bytes = Array("GLMALOG1".utf8) + Sample(seed: 1, count: 2).bytes.dropFirst(8)
        let error = #expect(throws: StorageError.outdated(path: "/state/log")) {
            try WriteAheadLog.recover(bytes, path: "/state/log")
        }
        #expect(error?.description.contains("/state/log was written by an older glm-agent") == true)
        #expect(error?.description.contains("move this directory away") == true)
    }

    @Test func `zeros after the last record are a torn end`() throws {
        let sample = Sample(seed: 1, count: 5)
        let zeros = [UInt8](repeating: 0, count: 100)
        let recovery = try WriteAheadLog.recover(sample.bytes + zeros, path: "log")
        #expect(recovery.validByteCount == sample.bytes.count)
    }

    @Test func `a record that is missing, repeated or out of its place is found`() {
        let sample = Sample(seed: 2, count: 4)
        let cuts = [WriteAheadLog.magic.count] + sample.steps.map(\.length)
        let records = zip(cuts, cuts.dropFirst()).map { Array(sample.bytes[$0..<$1]) }
        for order in [[0, 2, 3], [0, 1, 1, 2], [0, 2, 1, 3], [1, 2], []] {
            let bytes = WriteAheadLog.magic + order.flatMap { records[$0] }
            #expect(throws: StorageError.self, "order \(order)") {
                try WriteAheadLog.recover(bytes, path: "log")
            }
        }
    }

    @Test func `an entry that leaves a gap is found although its record checks`() {
        let gap = PersistRequest(
            token: PersistToken(1),
            entries: [LogEntry(index: LogIndex(9), term: .zero, payload: .leadership)])
        let bytes = WriteAheadLog.file(holding: .empty) + WriteAheadLog.frame(gap, sequence: 1)
        #expect(throws: StorageError.self) { try WriteAheadLog.recover(bytes, path: "log") }
    }

    @Test func `no payload traps the decoder, and what it reads it can write and read again`() {
        var generator = SeededGenerator(seed: 5)
        var decoded = 0
        for step in writes(seed: 9, count: 3000) {
            var payload = WriteAheadLogRecord.encode(step.request)
            for _ in 0..<Int.random(in: 0...3, using: &generator) where !payload.isEmpty {
                let place = Int.random(in: 0..<payload.count, using: &generator)
                payload[place] = UInt8.random(in: 0...255, using: &generator)
            }
            payload = Array(payload.prefix(Int.random(in: 0...400, using: &generator)))
            let token = PersistToken(1)
            if let request = WriteAheadLogRecord.decode(payload[...], token: token) {
                decoded += 1
                let again = WriteAheadLogRecord.encode(request)
                let twice = WriteAheadLogRecord.decode(again[...], token: token)
                #expect(twice == request)
            }
        }
        #expect(decoded > 100)
    }
}

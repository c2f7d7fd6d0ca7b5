// The bytes of the wire and the log never change: agents of two versions talk while a cluster is
// upgraded, and read the logs of one another.

import Base
import CBOR
import ClusterState
import Testing
import WireProtocol

@Suite struct VectorTests {
    @Test(arguments: Sample.files.map(\.name))
    func `every sample is written as published`(name: String) throws {
        let samples = Sample.files.first { $0.name == name }?.samples ?? []
        let file = VectorFile(name)
        if VectorFile.isWriting { file.write(try samples.map { try $0.vector() }) }
        let published = try file.vectors()
        #expect(published.map(\.name) == samples.map(\.name), "\(file.path)")
        for (sample, vector) in zip(samples, published) {
            #expect(try sample.vector() == vector, "\(sample.name)")
        }
    }

    @Test(arguments: Sample.all) func `every sample is read back as it was`(sample: Sample) throws {
        #expect(try sample.read(sample.bytes) == sample.value)
    }

    @Test func `names of samples are unique`() {
        #expect(Set(Sample.all.map(\.name)).count == Sample.all.count)
    }
}

@Suite struct FrameTests {
    private func frame(_ elements: CBORValue...) -> [UInt8] { CBORValue.array(elements).encoded }

    @Test func `a frame of another version is refused by its version`() {
        #expect(
            throws: CBORError.unexpected(expected: "version 1", found: "version 2")
        ) { try WireMessage(frame: frame(.unsigned(2), .unsigned(1), .null)) }
    }

    @Test(arguments: [UInt64(0), 10, .max]) func `an unknown kind is refused`(kind: UInt64) {
        #expect(throws: CBORError.self) {
            try WireMessage(frame: frame(.unsigned(1), .unsigned(kind), .array([])))
        }
    }

    @Test(arguments: Sample.all)
    func `a newer peer may add elements at the end`(sample: Sample) throws {
        guard case .array(let elements) = try CBORValue(decoding: sample.bytes) else {
            Issue.record("\(sample.name) is no array")
            return
        }
        // These leave out an element of today, which a newer peer would say before its news.
        if case .state(let state) = sample.value, !state.roster.isAgreed { return }
        let older = [
            "serves", "sightings of a node whose shards are well", "sightings",
        ]
        guard !older.contains(sample.name) else { return }
        let longer = CBORValue.array(elements + [.text("news"), .array([.null])])
        #expect(try sample.read(longer.encoded) == sample.value)
    }

    @Test(arguments: Sample.all) func `every truncation is an error`(sample: Sample) {
        for length in 0..<sample.bytes.count {
            #expect(throws: CBORError.self, "\(length) bytes") {
                try sample.read(Array(sample.bytes[..<length]))
            }
        }
    }

    @Test(arguments: Sample.all) func `every missing element is an error`(sample: Sample) throws {
        for shorter in shortened(try CBORValue(decoding: sample.bytes)) {
            // An array that holds values of one kind may well be shorter; a record may not.
            if let value = try? sample.read(shorter.encoded) {
                #expect(value.bytes == shorter.encoded, "\(shorter)")
            }
        }
    }

    @Test(arguments: UInt64(0)..<16)
    func `a mutated frame is an error or a message, and never traps`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for sample in Sample.all {
            for _ in 0..<20 {
                let bytes = mutated(sample.bytes, using: &generator)
                guard let value = try? sample.read(bytes) else { continue }
                let again = try? sample.read(value.bytes)
                #expect(again == value, "seed \(seed), \(sample.name): \(hexadecimal(bytes))")
            }
        }
    }

    /// The item with the last element of one of its arrays gone, for every array.
    private func shortened(_ value: CBORValue) -> [CBORValue] {
        guard case .array(let elements) = value, !elements.isEmpty else { return [] }
        let inner = elements.indices.flatMap { index in
            shortened(elements[index]).map { changed -> CBORValue in
                var copy = elements
                copy[index] = changed
                return .array(copy)
            }
        }
        return [.array(elements.dropLast())] + inner
    }

    private func mutated(_ bytes: [UInt8], using generator: inout SeededGenerator) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
            let place = Int.random(in: 0..<bytes.count, using: &generator)
            let byte = UInt8.random(in: 0...255, using: &generator)
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: bytes.insert(byte, at: place)
            case 1 where bytes.count > 1: bytes.remove(at: place)
            case 2: bytes[place] ^= 1 << (byte & 7)
            default: bytes[place] = byte
            }
        }
        return bytes
    }
}

import Base
import Testing

@testable import RehearsalEngine

@Suite struct RankFrameTests {
    private static let row = Row(position: 7, activation: [1, -2, 3, -4, 5, -6, .max, .min])

    @Test func `frames survive every cut of the stream`() throws {
        let work = LayerWork(layer: 3, rows: [Self.row, Self.row])
        let frames = [
            RankFrame(kind: .layer, tag: 9, payload: work.payload),
            .control(["type": "go"]),
            RankFrame(kind: .outputs, tag: .max, payload: Outputs.payload([])),
        ]
        let bytes = frames.flatMap(\.bytes)
        for cut in 0...bytes.count {
            var buffer = Array(bytes[..<cut])
            var got = try #require(RankFrame.take(from: &buffer))
            buffer += bytes[cut...]
            got += try #require(RankFrame.take(from: &buffer))
            #expect(got == frames, "cut at \(cut)")
            #expect(buffer.isEmpty)
        }
    }

    @Test func `tensors come back as they went`() {
        let work = LayerWork(layer: 7, rows: [Self.row])
        #expect(LayerWork(payload: work.payload) == work)
        let call = ExpertCall(device: 63, expert: 255, input: Self.row.activation)
        let dispatch = Dispatch(layer: 0, calls: [call, call])
        #expect(Dispatch(payload: dispatch.payload) == dispatch)
        #expect(Outputs.read(Outputs.payload([Self.row.activation])) == [Self.row.activation])
        let handOver = HandOver(cache: SequenceCache(), stores: ["s"])
        #expect(HandOver(handOver.document)?.cache == handOver.cache)
    }

    @Test(arguments: 0..<200)
    func `damaged bytes are refused or read, and never trap`(seed: Int) {
        var generator = SeededGenerator(seed: UInt64(seed))
        let work = LayerWork(layer: 3, rows: [Self.row])
        var bytes = RankFrame(kind: .layer, tag: 1, payload: work.payload).bytes
        for _ in 0..<3 {
            let place = Int.random(in: bytes.indices, using: &generator)
            bytes[place] = UInt8.random(in: 0...255, using: &generator)
        }
        bytes.removeLast(Int.random(in: 0..<8, using: &generator))
        for frame in RankFrame.take(from: &bytes) ?? [] {
            _ = LayerWork(payload: frame.payload)
            _ = Dispatch(payload: frame.payload)
            _ = Outputs.read(frame.payload)
            _ = frame.document
        }
    }

    @Test func `a frame that claims too much is refused at once`() {
        var bytes = RankFrame(kind: .layer, tag: 1, payload: []).bytes
        bytes.replaceSubrange(8..<12, with: [0x7F, 0xFF, 0xFF, 0xFF])
        #expect(RankFrame.take(from: &bytes) == nil)
    }
}

// The progress of a load, out of lines in SGLang's form.

import Diagnosis
import Testing

@Suite struct LoadingTests {
    private func read(_ text: String) -> LoadingProgress? {
        var reader = EngineLogReader()
        reader.read(Array(text.utf8))
        return reader.progress
    }

    /// A line, and the phase and fraction that it shows.
    struct Case: Sendable, CustomTestStringConvertible {
        let line: String
        let phase: LoadingProgress.Phase
        let fraction: Double?
        var testDescription: String { line }

        init(_ line: String, _ phase: LoadingProgress.Phase, _ fraction: Double? = nil) {
            self.line = line
            self.phase = phase
            self.fraction = fraction
        }
    }

    static let cases = [
        Case("[2026-05-06 07:08:09 TP2] Init torch distributed begin.", .meeting),
        Case("[2026-05-06 07:08:09 DP0 TP0 EP0] Load weight begin. avail mem=60.11 GB", .weights),
        Case(
            "Loading safetensors checkpoint shards:   0% Completed | 0/40 [00:00<?, ?it/s]",
            .weights, 0),
        Case(
            "\rLoading safetensors checkpoint shards:  25% Completed | 10/40 [00:31<01:33]",
            .weights, 0.25),
        Case("Multi-thread loading shards: 100% Completed | 8/8 [00:31<00:00]", .weights, 1),
        Case("Multi-thread loading shards:  50%|#####     | 4/8 [00:31<00:00]", .weights, 0.5),
        Case("[2026-05-06 07:08:09 TP0] Load weight end. type=GlmMoe, avail mem=9 GB", .memory),
        Case("[2026-05-06 07:08:09 TP0] KV Cache is allocated. #tokens: 7", .memory),
        Case("[2026-05-06 07:08:09 TP0] Memory pool end. avail mem=4.56 GB", .memory),
        Case("[2026-05-06 07:08:09 TP0] Capture npu graph begin. avail mem=4.56 GB", .graphs),
        Case(
            "Capturing batches (bs=8 avail_mem=4.21 GB):  33%|███▎      | 4/12 [00:09<00:17]",
            .graphs, 1.0 / 3),
        Case("[2026-05-06 07:08:09] INFO:     Uvicorn running on http://10.1.1.1:8000", .warmup),
        Case("[2026-05-06 07:08:09] Start of pd disaggregation warmup ...", .warmup),
        Case("[2026-05-06 07:08:09] The server is fired up and ready to roll!", .ready),
    ]

    @Test(arguments: cases) func `a line tells the phase and its share`(line: Case) {
        let progress = read(line.line + "\n")
        #expect(progress?.phase == line.phase)
        #expect(progress?.fraction == line.fraction)
    }

    @Test(arguments: [
        "", "\n", "[2026-05-06 07:08:09 TP0] Decode batch. #running-req: 3", "| 1/2 [",
        "[2026-05-06 07:08:09 TP0] weights are fine",
    ])
    func `other lines tell no progress`(text: String) {
        #expect(read(text) == nil)
    }

    @Test(arguments: ["| 3/2 [", "| 1/0 [", "| 99999999999/2", "| x/2", "|", "| 1 / 2"])
    func `numbers that make no sense leave the phase`(bar: String) {
        let progress = read("Loading safetensors checkpoint shards: \(bar)\n")
        #expect(progress?.phase == .weights)
        #expect(progress?.steps == nil)
    }

    @Test func `the phase never goes back, and the draft model moves all the same`() {
        var reader = EngineLogReader()
        reader.read(Array("[2026-05-06 07:08:09 TP0] Capture npu graph begin.\n".utf8))
        let before = reader.progress
        reader.read(Array("Loading safetensors checkpoint shards: 9% Completed | 1/9 [\n".utf8))
        #expect(reader.progress?.phase == .graphs)
        #expect(reader.progress?.hasMoved(since: before) == true)
    }

    @Test func `each rank moves for itself, and a repeated line is no move`() {
        var reader = EngineLogReader()
        reader.read(Array("[2026-05-06 07:08:09 TP0] Load weight begin. avail mem=1\n".utf8))
        let first = reader.progress
        #expect(first?.hasMoved(since: nil) == true)
        reader.read(Array("[2026-05-06 07:08:19 TP0] Load weight begin. avail mem=1\n".utf8))
        #expect(reader.progress?.hasMoved(since: first) == false)
        reader.read(Array("[2026-05-06 07:08:19 TP1] Load weight begin. avail mem=1\n".utf8))
        #expect(reader.progress?.hasMoved(since: first) == true)
    }

    @Test func `bytes in any pieces give the same`() {
        let text = Self.cases.map(\.line).joined(separator: "\n") + "\n"
        let whole = read(text)
        for size in 1...40 {
            var reader = EngineLogReader()
            var rest = Array(text.utf8)[...]
            while !rest.isEmpty {
                reader.read(Array(rest.prefix(size)))
                rest = rest.dropFirst(size)
            }
            #expect(reader.progress == whole, "pieces of \(size) bytes")
        }
    }
}

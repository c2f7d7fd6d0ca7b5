// When the watch over schedulers looks again.

import Base
import Testing

@testable import Engines

@Suite struct LookRhythmTests {
    private let start = Instant.zero + .seconds(10)

    /// A rhythm whose look has been over for long: all are known.
    private func steady() -> LookRhythm {
        var rhythm = LookRhythm()
        _ = rhythm.begins(at: .zero)
        _ = rhythm.looked(isSteady: true, at: .zero)
        return rhythm
    }

    @Test func `an end is looked at when the tree has settled`() {
        var rhythm = steady()
        #expect(rhythm.ended(at: start) == start + LookRhythm.settleTime)
    }

    /// The look has counted the one that ends before it ended, and its own next look would be 5 s away.
    @Test func `an end while a look is under way is looked at next, and not seconds later`() {
        var rhythm = steady()
        _ = rhythm.begins(at: start)
        let due = rhythm.ended(at: start + .milliseconds(1))
        #expect(rhythm.looked(isSteady: true, at: start + .milliseconds(5)) == due)
    }

    @Test func `a look that takes long is followed by another for what ended meanwhile`() {
        var rhythm = steady()
        _ = rhythm.begins(at: start)
        let due = rhythm.ended(at: start)
        let begins = rhythm.begins(at: due)
        #expect(!begins, "one look at a time")
        #expect(rhythm.looked(isSteady: true, at: due + .seconds(1)) <= due + .seconds(1))
        let beginsAgain = rhythm.begins(at: due + .seconds(1))
        #expect(beginsAgain)
        let next = rhythm.looked(isSteady: true, at: due + .seconds(1))
        #expect(next == due + .seconds(1) + LookRhythm.checkInterval, "it has been seen")
    }

    @Test func `ends that follow one another put nothing off`() {
        var rhythm = steady()
        let due = rhythm.ended(at: start)
        #expect(rhythm.ended(at: start + .milliseconds(90)) == due)
    }

    @Test func `the search slows down, and rests once all are known`() {
        var rhythm = LookRhythm()
        var waits: [Duration] = []
        for _ in 0..<6 {
            _ = rhythm.begins(at: start)
            waits.append(rhythm.looked(isSteady: false, at: start) - start)
        }
        #expect(waits == [250, 500, 1000, 2000, 3000, 3000].map { .milliseconds($0) })
        _ = rhythm.begins(at: start)
        #expect(rhythm.looked(isSteady: true, at: start) - start == LookRhythm.checkInterval)
    }
}

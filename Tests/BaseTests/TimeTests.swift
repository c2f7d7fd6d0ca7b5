// Wall time as people read it, durations at their limits, and the waits between attempts.

import Base
import Testing

@Suite struct TimeTests {
    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (1, "1970-01-01T00:00:00.001Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (951_868_799_999, "2000-02-29T23:59:59.999Z"),
        (951_868_800_000, "2000-03-01T00:00:00.000Z"),
        (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
        (4_107_456_000_000, "2100-02-28T00:00:00.000Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        (-2_208_988_800_000, "1900-01-01T00:00:00.000Z"),
        (-62_135_596_800_000, "0001-01-01T00:00:00.000Z"),
        (-62_167_219_200_001, "-0001-12-31T23:59:59.999Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        (1_795_547_128_120, "2026-11-24T19:05:28.120Z"),
    ])
    func `wall time reads as RFC 3339`(milliseconds: Int64, text: String) {
        #expect(WallTime(millisecondsSinceEpoch: milliseconds).description == text)
    }

    @Test(arguments: [Int64.min, Int64.min + 1, Int64.max - 1, Int64.max])
    func `any wall time a peer may send has a text`(milliseconds: Int64) {
        let time = WallTime(millisecondsSinceEpoch: milliseconds)
        #expect(time.description.hasSuffix("Z"))
    }

    @Test func `the days of four centuries follow one another`() {
        var last = ""
        // Every 13th day, and so every day of the year in some year.
        for day in stride(from: Int64(0), through: 146_094, by: 13) {
            let text = WallTime(millisecondsSinceEpoch: day * 86_400_000).description
            #expect(text > last, "day \(day)")
            last = text
        }
        #expect(last == "2369-12-29T00:00:00.000Z")
    }

    @Test func `the farthest two wall times can be subtracted`() {
        let first = WallTime(millisecondsSinceEpoch: .min)
        let last = WallTime(millisecondsSinceEpoch: .max)
        #expect((last - first).nanoseconds > Duration.seconds(9_000_000_000).nanoseconds)
        #expect((first - last).nanoseconds < 0)
        let later = WallTime(millisecondsSinceEpoch: 61_000)
        #expect(later - WallTime(millisecondsSinceEpoch: 1_000) == .seconds(60))
    }

    @Test(
        arguments: [
            (Duration.seconds(1), Int64(1_000_000_000)), (.seconds(-2), -2_000_000_000),
            (.nanoseconds(-7), -7), (.milliseconds(1500), 1_500_000_000), (.zero, 0),
        ] as [(Duration, Int64)])
    func `a duration has its nanoseconds`(duration: Duration, nanoseconds: Int64) {
        #expect(duration.nanoseconds == nanoseconds)
    }

    @Test func `a duration of more than 292 years is cut, not trapped on`() {
        #expect(Duration.seconds(Int64.max).nanoseconds == 9_223_372_036_000_000_000)
        #expect(Duration.seconds(Int64.min).nanoseconds == -9_223_372_036_000_000_000)
    }

    @Test(
        arguments: [
            (Duration.zero, 0), (.nanoseconds(1), 1), (.milliseconds(1), 1),
            (.nanoseconds(1_000_001), 2),
        ] as [(Duration, Int64)])
    func `a timer never fires before its time`(duration: Duration, milliseconds: Int64) {
        #expect(duration.millisecondsRoundedUp == milliseconds)
    }

    @Test func `instants differ by durations`() {
        let later = Instant.zero + .seconds(3)
        #expect(later - .zero == .seconds(3))
        #expect(.zero - later == .seconds(-3))
        #expect(Instant.zero < later)
    }
}

@Suite struct BackoffTests {
    static let backoff = Backoff(initial: .seconds(5), limit: .seconds(600))

    @Test(arguments: [
        (1, 5), (2, 10), (3, 20), (4, 40), (5, 80), (6, 160), (7, 320), (8, 600), (9, 600),
        (1_000_000, 600),
    ])
    func `the wait doubles up to its limit, half of it by chance`(attempt: Int, seconds: Int) {
        for seed in UInt64(0)..<20 {
            var generator = SeededGenerator(seed: seed)
            let delay = Self.backoff.delay(attempt: attempt, using: &generator)
            let full = Duration.seconds(seconds)
            #expect(full / 2 <= delay && delay <= full, "seed \(seed): \(delay)")
        }
    }

    @Test(arguments: [0, -1, Int.min]) func `no failure, no wait`(attempt: Int) {
        var generator = SeededGenerator(seed: 1)
        #expect(Self.backoff.delay(attempt: attempt, using: &generator) == .zero)
    }

    @Test func `waits of different seeds differ`() {
        let delays = (UInt64(0)..<20).map { seed in
            var generator = SeededGenerator(seed: seed)
            return Self.backoff.delay(attempt: 3, using: &generator)
        }
        #expect(Set(delays).count == 20)
    }
}

@Suite struct SeededGeneratorTests {
    /// The first outputs of the published SplitMix64 for the seed 0.
    @Test func `the sequence is the published one`() {
        var generator = SeededGenerator(seed: 0)
        let sequence = (0..<4).map { _ in generator.next() }
        #expect(
            sequence == [
                0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4, 0x06C4_5D18_8009_454F,
                0xF88B_B8A8_724C_81EC,
            ])
    }

    @Test func `a split generator goes its own way`() {
        var generator = SeededGenerator(seed: 7)
        var other = generator.split()
        #expect(generator.next() != other.next())
        var again = SeededGenerator(seed: 7)
        _ = again.split()
        generator = again
        #expect(generator.next() == again.next())
    }

    @Test func `durations and chances stay within their bounds`() {
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<1000 {
            let duration = generator.duration(in: .seconds(1)...(.seconds(2)))
            #expect(.seconds(1) <= duration && duration <= .seconds(2))
        }
        #expect((0..<1000).allSatisfy { _ in !generator.chance(0) })
        #expect((0..<1000).allSatisfy { _ in generator.chance(1) })
        let heads = (0..<10_000).count { _ in generator.chance(0.5) }
        #expect((4_500...5_500).contains(heads))
    }
}

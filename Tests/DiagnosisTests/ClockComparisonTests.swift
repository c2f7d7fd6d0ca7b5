// Clocks compared over answers that take their time.

import Base
import Diagnosis
import Testing

@Suite struct ClockComparisonTests {
    private let node = NodeID("node-2")

    private func instant(_ milliseconds: Int64) -> Instant {
        Instant(nanoseconds: milliseconds * 1_000_000)
    }

    /// Asks at a time, hears a trip later; the other's clock is ahead by so much.
    private func exchange(
        _ clocks: inout ClockComparison, at milliseconds: Int64, trip: Int64, ahead: Int64,
        delay: Int64, sequence: UInt64 = 1
    ) {
        let start: Int64 = 1_800_000_000_000
        clocks.asked(
            node, sequence, at: instant(milliseconds),
            wall: WallTime(millisecondsSinceEpoch: start + milliseconds))
        clocks.answered(
            node, sequence,
            clock: WallTime(millisecondsSinceEpoch: start + milliseconds + delay + ahead),
            at: instant(milliseconds + trip))
    }

    @Test(arguments: [-86_400_000, -1500, 0, 3, 250_000] as [Int64], [0, 1, 7, 40] as [Int64])
    func `the truth lies within the bounds, wherever in the trip the answer was given`(
        ahead: Int64, trip: Int64
    ) throws {
        for delay in 0...trip {
            var clocks = ClockComparison()
            exchange(&clocks, at: 5, trip: trip, ahead: ahead, delay: delay)
            let span = try #require(clocks.ahead(of: node, at: instant(5 + trip)))
            #expect(span.earliest <= ahead * 1000 && ahead * 1000 <= span.latest)
            #expect(span.latest - span.earliest == trip * 1000 + 2000)
        }
    }

    @Test func `the quickest of the last answers knows best`() throws {
        var clocks = ClockComparison()
        exchange(&clocks, at: 0, trip: 90, ahead: 10, delay: 80)
        exchange(&clocks, at: 1000, trip: 1, ahead: 10, delay: 0)
        exchange(&clocks, at: 2000, trip: 50, ahead: 10, delay: 3)
        let span = try #require(clocks.ahead(of: node, at: instant(2050)))
        #expect(span.latest - span.earliest <= 3200)
    }

    @Test func `old answers are worth less, and are forgotten`() throws {
        var clocks = ClockComparison()
        exchange(&clocks, at: 0, trip: 1, ahead: 10, delay: 0)
        let old = try #require(clocks.ahead(of: node, at: instant(1_000_000)))
        #expect(old.latest - old.earliest > 100_000)
        for second in 1...20 as ClosedRange<Int64> {
            exchange(&clocks, at: second * 1000, trip: 30, ahead: 5000, delay: 9)
        }
        let moved = try #require(clocks.ahead(of: node, at: instant(21_000)))
        #expect(moved.earliest > 4_000_000, "a clock that was set is believed")
    }

    @Test func `answers to other questions say nothing`() {
        var clocks = ClockComparison()
        clocks.answered(node, 1, clock: WallTime(millisecondsSinceEpoch: 0), at: instant(0))
        clocks.asked(node, 2, at: instant(0), wall: WallTime(millisecondsSinceEpoch: 0))
        clocks.answered(node, 1, clock: WallTime(millisecondsSinceEpoch: 0), at: instant(1))
        #expect(clocks.ahead(of: node, at: instant(1)) == nil)
        clocks.answered(node, 2, clock: WallTime(millisecondsSinceEpoch: .max), at: instant(1))
        #expect(clocks.ahead(of: node, at: instant(1)) != nil)
    }
}

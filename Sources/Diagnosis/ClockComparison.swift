// How far the clocks of other nodes are ahead. Every question of membership that is answered carries the
// answerer's clock, which is compared with the middle of asking and hearing, as NTP does (RFC 5905): the
// truth is at most half the round trip away. Of the last answers the quickest knows best.

public import Base

/// The clocks of the others, as one node sees them.
public struct ClockComparison: Hashable, Sendable {
    /// So many answers of each node are kept.
    static let kept = 8
    /// A quick answer of long ago is worth less: clocks drift by a few parts in a hundred thousand.
    static let driftPartsPerMillion: Int64 = 50

    private struct Sample: Hashable, Sendable {
        /// In microseconds.
        let ahead: TimeSpan
        let at: Instant

        /// Wider, the older it is.
        func span(at now: Instant) -> TimeSpan {
            let age = max(0, (now - at).nanoseconds / 1000)
            let drift = age / 1_000_000 * ClockComparison.driftPartsPerMillion
            return TimeSpan(
                earliest: ahead.earliest.addingClamped(-drift),
                latest: ahead.latest.addingClamped(drift))
        }
    }

    private struct Question: Hashable, Sendable {
        let sequence: UInt64
        let at: Instant
        let wall: WallTime
    }

    private var open: [NodeID: Question] = [:]
    private var samples: [NodeID: [Sample]] = [:]

    public init() {}

    /// A question goes out; an earlier one to the same node is given up.
    public mutating func asked(
        _ node: NodeID, _ sequence: UInt64, at now: Instant, wall: WallTime
    ) {
        open[node] = Question(sequence: sequence, at: now, wall: wall)
    }

    /// The node answered the question of that number, and its clock stood so.
    public mutating func answered(
        _ node: NodeID, _ sequence: UInt64, clock: WallTime, at now: Instant
    ) {
        guard let question = open[node], question.sequence == sequence, now >= question.at else {
            return
        }
        open[node] = nil
        let trip = (now - question.at).nanoseconds / 1000
        // Clocks are told in whole milliseconds, cut: a millisecond of doubt on either side.
        let ahead = microseconds(clock).subtractingClamped(microseconds(question.wall))
        let span = TimeSpan(
            earliest: ahead.subtractingClamped(trip + 1000), latest: ahead.addingClamped(1000))
        samples[node, default: []].append(Sample(ahead: span, at: now))
        samples[node] = samples[node]?.suffix(Self.kept)
    }

    /// By how much the node's clock is ahead of the own one, between these two, in microseconds; nil
    /// where it was not heard.
    public func ahead(of node: NodeID, at now: Instant) -> TimeSpan? {
        samples[node]?.map { $0.span(at: now) }.min {
            ($0.width, $0.earliest) < ($1.width, $1.earliest)
        }
    }

    private func microseconds(_ wall: WallTime) -> Int64 {
        let (product, overflows) = wall.millisecondsSinceEpoch.multipliedReportingOverflow(by: 1000)
        return overflows ? (wall.millisecondsSinceEpoch > 0 ? .max : .min) : product
    }
}

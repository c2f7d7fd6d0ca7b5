// Exponential backoff with equal jitter: half of the delay is fixed, so that a retry is never
// immediate, and half is random, so that retries of many do not fall together.

/// How long to wait before the n-th attempt.
public struct Backoff: Hashable, Sendable {
    /// The delay before jitter at the first attempt.
    public let initial: Duration
    /// The largest delay before jitter.
    public let limit: Duration

    public init(initial: Duration, limit: Duration) {
        self.initial = initial
        self.limit = limit
    }

    /// The delay before attempt number `attempt`, counted from 1; attempt 0 does not wait.
    public func delay(
        attempt: Int, using generator: inout SeededGenerator
    ) -> Duration {
        guard attempt > 0 else { return .zero }
        var delay = initial
        for _ in 1..<max(attempt, 1) where delay < limit {
            delay *= 2
        }
        delay = min(delay, limit)
        return delay / 2 + generator.duration(in: .zero...(delay / 2))
    }
}

// How far this node trusts its own clock. Lifeguard §IV-A: a node that is itself slow takes others
// for dead, so signs of its own slowness lengthen its timeouts, and successes shorten them again.
// Unlike Lifeguard, plain silence is no such sign. There, a node that is cut off hears no nack,
// takes itself for slow, and notices its isolation last of all.

import Base

/// The local health multiplier.
struct LocalHealth: Hashable, Sendable {
    /// 0 is healthy.
    private(set) var score = 0
    private let limit: Int
    private let spacing: Duration
    private var worsenedAt: Instant?

    /// Signs of slowness nearer together than `spacing` are one sign.
    init(limit: Int, spacing: Duration) {
        self.limit = limit
        self.spacing = spacing
    }

    mutating func worsen(at now: Instant) {
        if let worsenedAt, now - worsenedAt < spacing { return }
        worsenedAt = now
        score = min(score + 1, limit)
    }

    mutating func improve() {
        score = max(score - 1, 0)
    }

    /// The timeout that this node should use in place of `timeout`: half as much more a point.
    func stretched(_ timeout: Duration) -> Duration {
        timeout * (2 + score) / 2
    }
}

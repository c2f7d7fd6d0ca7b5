// When a watch looks again. A look takes a moment, on another thread, and what it is meant to find may
// happen while it is under way: then the look has missed it, and must not put off the next one.

import Base

/// The rhythm of the looks at a shard's schedulers.
struct LookRhythm {
    /// While not all are known, or the kernel does not tell of ends; at first more often, since some
    /// engines are quick.
    static let searchInterval = Duration.seconds(3)
    static let firstInterval = Duration.milliseconds(250)
    static let checkInterval = Duration.seconds(5)
    /// From the end of one to the look at all, so that the end of the whole tree is told as such.
    static let settleTime = Duration.milliseconds(100)

    private var interval = firstInterval
    private var isLooking = false
    /// When a look may begin that sees what an end was the beginning of; nil where none is to be seen.
    private var settles: Instant?

    /// Whether to look now: not while a look is under way.
    mutating func begins(at now: Instant) -> Bool {
        guard !isLooking else { return false }
        isLooking = true
        if let settles, settles <= now { self.settles = nil }
        return true
    }

    /// One has ended.
    /// - Returns: when to look.
    mutating func ended(at now: Instant) -> Instant {
        let due = settles ?? now + Self.settleTime
        settles = due
        return due
    }

    /// A look is over.
    /// - Parameters:
    ///   - isSteady: all are known, and the kernel tells of their ends.
    ///   - now: the time.
    /// - Returns: when to look next.
    mutating func looked(isSteady: Bool, at now: Instant) -> Instant {
        isLooking = false
        let next = now + (isSteady ? Self.checkInterval : interval)
        interval = min(interval * 2, Self.searchInterval)
        return min(next, settles ?? next)
    }
}

// Timers. libuv counts whole milliseconds from a clock that it caches once a turn; both are hidden
// here: a timer never fires before its deadline on `Loop.now`, and at most two milliseconds after
// it on an idle loop. Timers of one deadline fire in the order in which they were armed; a deadline
// that has passed already counts as the moment of arming.

public import Base
import CLibuv

/// A timer that can be armed again and again. Dropping it cancels it.
public final class LoopTimer {
    private let handle: Handle?
    private let onFire: () -> Void
    private var interval: Duration?

    /// A timer that is not armed yet.
    public init(_ loop: Loop, onFire: @escaping () -> Void) {
        self.onFire = onFire
        handle = try? Handle(uv_timer_t.self, loop: loop, "create a timer") {
            uv_timer_init($0, $1)
        }
        handle?.owner = self
    }

    /// Fires once at that instant, or at once where it has passed. Replaces an earlier deadline.
    public func arm(at deadline: Instant) {
        interval = nil
        start(at: deadline)
    }

    /// Fires once after that time. Replaces an earlier deadline.
    public func arm(after delay: Duration) {
        arm(at: Loop.now + delay)
    }

    /// Fires after every such interval until cancelled. An overrun shifts the later ones instead
    /// of piling up.
    public func arm(every interval: Duration) {
        self.interval = interval
        start(at: Loop.now + interval)
    }

    /// Takes the deadline back. The timer may be armed again.
    public func cancel() {
        interval = nil
        if let raw = handle?.raw(as: uv_timer_t.self) { uv_timer_stop(raw) }
    }

    /// Whether a deadline is set.
    public var isArmed: Bool {
        handle?.raw(as: uv_handle_t.self).map { uv_is_active($0) != 0 } ?? false
    }

    private func start(at deadline: Instant) {
        guard let raw = handle?.raw(as: uv_timer_t.self), let rawLoop = raw.pointee.loop else {
            return
        }
        // Both clocks are the same one, so the cached time needs no update. And it must get none, nor
        // may a delay be zero: libuv runs timers until none is due, and one that arms itself
        // again within its own turn would keep every socket waiting for ever.
        let due = max(0, (deadline.nanoseconds + 999_999) / 1_000_000)
        let current = Int64(uv_now(rawLoop))
        let delayMilliseconds = UInt64(max(1, due - current))
        uv_timer_start(
            raw, { Handle.owner(of: $0, as: LoopTimer.self)?.fired() }, delayMilliseconds, 0)
    }

    private func fired() {
        if let interval { start(at: Loop.now + interval) }
        onFire()
    }
}

@available(*, unavailable) extension LoopTimer: Sendable {}

extension Loop {
    /// Calls back once after that time, unless the timer is cancelled or dropped before.
    public func after(_ delay: Duration, _ onFire: @escaping () -> Void) -> LoopTimer {
        let timer = LoopTimer(self, onFire: onFire)
        timer.arm(after: delay)
        return timer
    }

    /// Calls back after every such interval until the timer is cancelled or dropped.
    public func every(_ interval: Duration, _ onFire: @escaping () -> Void) -> LoopTimer {
        let timer = LoopTimer(self, onFire: onFire)
        timer.arm(every: interval)
        return timer
    }
}

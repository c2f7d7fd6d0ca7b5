// One loop, one thread. Everything that touches the world of one agent happens here, one callback
// after the other, so nothing needs a lock and an effect follows its packet with no await between.
// Other threads only do what a FileQueue gives them.

public import Base
import CLibuv
import Glibc

/// An event loop. Made, run and dropped on one thread; every object made from it belongs there too.
///
/// An object made on the loop (a timer, a connection, a listener) lives as long as somebody holds
/// it: dropping it closes it. Dropping the loop closes all of them; they do nothing from then on.
public final class Loop {
    /// nil once closed.
    private(set) var raw: UnsafeMutablePointer<uv_loop_t>?
    /// Where libuv reads into; each read is copied out before the next.
    let readBuffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 1024, alignment: 16)
    private var soonQueue: [() -> Void] = []
    /// Not a `Handle`: that would hold the loop, and the loop it.
    private var soonTimer: UnsafeMutablePointer<uv_timer_t>?
    /// Objects that must live on although nobody else may hold them: children until they are
    /// reaped, connections until they have written their last byte.
    private var kept: [ObjectIdentifier: AnyObject] = [:]
    private var isRunning = false

    /// - Throws: when the system has no descriptor left for the loop.
    public init() throws(UVError) {
        // A write to a closed socket must be an error of that write, not the end of the process.
        // libuv gives children the default disposition back.
        signal(SIGPIPE, SIG_IGN)
        let raw = UnsafeMutablePointer<uv_loop_t>.allocate(capacity: 1)
        let result = uv_loop_init(raw)
        guard result >= 0 else {
            raw.deallocate()
            throw UVError(code: result, operation: "create an event loop")
        }
        self.raw = raw
        uv_loop_set_data(raw, Unmanaged.passUnretained(self).toOpaque())
    }

    deinit {
        close()
        readBuffer.deallocate()
    }

    /// Runs until ``stop()``, or until nothing is left that could happen.
    public func run() {
        turn(UV_RUN_DEFAULT)
    }

    /// Runs until the condition holds. It is looked at before the first callback and after every
    /// turn of the loop.
    /// - Parameters:
    ///   - limit: how long to wait at most.
    ///   - condition: what to wait for.
    /// - Returns: whether the condition holds.
    public func run(within limit: Duration, until condition: () -> Bool) -> Bool {
        let deadline = now + limit
        // The timer is what ends a turn in which nothing else happens.
        let timer = every(.milliseconds(10)) {}
        defer { timer.cancel() }
        while !condition() {
            guard now < deadline, raw != nil else { return false }
            turn(UV_RUN_ONCE)
        }
        return true
    }

    /// Ends ``run()`` after the callback that is running now.
    public func stop() {
        if let raw { uv_stop(raw) }
    }

    /// The monotonic clock, read anew.
    public var now: Instant { Self.now }

    static var now: Instant { Instant(nanoseconds: Int64(uv_hrtime())) }

    /// The wall clock, for people and ledgers only.
    public var wallTime: WallTime {
        var time = uv_timeval64_t()
        uv_gettimeofday(&time)
        return WallTime(
            millisecondsSinceEpoch: time.tv_sec * 1000 + Int64(time.tv_usec) / 1000)
    }

    /// Runs the work once the present callback has returned, in the order of the calls: the way
    /// to report a result that is already there without calling back into one's own caller.
    public func soon(_ work: @escaping () -> Void) {
        guard raw != nil else { return }
        if soonQueue.isEmpty { armSoonTimer() }
        soonQueue.append(work)
    }

    /// Closes every handle and runs until libuv has let go of them. Objects made on this loop stay
    /// valid and do nothing any more; callbacks still owed are dropped. Closing twice is allowed.
    public func close() {
        guard let raw else { return }
        invariant(!isRunning, "a loop was closed from within one of its own callbacks")
        self.raw = nil
        soonQueue = []
        kept = [:]
        if let soonTimer {
            uv_close(UnsafeMutableRawPointer(soonTimer).assumingMemoryBound(to: uv_handle_t.self)) {
                UnsafeMutableRawPointer($0)?.deallocate()
            }
        }
        soonTimer = nil
        repeat {
            uv_walk(raw, { handle, _ in Handle.of(handle)?.close() }, nil)
        } while uv_run(raw, UV_RUN_DEFAULT) != 0
        let result = uv_loop_close(raw)
        invariant(result == 0, "a handle outlived its loop: uv_loop_close gave \(result)")
        raw.deallocate()
    }

    /// Whether ``close()`` was called.
    public var isClosed: Bool { raw == nil }

    // MARK: - For the objects of this module

    /// Keeps an object alive until ``letGo(of:)`` or until the loop closes.
    func keep(_ object: AnyObject) {
        kept[ObjectIdentifier(object)] = object
    }

    func letGo(of object: AnyObject) {
        kept[ObjectIdentifier(object)] = nil
    }

    private func turn(_ mode: uv_run_mode) {
        guard let raw else { return }
        invariant(!isRunning, "a loop was run from within one of its own callbacks")
        isRunning = true
        uv_run(raw, mode)
        isRunning = false
    }

    private func armSoonTimer() {
        let timer = soonTimer ?? .allocate(capacity: 1)
        if soonTimer == nil {
            uv_timer_init(raw, timer)
            timer.pointee.data = nil
            soonTimer = timer
        }
        uv_timer_start(
            timer,
            { timer in
                guard let data = timer?.pointee.loop?.pointee.data else { return }
                Unmanaged<Loop>.fromOpaque(data).takeUnretainedValue().runSoonQueue()
            }, 0, 0)
    }

    private func runSoonQueue() {
        let queue = soonQueue
        soonQueue = []
        for work in queue where raw != nil { work() }
    }
}

@available(*, unavailable) extension Loop: Sendable {}

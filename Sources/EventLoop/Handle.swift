// Who owns what. libuv keeps a pointer to every handle until the callback of `uv_close` has run, so
// the C struct lives in the heap and outlives its Swift owner by up to one turn of the loop.
//
//     LoopTimer, StreamConnection …  ──owns──▶  Handle  ──owns──▶  uv_timer_t, uv_tcp_t …
//              ▲                                  │  ▲                    │
//              └──────────── weak ────────────────┘  └───── data ─────────┘
//
// Whoever drops the outer object closes the handle: nothing leaks, nothing has to be remembered.
// Whoever drops the loop closes all of them; the objects know the loop weakly and hold it not.
// `data` is cleared as the handle closes, so a callback that libuv still owes finds no owner and
// does nothing. Use after close is not an error: every operation on a closed object is a no-op.

import CLibuv

/// The owner of one libuv handle. Confined to the loop's thread.
final class Handle {
    /// nil once the loop is gone, and with it the handle.
    private(set) weak var loop: Loop?
    /// The object whose methods the handle's callbacks call.
    weak var owner: AnyObject?
    /// Called once, just before the handle closes.
    var onClose: (() -> Void)?
    private var memory: UnsafeMutableRawPointer?

    /// Opens a handle. On a loop that was closed the handle is born closed.
    /// - Throws: what `open` returned, when negative. `open` must be one of the `uv_*_init`
    ///   functions: those leave nothing to close when they fail.
    init<Raw>(
        _ type: Raw.Type, loop: Loop, _ operation: String, _ subject: String = "",
        open: (UnsafeMutablePointer<uv_loop_t>, UnsafeMutablePointer<Raw>) -> Int32
    ) throws(UVError) {
        self.loop = loop
        guard let rawLoop = loop.raw else { return }
        let raw = UnsafeMutablePointer<Raw>.allocate(capacity: 1)
        let result = open(rawLoop, raw)
        guard result >= 0 else {
            raw.deallocate()
            throw UVError(code: result, operation: operation, subject: subject)
        }
        memory = UnsafeMutableRawPointer(raw)
        base?.pointee.data = Unmanaged.passUnretained(self).toOpaque()
    }

    deinit {
        close()
    }

    /// The handle as the libuv type that it was opened as, or a base of it; nil once closed.
    func raw<Raw>(as type: Raw.Type) -> UnsafeMutablePointer<Raw>? {
        memory?.assumingMemoryBound(to: Raw.self)
    }

    var isClosed: Bool { memory == nil }

    /// Closes the handle. libuv may still call back once; it will find no owner.
    func close() {
        guard let base else { return }
        onClose?()
        onClose = nil
        memory = nil
        base.pointee.data = nil
        uv_close(base) { UnsafeMutableRawPointer($0)?.deallocate() }
    }

    private var base: UnsafeMutablePointer<uv_handle_t>? { raw(as: uv_handle_t.self) }

    /// The handle that a callback was called for; nil when it was closed in the meantime.
    static func of(_ raw: UnsafeMutableRawPointer?) -> Handle? {
        guard let data = raw?.assumingMemoryBound(to: uv_handle_t.self).pointee.data else {
            return nil
        }
        return Unmanaged<Handle>.fromOpaque(data).takeUnretainedValue()
    }

    /// The Swift object that a callback was called for; nil when it was closed in the meantime.
    static func owner<Owner: AnyObject>(
        of raw: UnsafeMutableRawPointer?, as type: Owner.Type
    ) -> Owner? {
        of(raw)?.owner as? Owner
    }
}

@available(*, unavailable) extension Handle: Sendable {}

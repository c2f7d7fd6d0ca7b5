// Watching what the loop does not own: the descriptor of another library, and signals.

import CLibuv

/// Watches a descriptor that somebody else reads, writes and closes: libmicrohttpd's epoll
/// descriptor, libcurl's sockets. Stop or drop the watcher before the descriptor is closed.
/// Dropping it ends the watch.
public final class PollWatcher {
    /// What to wait for, and what has come.
    public struct Events: OptionSet, Hashable, Sendable {
        public let rawValue: Int32

        public init(rawValue: Int32) {
            self.rawValue = rawValue
        }

        public static let readable = Events(rawValue: Int32(UV_READABLE.rawValue))
        public static let writable = Events(rawValue: Int32(UV_WRITABLE.rawValue))
    }

    private let handle: Handle
    private var onEvents: ((Events) -> Void)?

    /// - Throws: when the descriptor cannot be polled, or is being watched already.
    public init(_ loop: Loop, descriptor: Int32) throws(UVError) {
        handle = try Handle(uv_poll_t.self, loop: loop, "watch descriptor", "\(descriptor)") {
            uv_poll_init($0, $1, descriptor)
        }
        handle.owner = self
    }

    /// Starts the watch, or changes what it waits for. Level-triggered: it calls back for as long
    /// as an event stands. An error or hang-up of the descriptor is told as every event asked for.
    /// - Throws: when the system refuses to poll the descriptor.
    public func start(
        _ interest: Events, onEvents: @escaping (Events) -> Void
    ) throws(UVError) {
        guard let raw = handle.raw(as: uv_poll_t.self) else { return }
        self.onEvents = onEvents
        self.interest = interest
        let result = uv_poll_start(raw, interest.rawValue) { raw, status, events in
            Handle.owner(of: raw, as: PollWatcher.self)?.ready(status: status, events: events)
        }
        try check(result, "watch a descriptor")
    }

    /// Ends the watch; it can be started again.
    public func stop() {
        if let raw = handle.raw(as: uv_poll_t.self) { uv_poll_stop(raw) }
        onEvents = nil
    }

    private var interest: Events = []

    private func ready(status: Int32, events: Int32) {
        onEvents?(status < 0 ? interest : Events(rawValue: events))
    }
}

@available(*, unavailable) extension PollWatcher: Sendable {}

/// Calls back on the loop for every delivery of a signal. Dropping it gives the signal its default
/// effect back.
public final class SignalWatcher {
    private let handle: Handle
    private let onSignal: () -> Void

    /// - Throws: when the signal cannot be caught.
    public init(
        _ loop: Loop, signal: Int32, onSignal: @escaping () -> Void
    ) throws(UVError) {
        self.onSignal = onSignal
        handle = try Handle(uv_signal_t.self, loop: loop, "watch signal", "\(signal)") {
            uv_signal_init($0, $1)
        }
        handle.owner = self
        guard let raw = handle.raw(as: uv_signal_t.self) else { return }
        let result = uv_signal_start(
            raw, { raw, _ in Handle.owner(of: raw, as: SignalWatcher.self)?.onSignal() }, signal)
        try check(result, "watch signal", "\(signal)")
    }
}

@available(*, unavailable) extension SignalWatcher: Sendable {}

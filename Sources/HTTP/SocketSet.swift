// What libmicrohttpd and libcurl need of the loop. Both open and close sockets of their own accord,
// so neither gets a watcher of the loop for each of them: an epoll set forgets a closed descriptor
// by itself, and is itself pollable. The loop watches one descriptor and keeps one timer for each
// server or client, and an idle one costs nothing.

import CMicrohttpd
import EventLoop
import Glibc

/// An epoll set and a timer in the loop. Lives until ``close()``.
final class SocketSet {
    /// A member of the set that is ready.
    struct Event {
        let token: UInt64
        let flags: UInt32
    }

    static let readable = EPOLLIN.rawValue
    static let writable = EPOLLOUT.rawValue
    static let failed = EPOLLERR.rawValue | EPOLLHUP.rawValue
    /// The peer closed its side; reported once, since nobody reads it away.
    static let peerClosed = EPOLLRDHUP.rawValue | EPOLLONESHOT.rawValue

    /// Called with the members that are ready.
    var onEvents: (([Event]) -> Void)?
    /// Called when the time that ``wakeUp(afterMilliseconds:)`` set has passed.
    var onTimeout: (() -> Void)?

    private let loop: Loop
    private let descriptor: Int32
    private var watcher: PollWatcher?
    private var timer: LoopTimer?
    private var isDueAtOnce = false

    /// - Throws: when the process or the system has no descriptor left.
    init(loop: Loop) throws(UVError) {
        self.loop = loop
        descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard descriptor >= 0 else {
            throw UVError(errno: errno, operation: "create an epoll set")
        }
        let watcher = try PollWatcher(loop, descriptor: descriptor)
        self.watcher = watcher
        timer = LoopTimer(loop) { [weak self] in self?.onTimeout?() }
        try watcher.start(.readable) { [weak self] _ in self?.dispatch() }
    }

    deinit {
        close()
    }

    func close() {
        guard watcher != nil else { return }
        watcher = nil
        timer = nil
        onEvents = nil
        onTimeout = nil
        Glibc.close(descriptor)
    }

    /// Watches `member` for `flags` from now on; a member already in the set is changed.
    func watch(_ member: Int32, for flags: UInt32, token: UInt64) {
        var event = epoll_event(events: flags, data: epoll_data_t(u64: token))
        if epoll_ctl(descriptor, EPOLL_CTL_ADD, member, &event) != 0, errno == EEXIST {
            epoll_ctl(descriptor, EPOLL_CTL_MOD, member, &event)
        }
    }

    /// Takes `member` out; nothing happens where it is not in the set.
    func forget(_ member: Int32) {
        epoll_ctl(descriptor, EPOLL_CTL_DEL, member, nil)
    }

    /// Sets the one deadline, replacing the last; nil for none.
    func wakeUp(afterMilliseconds delay: Int64?) {
        isDueAtOnce = delay == 0
        switch delay {
        case nil: timer?.cancel()
        case 0:
            // Not the timer: it rounds up to its next millisecond.
            timer?.cancel()
            loop.soon { [weak self] in
                guard let self, isDueAtOnce else { return }
                isDueAtOnce = false
                onTimeout?()
            }
        case .some(let delay): timer?.arm(after: .milliseconds(delay))
        }
    }

    private func dispatch() {
        let events = withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: 64) { buffer in
            let count = epoll_wait(descriptor, buffer.baseAddress, Int32(buffer.count), 0)
            return buffer.prefix(max(0, Int(count))).map {
                Event(token: $0.data.u64, flags: $0.events)
            }
        }
        if !events.isEmpty { onEvents?(events) }
    }
}

@available(*, unavailable) extension SocketSet: Sendable {}

// The one door from other threads. Values cross; closures and loop-side objects do not.

import CLibuv
import Synchronization

/// The sending side of a ``LoopInbox``: may be held and used by any thread.
public final class LoopMailbox<Message: Sendable>: Sendable {
    private struct State {
        var waiting: [Message] = []
        /// nil once the inbox was dropped or its loop closed.
        var wakeUp: UnsafeMutablePointer<uv_async_t>?
    }

    private let state = Mutex(State())

    /// Puts a message into the queue and wakes the loop.
    /// - Returns: false when the inbox is gone and the message was dropped.
    @discardableResult
    public func post(_ message: Message) -> Bool {
        state.withLock { state in
            guard let wakeUp = state.wakeUp else { return false }
            state.waiting.append(message)
            uv_async_send(wakeUp)
            return true
        }
    }

    fileprivate func open(_ wakeUp: UnsafeMutablePointer<uv_async_t>?) {
        // A pointer may not be sent into the mutex; its bits may.
        let address = UInt(bitPattern: wakeUp)
        state.withLock { $0.wakeUp = UnsafeMutablePointer(bitPattern: address) }
    }

    fileprivate func shut() {
        state.withLock { $0 = State() }
    }

    fileprivate func take() -> [Message] {
        state.withLock { state in
            let waiting = state.waiting
            state.waiting = []
            return waiting
        }
    }
}

/// The receiving side, on the loop: calls back for each message, in the order of posting.
/// Dropping it shuts the door. While it stands, ``Loop/run()`` does not return by itself.
public final class LoopInbox<Message: Sendable> {
    /// What other threads are given.
    public let mailbox = LoopMailbox<Message>()
    private let handle: Handle
    private let onMessage: (Message) -> Void
    private var receiver: InboxReceiver?

    /// - Throws: when the system has no descriptor left.
    public init(_ loop: Loop, onMessage: @escaping (Message) -> Void) throws(UVError) {
        self.onMessage = onMessage
        handle = try Handle(uv_async_t.self, loop: loop, "open a mailbox") {
            uv_async_init($0, $1) { Handle.owner(of: $0, as: InboxReceiver.self)?.receive() }
        }
        let receiver = InboxReceiver { [weak self] in self?.receive() }
        self.receiver = receiver
        handle.owner = receiver
        // Before libuv frees the handle, no thread may be able to wake it any more.
        handle.onClose = { [mailbox] in mailbox.shut() }
        mailbox.open(handle.raw(as: uv_async_t.self))
    }

    private func receive() {
        for message in mailbox.take() { onMessage(message) }
    }
}

@available(*, unavailable) extension LoopInbox: Sendable {}

/// What the C callback calls: a C function cannot know the type of the message.
private final class InboxReceiver {
    let receive: () -> Void

    init(receive: @escaping () -> Void) {
        self.receive = receive
    }
}

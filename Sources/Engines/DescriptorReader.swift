// The shim's end of a pipe. A pipe and no socket pair, as libuv would make for a child: a program
// that opens /dev/stderr anew fails on a socket. Standard output and error share one pipe, so that
// their order is kept.

import CSystem
import EventLoop
import Glibc

/// Both ends of a new pipe, closed in every child that is not given one.
struct PipeEnds {
    let reading: Int32
    let writing: Int32

    init() throws(UVError) {
        var ends: [Int32] = [-1, -1]
        guard csystem_pipe(&ends) == 0 else {
            throw UVError(errno: errno, operation: "make a pipe")
        }
        reading = ends[0]
        writing = ends[1]
    }
}

/// Reads a descriptor until its end, and closes it then or when dropped.
final class DescriptorReader {
    private let descriptor: Int32
    private var watcher: PollWatcher?
    private let onBytes: ([UInt8]) -> Void
    private let onEnd: () -> Void
    private var buffer = [UInt8](repeating: 0, count: 64 * 1024)

    init(
        _ loop: Loop, descriptor: Int32, onBytes: @escaping ([UInt8]) -> Void,
        onEnd: @escaping () -> Void = {}
    ) throws(UVError) {
        self.descriptor = descriptor
        self.onBytes = onBytes
        self.onEnd = onEnd
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        let watcher = try PollWatcher(loop, descriptor: descriptor)
        self.watcher = watcher
        try watcher.start(.readable) { [weak self] _ in _ = self?.readOnce() }
    }

    deinit {
        watcher = nil
        close(descriptor)
    }

    /// Reads all that is there now.
    func drain() {
        while readOnce() {}
    }

    /// Whether there may be more at once.
    private func readOnce() -> Bool {
        guard watcher != nil else { return false }
        let count = read(descriptor, &buffer, buffer.count)
        if count > 0 {
            onBytes(Array(buffer[..<count]))
            return true
        }
        guard count == 0 || (errno != EAGAIN && errno != EINTR) else { return false }
        watcher = nil
        onEnd()
        return false
    }
}

@available(*, unavailable) extension DescriptorReader: Sendable {}

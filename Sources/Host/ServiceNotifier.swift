// Telling the service manager: one datagram per message to the socket that $NOTIFY_SOCKET names
// (sd_notify(3), whose manual blesses doing so without its library).

import Glibc

/// Reports readiness and signs of life to systemd, or to nobody where none asked.
public struct ServiceNotifier: Sendable {
    /// What is told.
    public enum Message: String, Hashable, Sendable, CaseIterable {
        case ready = "READY=1"
        case stopping = "STOPPING=1"
        case watchdog = "WATCHDOG=1"
    }

    private let socketPath: String?
    /// How often ``Message/watchdog`` is expected at least; nil where it is not.
    public let watchdogInterval: Duration?

    /// - Parameters:
    ///   - socketPath: a path, or `@name` for an abstract socket; nil tells nobody.
    ///   - watchdogInterval: as the service manager gave it.
    public init(socketPath: String?, watchdogInterval: Duration? = nil) {
        self.socketPath = socketPath
        self.watchdogInterval = watchdogInterval
    }

    /// Takes what the service manager put into the environment out of it: an engine that is
    /// started later must not report in the agent's name.
    public static func takingFromEnvironment() -> ServiceNotifier {
        let path = take("NOTIFY_SOCKET")
        let microseconds = take("WATCHDOG_USEC").flatMap { Int64($0) }
        // Without it, or with another process's number, the watchdog is not meant for us.
        let isOurs = take("WATCHDOG_PID").map { Int32($0) == getpid() } ?? true
        return ServiceNotifier(
            socketPath: path,
            watchdogInterval: isOurs ? microseconds.map { .microseconds($0) } : nil)
    }

    /// Sends the message and never waits. A service manager that does not read loses it.
    /// - Returns: whether it was handed over.
    @discardableResult
    public func send(_ message: Message) -> Bool {
        guard let socketPath, var address = Self.address(socketPath) else { return false }
        let descriptor = socket(
            AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        let bytes = Array(message.rawValue.utf8)
        let sent = withUnsafePointer(to: &address.storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(
                    descriptor, bytes, bytes.count, Int32(MSG_DONTWAIT), $0,
                    address.length)
            }
        }
        return sent == bytes.count
    }

    private static func take(_ name: String) -> String? {
        defer { unsetenv(name) }
        return getenv(name).map { String(cString: $0) }
    }

    /// nil when the path does not fit.
    static func address(_ path: String) -> (storage: sockaddr_un, length: socklen_t)? {
        var storage = sockaddr_un()
        storage.sun_family = sa_family_t(AF_UNIX)
        var name = Array(path.utf8)
        let isAbstract = name.first == UInt8(ascii: "@")
        if isAbstract { name[0] = 0 }
        let capacity = MemoryLayout.size(ofValue: storage.sun_path)
        guard !name.isEmpty, name.count < capacity else { return nil }
        withUnsafeMutableBytes(of: &storage.sun_path) { $0.copyBytes(from: name) }
        let header = MemoryLayout<sockaddr_un>.size - capacity
        // An abstract name has no end mark: its length is all of it.
        return (storage, socklen_t(header + name.count + (isAbstract ? 0 : 1)))
    }
}

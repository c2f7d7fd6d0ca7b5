// Who a process is. A number alone says nothing: it is given to another process as soon as the
// first one is reaped. Number, start time and boot together name one process for ever (proc(5),
// `/proc/pid/stat`, field 22), and a signal sent through a pidfd reaches that one or nobody.

public import Base
import CSystem
import EventLoop
import Glibc

/// One process of one boot of this host.
public struct ProcessIdentity: Hashable, Sendable {
    public let processID: Int32
    /// Clock ticks from the boot to the start of the process.
    public let startTicks: UInt64
    /// The kernel's name of this boot.
    public let boot: String

    public init(processID: Int32, startTicks: UInt64, boot: String) {
        self.processID = processID
        self.startTicks = startTicks
        self.boot = boot
    }

    /// Who has that number now; nil when nobody has, or only one that has ended.
    public init?(of processID: Int32) {
        guard let entry = ProcessEntry(processID: processID), !entry.hasEnded else { return nil }
        self = entry.identity
    }

    /// The process that asks.
    public static var current: ProcessIdentity? { ProcessIdentity(of: getpid()) }

    /// Whether it still runs. One that has ended and is not reaped does not.
    public var isAlive: Bool { ProcessIdentity(of: processID) == self }

    /// Sends a signal to this process and never to another one.
    /// - Returns: whether it was sent; false when the process is gone or not ours to signal.
    @discardableResult
    public func send(signal: Int32) -> Bool {
        let descriptor = csystem_pidfd_open(processID)
        guard descriptor >= 0 else {
            // Before Linux 5.3 the look and the kill are two steps, with microseconds between.
            return errno == ENOSYS && holdsNumber && kill(processID, signal) == 0
        }
        defer { close(descriptor) }
        // Looked at after the descriptor was opened: what is seen now is what it means.
        return holdsNumber && csystem_pidfd_send_signal(descriptor, signal) == 0
    }

    /// Also true of one that has ended and is not reaped, whose threads may live on.
    private var holdsNumber: Bool { ProcessEntry(processID: processID)?.identity == self }
}

extension ProcessIdentity {
    /// The kernel's name of this boot; empty where `/proc` is not there.
    public static let currentBoot: String =
        ProcFile.text("/proc/sys/kernel/random/boot_id")
        .map(trimmed) ?? ""

    public var json: JSONValue {
        [
            "pid": .integer(Int64(processID)), "startTicks": .integer(Int64(startTicks)),
            "boot": .string(boot),
        ]
    }

    public init?(json: JSONValue) {
        guard let pid = json["pid"]?.integerValue, let processID = Int32(exactly: pid),
            let start = json["startTicks"]?.integerValue, let ticks = UInt64(exactly: start),
            let boot = json["boot"]?.stringValue
        else { return nil }
        self.init(processID: processID, startTicks: ticks, boot: boot)
    }
}

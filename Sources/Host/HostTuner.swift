// The host settings that the publication asks for before an engine starts: kernel parameters and
// the CPU frequency governor. They belong to the host, not to a process, and outlive the engine, so
// they are compared first and written only where they differ.

/// One setting wanted.
public enum HostSetting: Hashable, Sendable, CustomStringConvertible {
    /// A kernel parameter by its dotted name, as sysctl(8) takes it.
    case sysctl(name: String, value: String)
    /// The frequency governor of every CPU.
    case governor(String)

    public var description: String {
        switch self {
        case .sysctl(let name, let value): "\(name)=\(value)"
        case .governor(let name): "CPU governor \(name)"
        }
    }
}

/// A setting that is not as wanted, or could not be made so.
public struct HostDifference: Hashable, Sendable, CustomStringConvertible {
    public let wanted: HostSetting
    /// What stands there instead, or why it cannot be read or written.
    public let found: String

    public init(wanted: HostSetting, found: String) {
        self.wanted = wanted
        self.found = found
    }

    public var description: String { "\(wanted): \(found)" }
}

/// Compares and changes settings of a host.
public protocol HostTuner {
    /// The settings that are not as wanted, in the order given.
    func differences(from wanted: [HostSetting]) -> [HostDifference]
    /// Makes the settings so.
    /// - Returns: those that could not be made so, with the reason.
    func apply(_ wanted: [HostSetting]) -> [HostDifference]
}

/// A host in memory: for rehearsals, which must not touch the real one, and for tests.
public final class RecordingHostTuner: HostTuner {
    /// What was applied, in order.
    public private(set) var applied: [HostSetting] = []

    public init() {}

    public func differences(from wanted: [HostSetting]) -> [HostDifference] {
        wanted.filter { !applied.contains($0) }
            .map { HostDifference(wanted: $0, found: "left alone") }
    }

    public func apply(_ wanted: [HostSetting]) -> [HostDifference] {
        applied += wanted
        return []
    }
}

@available(*, unavailable) extension RecordingHostTuner: Sendable {}

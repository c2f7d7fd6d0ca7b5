// The host settings that the publication asks for before an engine starts: kernel parameters, the CPU
// frequency governor, and ports that no outgoing connection may take. They belong to the host, not to a
// process, and outlive the engine: so they are compared first, written only where they differ, and what
// stood there before is remembered, so that it can be put back.

public import Ascend

/// One setting wanted.
public enum HostSetting: Hashable, Sendable, CustomStringConvertible {
    /// A kernel parameter by its dotted name, as sysctl(8) takes it.
    case sysctl(name: String, value: String)
    /// The frequency governor of every CPU.
    case governor(String)
    /// Ports that are kept from outgoing connections, besides those that are already.
    case reservedPorts(PortSet)

    public var description: String {
        switch self {
        case .sysctl(let name, let value): "\(name)=\(value)"
        case .governor(let name): "CPU governor \(name)"
        case .reservedPorts(let ports): "reserved ports \(ports)"
        }
    }
}

/// A setting that is not as wanted, or could not be made so.
public struct HostDifference: Hashable, Sendable, CustomStringConvertible {
    public let wanted: HostSetting
    /// What stands there instead, or why it cannot be read or written.
    public let found: String
    /// The host has it: whether it could be made so is a matter of permission.
    public let isSettable: Bool

    public init(wanted: HostSetting, found: String, isSettable: Bool = true) {
        self.wanted = wanted
        self.found = found
        self.isSettable = isSettable
    }

    public var description: String { "\(wanted): \(found)" }
}

/// One change of one file of the kernel's, complete enough to be undone by somebody else later.
public enum HostChange: Hashable, Sendable {
    /// The file, as a path of the node, and its text without white space at the ends.
    case text(file: String, before: String, after: String)
    /// Ports that were added to those that the file has.
    case ports(file: String, added: PortSet)

    public var file: String {
        switch self {
        case .text(let file, _, _), .ports(let file, _): file
        }
    }
}

/// What became of a change that was to be undone.
public enum HostUndo: Hashable, Sendable {
    /// It stands as before.
    case undone
    /// It stood as before already.
    case alreadyBack
    /// Somebody has set something else since, which is left alone.
    case left(found: String)
    case failed(String)
}

/// Compares and changes settings of a host. It remembers nothing: ``HostTuning`` does.
public protocol HostTuner: Sendable {
    /// The settings that are not as wanted, in the order given.
    func differences(from wanted: [HostSetting]) -> [HostDifference]
    /// What would have to be changed. What cannot be read is left out.
    func changes(for wanted: [HostSetting]) -> [HostChange]
    /// Makes a change.
    /// - Returns: nil, or why it could not be made.
    func make(_ change: HostChange) -> String?
    func undo(_ change: HostChange) -> HostUndo
}

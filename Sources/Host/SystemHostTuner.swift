// The real host: kernel parameters are the files of /proc/sys, and each CPU has its governor under
// /sys/devices/system/cpu (Linux, admin-guide/sysctl and admin-guide/pm/cpufreq). Writing needs root.

import Ascend
import EventLoop
import Glibc

/// Reads and writes the settings of this host.
public struct SystemHostTuner: HostTuner, Sendable {
    private let root: HostRoot

    private static let reservedPortsFile = parameterPath("net.ipv4.ip_local_reserved_ports")

    /// - Parameter root: what has `/proc` and `/sys`.
    public init(root: HostRoot = HostRoot()) {
        self.root = root
    }

    public func differences(from wanted: [HostSetting]) -> [HostDifference] {
        wanted.compactMap { setting in
            let files = files(of: setting)
            guard !files.isEmpty else {
                return HostDifference(
                    wanted: setting, found: "no CPU here has a governor", isSettable: false)
            }
            for file in files {
                guard let text = text(file) else {
                    guard Files.exists(root.path(file)) else {
                        return HostDifference(
                            wanted: setting, found: "this kernel has no \(file)",
                            isSettable: false)
                    }
                    return HostDifference(wanted: setting, found: "\(file) cannot be read")
                }
                guard let change = change(of: file, text, for: setting),
                    let missed = missed(setting, change)
                else { continue }
                let found = text.isEmpty ? "empty" : text
                return HostDifference(wanted: missed, found: "\(file) is \(found)")
            }
            return nil
        }
    }

    public func changes(for wanted: [HostSetting]) -> [HostChange] {
        wanted.flatMap { setting in
            files(of: setting).compactMap { file in
                text(file).flatMap { change(of: file, $0, for: setting) }
            }
        }
    }

    public func make(_ change: HostChange) -> String? {
        switch change {
        case .text(let file, _, let after): return write(after, to: file)
        case .ports(let file, let added):
            guard let now = ports(file) else { return "\(file) cannot be read" }
            return write(now.union(added).description, to: file)
        }
    }

    public func undo(_ change: HostChange) -> HostUndo {
        guard let found = text(change.file) else {
            return .failed("\(change.file) cannot be read")
        }
        let failure: String?
        switch change {
        case .text(let file, let before, let after):
            if words(found) == words(before) { return .alreadyBack }
            guard words(found) == words(after) else { return .left(found: found) }
            failure = write(before, to: file)
        case .ports(let file, let added):
            guard let now = ports(file) else { return .left(found: found) }
            guard !now.intersection(added).isEmpty else { return .alreadyBack }
            failure = write(now.subtracting(added).description, to: file)
        }
        return failure.map { .failed($0) } ?? .undone
    }

    // MARK: - Files, as paths of the node

    private func files(of setting: HostSetting) -> [String] {
        switch setting {
        case .sysctl(let name, _): return [Self.parameterPath(name)]
        case .reservedPorts: return [Self.reservedPortsFile]
        case .governor:
            let directory = "/sys/devices/system/cpu"
            return ((try? Files.list(root.path(directory))) ?? [])
                .filter { $0.name.hasPrefix("cpu") && Int($0.name.dropFirst(3)) != nil }
                .map { "\(directory)/\($0.name)/cpufreq/scaling_governor" }
                .filter { Files.exists(root.path($0)) }
        }
    }

    /// nil where the file, which has that text, is as wanted.
    private func change(
        of file: String, _ text: String, for setting: HostSetting
    ) -> HostChange? {
        switch setting {
        case .sysctl(_, let value), .governor(let value):
            return words(text) == words(value)
                ? nil : .text(file: file, before: text, after: value)
        case .reservedPorts(let wanted):
            let missing = wanted.subtracting(ports(file) ?? PortSet([]))
            return missing.isEmpty ? nil : .ports(file: file, added: missing)
        }
    }

    /// What of a setting matters while the change is not made: of ports, those that an outgoing connection
    /// may take. The others are reserved for the day when somebody widens that range.
    private func missed(_ setting: HostSetting, _ change: HostChange) -> HostSetting? {
        guard case .ports(_, let added) = change,
            let text = text(Self.parameterPath("net.ipv4.ip_local_port_range")),
            let ephemeral = try? PortRange.pair(text)
        else { return setting }
        let atRisk = added.intersection(PortSet([ephemeral]))
        return atRisk.isEmpty ? nil : .reservedPorts(atRisk)
    }

    /// The file of a kernel parameter. As in sysctl(8): a dot separates, and a slash stands for
    /// a dot within a name.
    static func parameterPath(_ name: String) -> String {
        "/proc/sys/" + String(name.map { $0 == "." ? "/" : $0 == "/" ? "." : $0 })
    }

    private func text(_ file: String) -> String? {
        ProcFile.text(root.path(file)).map { trimmed($0) }
    }

    private func ports(_ file: String) -> PortSet? {
        guard let text = text(file), let ranges = try? PortRange.list(text) else { return nil }
        return PortSet(ranges)
    }

    /// A kernel parameter of several numbers has tabs between them where people write spaces.
    private func words(_ text: String) -> [Substring] { text.split(whereSeparator: \.isWhitespace) }

    /// Written in place and in one call: these files are neither renamed nor synced. The kernel may round
    /// or refuse silently, so what counts is what stands there then: ``HostTuning`` compares again.
    private func write(_ value: String, to file: String) -> String? {
        let path = root.path(file)
        let descriptor = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC)
        guard descriptor >= 0 else {
            return UVError(errno: errno, operation: "open", subject: path).description
        }
        defer { close(descriptor) }
        let line = Array("\(value)\n".utf8)
        guard Glibc.write(descriptor, line, line.count) == line.count else {
            return UVError(errno: errno, operation: "write to", subject: path).description
        }
        return nil
    }
}

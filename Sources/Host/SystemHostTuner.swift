// The real host: kernel parameters are the files of /proc/sys, and each CPU has its governor under
// /sys/devices/system/cpu (Linux, admin-guide/sysctl and admin-guide/pm/cpufreq). Writing needs root.

import EventLoop
import Glibc

/// Reads and writes the settings of this host.
public struct SystemHostTuner: HostTuner, Sendable {
    /// What stands before `/proc` and `/sys`; empty for the real ones.
    private let root: String

    public init(root: String = "") {
        self.root = root
    }

    public func differences(from wanted: [HostSetting]) -> [HostDifference] {
        wanted.compactMap { setting in
            let files = files(of: setting)
            guard !files.isEmpty else {
                return HostDifference(wanted: setting, found: "no CPU here has a governor")
            }
            for file in files {
                guard let text = ProcFile.text(file) else {
                    return HostDifference(wanted: setting, found: "\(file) cannot be read")
                }
                if words(text) != words(value(of: setting)) {
                    return HostDifference(wanted: setting, found: "\(file) is \(trimmed(text))")
                }
            }
            return nil
        }
    }

    public func apply(_ wanted: [HostSetting]) -> [HostDifference] {
        differences(from: wanted).compactMap { difference in
            do throws(UVError) {
                for file in files(of: difference.wanted) {
                    try write(value(of: difference.wanted), to: file)
                }
            } catch {
                return HostDifference(wanted: difference.wanted, found: error.description)
            }
            // The kernel may round or refuse silently: what counts is what stands there now.
            return differences(from: [difference.wanted]).first
        }
    }

    private func value(of setting: HostSetting) -> String {
        switch setting {
        case .sysctl(_, let value): value
        case .governor(let name): name
        }
    }

    private func files(of setting: HostSetting) -> [String] {
        switch setting {
        case .sysctl(let name, _):
            return [root + Self.parameterPath(name)]
        case .governor:
            let directory = root + "/sys/devices/system/cpu"
            return ((try? Files.list(directory)) ?? [])
                .filter { $0.name.hasPrefix("cpu") && Int($0.name.dropFirst(3)) != nil }
                .map { "\(directory)/\($0.name)/cpufreq/scaling_governor" }
                .filter { Files.exists($0) }
        }
    }

    /// The file of a kernel parameter. As in sysctl(8): a dot separates, and a slash stands for
    /// a dot within a name.
    static func parameterPath(_ name: String) -> String {
        "/proc/sys/" + String(name.map { $0 == "." ? "/" : $0 == "/" ? "." : $0 })
    }

    /// A kernel parameter of several numbers has tabs between them where people write spaces.
    private func words(_ text: String) -> [Substring] { text.split(whereSeparator: \.isWhitespace) }

    /// Written in place and in one call: these files are neither renamed nor synced.
    private func write(_ value: String, to file: String) throws(UVError) {
        let descriptor = open(file, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw UVError(errno: errno, operation: "open", subject: file)
        }
        defer { close(descriptor) }
        let line = Array("\(value)\n".utf8)
        guard Glibc.write(descriptor, line, line.count) == line.count else {
            throw UVError(errno: errno, operation: "write to", subject: file)
        }
    }
}

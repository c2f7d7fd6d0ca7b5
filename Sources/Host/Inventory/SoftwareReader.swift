// Versions of what is installed, from the packages' own files: asking the libraries would load them.
// CANN lies in one tree up to 8.3 (ascend-toolkit/latest) and in another from 8.5 on (cann), and after
// an upgrade in both; which one counts is told by the script that the engine's environment comes from.

import Ascend
import Glibc

struct SoftwareReader: Sendable {
    let files: NodeFiles
    /// Of an engine.
    let environment: [String: String]

    private static let base = "/usr/local/Ascend"

    var driver: Fact<String> { version("\(driverBase)/driver/version.info") }
    var firmware: Fact<String> { version("\(driverBase)/firmware/version.info") }
    var nnal: Fact<String> { version("\(Self.base)/nnal/atb/latest/version.info") }

    /// The one that the environment names first; without one, in the order of the layouts.
    func installations() -> [CANNInstallation] {
        let toolkit = "\(Self.base)/ascend-toolkit"
        var candidates = [
            (home: "\(toolkit)/latest", scripts: ["\(toolkit)/set_env.sh"]),
            (home: "\(Self.base)/cann", scripts: ["\(Self.base)/cann/set_env.sh"]),
        ]
        if let home = environment["ASCEND_HOME_PATH"], home.hasPrefix("/") {
            candidates.append((home, ["\(home)/set_env.sh", "\(home)/../set_env.sh"]))
        }
        // One tree may have several names.
        var places: [String] = []
        let found = candidates.compactMap { home, scripts -> CANNInstallation? in
            guard let place = realPath(home), !places.contains(place) else { return nil }
            places.append(place)
            return installation(home, script: scripts.first { files.root.exists($0) })
        }
        guard let used = environment["ASCEND_HOME_PATH"].flatMap(realPath),
            let index = places.firstIndex(of: used)
        else { return found }
        return [found[index]] + found[..<index] + found[(index + 1)...]
    }

    /// Of the installation in use.
    func hccl(_ installation: CANNInstallation?) -> Fact<String> {
        guard let home = installation?.home else {
            return .unknown(Gap(.notInstalled, "HCCL", "there is no CANN"))
        }
        let paths = ["\(home)/share/info/hccl/version.info", "\(home)/hccl/version.info"]
        return version(paths.first { files.root.exists($0) } ?? paths[0])
    }

    private func installation(_ home: String, script: String?) -> CANNInstallation {
        let names = ["aarch64-linux", "x86_64-linux"].map { "\(home)/\($0)" } + [home]
        let paths =
            names.map { "\($0)/ascend_toolkit_install.info" }
            + ["\(home)/share/info/hccl/version.info", "\(home)/version.info"]
        let path = paths.first { files.root.exists($0) } ?? paths[0]
        let file = files.text(path).value.map { VersionFile($0) }
        return CANNInstallation(
            version: version(path), innerVersion: file?["innerversion"], home: home,
            environmentScript: script)
    }

    /// The driver's installer writes down where it was put.
    private var driverBase: String {
        let record = files.text("/etc/ascend_install.info").value.map { VersionFile($0) }
        return record?["Driver_Install_Path_Param"] ?? Self.base
    }

    private func version(_ path: String) -> Fact<String> {
        files.read(path) { text throws(ParseError) in try VersionFile(text).version() }
    }

    private func realPath(_ path: String) -> String? {
        guard let resolved = realpath(files.root.path(path), nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}

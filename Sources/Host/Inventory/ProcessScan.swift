// One pass over /proc for two questions: who has the NPUs' device files open, and does a firewall's daemon
// run. npu-smi lists only who has memory on a die, often without a name; the driver refuses a reset,
// and a new engine its start, as long as anybody has one of these files open.

import Ascend
import Base
import EventLoop
import Glibc

/// What one pass over the processes found.
struct ProcessScan: Sendable {
    let holders: Fact<[DeviceHolder]>
    /// Daemons of firewalls, sorted.
    let firewalls: [String]

    /// The files that every program of the NPUs opens, beside the dies' own.
    static let managerDevices: Set<String> = [
        "davinci_manager", "devmm_svm", "devmm_svm_agent", "dvpp_cmdlist", "hisi_hdc",
    ]

    /// They have a manager device open while they answer, most likely to this very inventory.
    private static let askingTools: Set<String> = ["npu-smi", "hccn_tool"]

    init(_ files: NodeFiles) {
        var holders: [DeviceHolder] = []
        var firewalls: Set<String> = []
        var hidden = 0
        let entries = files.names("/proc")
        for processID in (entries.value ?? []).compactMap({ Int32($0) }).sorted() {
            let name = files.word("/proc/\(processID)/comm").value ?? ""
            if name == "firewalld" { firewalls.insert(name) }
            if Self.askingTools.contains(name) { continue }
            switch Self.devices(of: processID, files) {
            case .known(let devices):
                guard !devices.isEmpty else { continue }
                holders.append(
                    DeviceHolder(
                        processID: processID, name: name,
                        commandLine: Self.commandLine(of: processID, files), devices: devices))
            // One that ended meanwhile holds nothing.
            case .unknown(let gap): if gap.kind == .notPermitted { hidden += 1 }
            }
        }
        self.firewalls = firewalls.sorted()
        if let gap = entries.gap {
            self.holders = .unknown(gap)
        } else if hidden > 0 {
            self.holders = .unknown(
                Gap(
                    .notPermitted, "holders of device files",
                    "\(hidden) processes of other users cannot be looked into; run as root"))
        } else {
            self.holders = .known(holders)
        }
    }

    /// Names without `/dev/`, sorted, each once.
    private static func devices(of processID: Int32, _ files: NodeFiles) -> Fact<[String]> {
        let directory = "/proc/\(processID)/fd"
        return files.names(directory).map { descriptors in
            let names = descriptors.compactMap { descriptor -> String? in
                let link = files.root.path("\(directory)/\(descriptor)")
                guard let target = ProcFile.target(of: link), target.hasPrefix("/dev/") else {
                    return nil
                }
                let name = String(target.dropFirst("/dev/".count))
                return isDevice(name) ? name : nil
            }
            return Set(names).sorted()
        }
    }

    private static func isDevice(_ name: String) -> Bool {
        managerDevices.contains(name)
            || name.hasPrefix("davinci") && Int(name.dropFirst("davinci".count)) != nil
    }

    private static func commandLine(of processID: Int32, _ files: NodeFiles) -> String {
        let text = files.text("/proc/\(processID)/cmdline").value ?? ""
        return text.split(separator: "\0").joined(separator: " ").printable.shortened(to: 200)
    }
}

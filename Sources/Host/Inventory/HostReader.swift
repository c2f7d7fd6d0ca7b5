// Everything of an inventory that stands in files or that the kernel tells at once. It takes tens of
// milliseconds on a machine of hundreds of cores, so all of it is one piece of work for a FileQueue.

import Ascend
import EventLoop
import Glibc

/// What the files of a node say.
struct HostReading: Sendable {
    let hostName: String
    let pciFunctions: Fact<[PCIFunctions]>
    let deviceFiles: [DieID]
    let scan: ProcessScan
    let roceAddresses: Fact<[RoCEAddress]>
    let driver: Fact<String>
    let firmware: Fact<String>
    let cann: [CANNInstallation]
    let hccl: Fact<String>
    let nnal: Fact<String>
    let interfaces: [HostInterface]
    let ownAddressesInHosts: [String]
    let firewall: Firewall
    let sharedMemoryBytes: Fact<Int>
    let openFiles: Fact<ResourceLimit>
    let lockedMemory: Fact<ResourceLimit>
    let kernel: KernelState
    let weights: Fact<WeightsDigest>
}

struct HostReader: Sendable {
    let files: NodeFiles
    let environment: [String: String]
    let request: InventoryRequest

    func read() -> HostReading {
        let software = SoftwareReader(files: files, environment: environment)
        let cann = software.installations()
        let scan = ProcessScan(files)
        let name = files.word("/proc/sys/kernel/hostname").value ?? ""
        return HostReading(
            hostName: name, pciFunctions: pciFunctions(), deviceFiles: deviceFiles(), scan: scan,
            roceAddresses: roceAddresses(), driver: software.driver, firmware: software.firmware,
            cann: cann, hccl: software.hccl(cann.first), nnal: software.nnal,
            interfaces: interfaces(), ownAddressesInHosts: ownAddresses(name),
            firewall: firewall(scan), sharedMemoryBytes: sharedMemoryBytes(),
            openFiles: limit("Max open files"), lockedMemory: limit("Max locked memory"),
            kernel: kernel(), weights: weights())
    }

    // MARK: - Devices

    /// The NPUs are the vendor's only processing accelerators (class 12).
    private func pciFunctions() -> Fact<[PCIFunctions]> {
        let directory = "/sys/bus/pci/devices"
        return files.names(directory).map { functions in
            let devices = functions.compactMap { name -> String? in
                let place = "\(directory)/\(name)"
                guard files.word("\(place)/vendor").value == "0x19e5",
                    files.word("\(place)/class").value?.hasPrefix("0x12") == true
                else { return nil }
                return files.word("\(place)/device").value.map { String($0.dropFirst(2)) }
            }
            return Dictionary(grouping: devices) { $0 }
                .map { PCIFunctions(device: $0.key, count: $0.value.count) }
                .sorted { $0.device < $1.device }
        }
    }

    private func deviceFiles() -> [DieID] {
        (files.names("/dev").value ?? []).filter { $0.hasPrefix("davinci") }
            .compactMap { Int($0.dropFirst("davinci".count)) }.sorted().map { DieID($0) }
    }

    private func roceAddresses() -> Fact<[RoCEAddress]> {
        files.text("/etc/hccn.conf").map { text in
            HCCNOutput.configuredAddresses(text).sorted { $0.key < $1.key }
                .map { RoCEAddress(die: $0.key, address: $0.value) }
        }
    }

    // MARK: - Network

    /// The kernel's own list: a network namespace has no root directory.
    private func interfaces() -> [HostInterface] {
        HostFacts.current().interfaces.map { link in
            let place = "/sys/class/net/\(link.name)"
            let speed = files.word("\(place)/speed").value.flatMap { Int($0) }
            return HostInterface(
                name: link.name, addresses: link.addresses, isUp: link.isUp,
                isLoopback: link.isLoopback,
                mtuBytes: files.word("\(place)/mtu").value.flatMap { Int($0) },
                speedMegabits: speed.flatMap { $0 > 0 ? $0 : nil })
        }
    }

    private func ownAddresses(_ name: String) -> [String] {
        HostFiles.addresses(of: name, hosts: files.text("/etc/hosts").value ?? "")
    }

    private func firewall(_ scan: ProcessScan) -> Firewall {
        let isSwitchedOn = VersionFile(files.text("/etc/ufw/ufw.conf").value ?? "")["ENABLED"]
        let units = ["multi-user", "sysinit", "network-pre", "basic"]
            .flatMap { files.names("/etc/systemd/system/\($0).target.wants").value ?? [] }
        let filters: Set<String> = ["firewalld", "nftables", "iptables", "ip6tables", "ufw"]
        let starting = units.filter { $0.hasSuffix(".service") }
            .map { String($0.dropLast(".service".count)) }
            .filter { filters.contains($0) }
        return Firewall(
            running: scan.firewalls + (isSwitchedOn?.lowercased() == "yes" ? ["ufw"] : []),
            startingAtBoot: Set(starting).sorted())
    }

    // MARK: - Limits

    private func limit(_ name: String) -> Fact<ResourceLimit> {
        files.read("/proc/self/limits") { text throws(ParseError) in
            try HostFiles.limit(name, in: text)
        }
    }

    /// The mount tells its size where one was given; else it is what the file system answers.
    private func sharedMemoryBytes() -> Fact<Int> {
        let place = "/dev/shm"
        let mounts = files.text("/proc/self/mounts").value ?? ""
        if let bytes = HostFiles.tmpfsBytes(at: place, mounts: mounts) { return .known(bytes) }
        var status = statvfs()
        guard statvfs(files.root.path(place), &status) == 0 else {
            let error = UVError(errno: errno, operation: "look at", subject: place)
            return .unknown(files.gap(place, error))
        }
        return .known(Int(status.f_blocks) * Int(status.f_frsize))
    }

    // MARK: - Kernel

    private func kernel() -> KernelState {
        let names = Set(KernelParameter.watched + request.parameters).sorted()
        return KernelState(
            release: files.word("/proc/sys/kernel/osrelease"),
            parameters: names.map { KernelParameter(name: $0, value: parameter($0)) },
            reservedPorts: files.read("/proc/sys/net/ipv4/ip_local_reserved_ports") {
                text throws(ParseError) in try PortRange.list(text)
            },
            ephemeralPorts: files.read("/proc/sys/net/ipv4/ip_local_port_range") {
                text throws(ParseError) in try PortRange.pair(text)
            },
            governors: governors(),
            transparentHugePages: files.read("/sys/kernel/mm/transparent_hugepage/enabled") {
                text throws(ParseError) in try HostFiles.chosen(in: text)
            }, virtualization: hypervisor())
    }

    private func hypervisor() -> Fact<String> {
        let names = ["sys_vendor", "product_name", "board_vendor", "bios_vendor"]
        return HypervisorSigns(
            firmware: names.compactMap { files.word("/sys/class/dmi/id/\($0)").value },
            processors: files.text("/proc/cpuinfo").value,
            kind: files.word("/sys/hypervisor/type").value,
            deviceTree: files.word("/proc/device-tree/hypervisor/compatible").value
        ).hypervisor
    }

    private func parameter(_ name: String) -> String? {
        files.text(SystemHostTuner.parameterPath(name)).value.map { text in
            text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        }
    }

    private func governors() -> Fact<[String]> {
        let directory = "/sys/devices/system/cpu"
        switch files.names(directory) {
        case .unknown(let gap): return .unknown(gap)
        case .known(let names):
            let found = names.filter { $0.hasPrefix("cpu") && Int($0.dropFirst(3)) != nil }
                .compactMap { files.word("\(directory)/\($0)/cpufreq/scaling_governor").value }
            guard !found.isEmpty else {
                return .unknown(Gap(.notInstalled, "CPU governor", "no CPU here has one"))
            }
            return .known(Set(found).sorted())
        }
    }

    // MARK: - Weights

    private func weights() -> Fact<WeightsDigest> {
        guard let path = request.weights else {
            return .unknown(Gap(.notAsked, "weights", "no directory was named"))
        }
        return files.names(path).map { names in
            let listed = names.filter { !$0.hasPrefix(".") }.compactMap { name in
                fileBytes("\(path)/\(name)").map { WeightsDigest.File(name: name, bytes: $0) }
            }
            return WeightsDigest(
                path: path, files: listed,
                configurationHash: files.text("\(path)/config.json").map { SHA256.hex($0.utf8) })
        }
    }

    /// The size of a file, through links, as the caches of model hubs are made of; nil for others.
    private func fileBytes(_ path: String) -> Int? {
        var status = stat()
        guard stat(files.root.path(path), &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return nil
        }
        return Int(status.st_size)
    }
}

// What a launch needs of the host besides its accelerators.

/// A process that has device files open: a leftover, an engine of ours, or somebody else's.
public struct DeviceHolder: Hashable, Sendable {
    public let processID: Int32
    /// The kernel's short name.
    public let name: String
    public let commandLine: String
    /// Without `/dev/`: `davinci3`, `davinci_manager`.
    public let devices: [String]

    public init(processID: Int32, name: String, commandLine: String, devices: [String]) {
        self.processID = processID
        self.name = name
        self.commandLine = commandLine
        self.devices = devices
    }

    /// The dies among them. A tool that only asks has a manager device open and no die.
    public var dies: [DieID] {
        devices.compactMap { name in
            name.hasPrefix("davinci") ? Int(name.dropFirst("davinci".count)).map { DieID($0) } : nil
        }
    }
}

/// A network interface of the host.
public struct HostInterface: Hashable, Sendable {
    public let name: String
    public let addresses: [String]
    public let isUp: Bool
    public let isLoopback: Bool
    public let mtuBytes: Int?
    /// nil where the driver does not tell.
    public let speedMegabits: Int?

    public init(
        name: String, addresses: [String], isUp: Bool, isLoopback: Bool, mtuBytes: Int?,
        speedMegabits: Int?
    ) {
        self.name = name
        self.addresses = addresses
        self.isUp = isUp
        self.isLoopback = isLoopback
        self.mtuBytes = mtuBytes
        self.speedMegabits = speedMegabits
    }
}

/// Packet filters. That none is named is no proof that nothing filters: only a dial is.
public struct Firewall: Hashable, Sendable {
    /// The daemons that run, and `ufw` where it is switched on.
    public let running: [String]
    /// The services that start with the host: a firewall that was stopped by hand is back then.
    public let startingAtBoot: [String]
    /// What drops or rejects, of what nft and iptables tell; not asked for in a quick look.
    public let rules: Fact<[FilterRule]>

    public init(
        running: [String], startingAtBoot: [String],
        rules: Fact<[FilterRule]> = .unknown(Gap(.notAsked, "packet filter", ""))
    ) {
        self.running = running
        self.startingAtBoot = startingAtBoot
        self.rules = rules
    }

    /// With these rules.
    public func with(_ rules: Fact<[FilterRule]>) -> Firewall {
        Firewall(running: running, startingAtBoot: startingAtBoot, rules: rules)
    }
}

/// A kernel parameter.
public struct KernelParameter: Hashable, Sendable {
    /// The dotted name of sysctl(8).
    public let name: String
    /// With one space between numbers; nil where this kernel has none of that name.
    public let value: String?

    public init(name: String, value: String?) {
        self.name = name
        self.value = value
    }

    /// Those that deployments set or depend on. A profile's own are added to them.
    public static let watched = [
        "fs.inotify.max_user_instances", "fs.inotify.max_user_watches",
        "kernel.numa_balancing", "kernel.sched_migration_cost_ns", "net.core.somaxconn",
        "vm.max_map_count", "vm.overcommit_memory", "vm.swappiness",
    ]
}

/// The kernel and its settings.
public struct KernelState: Hashable, Sendable {
    /// `5.10.0-216.0.0.115.oe2203sp4.aarch64`.
    public let release: Fact<String>
    /// Sorted by name.
    public let parameters: [KernelParameter]
    /// `net.ipv4.ip_local_reserved_ports`: never given to an outgoing connection.
    public let reservedPorts: Fact<[PortRange]>
    /// `net.ipv4.ip_local_port_range`: given to outgoing connections.
    public let ephemeralPorts: Fact<PortRange>
    /// The different governors of the CPUs, sorted; one where all are alike.
    public let governors: Fact<[String]>
    public let transparentHugePages: Fact<String>
    /// The hypervisor that the kernel runs under: `none` on the machine itself.
    public let virtualization: Fact<String>

    public init(
        release: Fact<String>, parameters: [KernelParameter], reservedPorts: Fact<[PortRange]>,
        ephemeralPorts: Fact<PortRange>, governors: Fact<[String]>,
        transparentHugePages: Fact<String>, virtualization: Fact<String>
    ) {
        self.release = release
        self.parameters = parameters
        self.reservedPorts = reservedPorts
        self.ephemeralPorts = ephemeralPorts
        self.governors = governors
        self.transparentHugePages = transparentHugePages
        self.virtualization = virtualization
    }
}

/// What tells one copy of the weights from another without reading half a terabyte.
public struct WeightsDigest: Hashable, Sendable {
    public struct File: Hashable, Sendable {
        public let name: String
        public let bytes: Int

        public init(name: String, bytes: Int) {
            self.name = name
            self.bytes = bytes
        }
    }

    public let path: String
    /// Sorted by name. Hidden files and subdirectories are left out.
    public let files: [File]
    /// The SHA-256 of `config.json`.
    public let configurationHash: Fact<String>

    public init(path: String, files: [File], configurationHash: Fact<String>) {
        self.path = path
        self.files = files
        self.configurationHash = configurationHash
    }

    public var totalBytes: Int { files.reduce(0) { $0 + $1.bytes } }
}

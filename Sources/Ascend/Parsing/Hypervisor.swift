// Whether a kernel runs on the machine itself. The signs are those that systemd-detect-virt goes by, read from
// files: what the firmware calls itself (DMI), what Xen and the device tree say, and the processor's own flag.
// An Arm processor has no such flag, so there the firmware's names are all there is.

/// What the files say of a hypervisor.
public struct HypervisorSigns: Hashable, Sendable {
    /// `sys_vendor`, `product_name`, `board_vendor` and `bios_vendor` of the firmware, those that can be read.
    public let firmware: [String]
    /// `/proc/cpuinfo`; nil where it cannot be read.
    public let processors: String?
    /// `/sys/hypervisor/type`; nil where there is none.
    public let kind: String?
    /// `hypervisor/compatible` of the device tree; nil where there is none.
    public let deviceTree: String?

    public init(firmware: [String], processors: String?, kind: String?, deviceTree: String?) {
        self.firmware = firmware
        self.processors = processors
        self.kind = kind
        self.deviceTree = deviceTree
    }

    /// Names by which firmware gives itself away.
    private static let makers = [
        ("KVM", "kvm"), ("QEMU", "qemu"), ("VMware", "vmware"), ("VMW", "vmware"),
        ("innotek GmbH", "oracle"), ("VirtualBox", "oracle"), ("Xen", "xen"), ("Bochs", "bochs"),
        ("Parallels", "parallels"), ("BHYVE", "bhyve"), ("Hyper-V", "microsoft"),
        ("Virtual Machine", "microsoft"), ("Amazon EC2", "amazon"), ("OpenStack", "kvm"),
        ("Alibaba Cloud", "kvm"), ("Google Compute Engine", "google"), ("HVM domU", "xen"),
    ]

    /// The hypervisor, `none`, or why it is not known.
    public var hypervisor: Fact<String> {
        for (sign, name) in Self.makers where firmware.contains(where: { $0.contains(sign) }) {
            return .known(name)
        }
        if let kind, !kind.isEmpty { return .known(kind) }
        if let deviceTree, !deviceTree.isEmpty {
            return .known(deviceTree.contains("kvm") ? "kvm" : deviceTree)
        }
        let flags = (processors ?? "").split(separator: "\n").first { $0.hasPrefix("flags") }
        if let flags {
            return .known(flags.split(separator: " ").contains("hypervisor") ? "unnamed" : "none")
        }
        guard !firmware.isEmpty else {
            return .unknown(
                Gap(.notInstalled, "/sys/class/dmi/id", "the firmware does not name itself"))
        }
        return .known("none")
    }
}

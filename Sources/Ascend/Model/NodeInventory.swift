// What a node is: everything that an expert looks up by hand before launching, in one value. It decides
// nothing; whoever judges it sees for each fact the value or why there is none.

/// The facts of one node at one time.
public struct NodeInventory: Hashable, Sendable {
    public let hostName: String
    /// The version of npu-smi, which is that of the driver package.
    public let toolVersion: Fact<String>
    /// Sorted by physical id.
    public let dies: Fact<[Die]>
    /// Rows of npu-smi's processes that could not be read: somebody may hold a die there, who and which is
    /// not known.
    public let unreadProcesses: [Gap]
    /// How many cards the driver lists; a card that fell off the bus is missing here or in the dies.
    public let cardCount: Fact<Int>
    /// PCI functions of the NPUs: one a die, `d803` on A3 and `d802` on A2; by device id, sorted.
    public let pciFunctions: Fact<[PCIFunctions]>
    /// The `N` of each `/dev/davinciN`.
    public let deviceFiles: [DieID]
    /// Whoever has `/dev/davinci*` or a manager device open, by process id.
    public let holders: Fact<[DeviceHolder]>
    /// From `/etc/hccn.conf`, by die: set where RoCE is used.
    public let roceAddresses: Fact<[RoCEAddress]>
    public let software: SoftwareVersions
    public let interfaces: [HostInterface]
    /// What `/etc/hosts` says of the host's own name.
    public let ownAddressesInHosts: [String]
    public let firewall: Firewall
    /// The size of `/dev/shm`.
    public let sharedMemoryBytes: Fact<Int>
    /// Of this process, which its children inherit.
    public let openFiles: Fact<ResourceLimit>
    public let lockedMemory: Fact<ResourceLimit>
    public let kernel: KernelState
    public let weights: Fact<WeightsDigest>
    /// What the vendor's scripts put into the environment of an engine.
    public let environment: Fact<EnvironmentSnapshot>

    public init(
        hostName: String, toolVersion: Fact<String>, dies: Fact<[Die]>,
        unreadProcesses: [Gap] = [], cardCount: Fact<Int>,
        pciFunctions: Fact<[PCIFunctions]>, deviceFiles: [DieID], holders: Fact<[DeviceHolder]>,
        roceAddresses: Fact<[RoCEAddress]>, software: SoftwareVersions,
        interfaces: [HostInterface], ownAddressesInHosts: [String], firewall: Firewall,
        sharedMemoryBytes: Fact<Int>, openFiles: Fact<ResourceLimit>,
        lockedMemory: Fact<ResourceLimit>, kernel: KernelState, weights: Fact<WeightsDigest>,
        environment: Fact<EnvironmentSnapshot>
    ) {
        self.hostName = hostName
        self.toolVersion = toolVersion
        self.dies = dies
        self.unreadProcesses = unreadProcesses
        self.cardCount = cardCount
        self.pciFunctions = pciFunctions
        self.deviceFiles = deviceFiles
        self.holders = holders
        self.roceAddresses = roceAddresses
        self.software = software
        self.interfaces = interfaces
        self.ownAddressesInHosts = ownAddressesInHosts
        self.firewall = firewall
        self.sharedMemoryBytes = sharedMemoryBytes
        self.openFiles = openFiles
        self.lockedMemory = lockedMemory
        self.kernel = kernel
        self.weights = weights
        self.environment = environment
    }
}

/// PCI functions of one kind.
public struct PCIFunctions: Hashable, Sendable {
    /// The PCI device id in hexadecimal.
    public let device: String
    public let count: Int

    public init(device: String, count: Int) {
        self.device = device
        self.count = count
    }
}

/// The RoCE address of a die.
public struct RoCEAddress: Hashable, Sendable {
    public let die: DieID
    public let address: String

    public init(die: DieID, address: String) {
        self.die = die
        self.address = address
    }
}

extension NodeInventory {
    /// Processes that have a die: those that npu-smi lists on it, without visitors, and those that have
    /// its device file open. One process is named once, however many dies it has.
    public var processesOnDies: [Int32] {
        let listed = (dies.value ?? []).flatMap(\.processes).filter { !$0.isVisitor }
        let holding = (holders.value ?? []).filter { !$0.dies.isEmpty }
        return Set(listed.map(\.processID) + holding.map(\.processID)).sorted()
    }

    /// The super pod and the server index of this node, where every die agrees on them.
    public var place: FabricPlace? {
        let places = (dies.value ?? []).map(\.place.value)
        guard let first = places.first ?? nil,
            places.allSatisfy({
                $0?.superPodID == first.superPodID && $0?.serverIndex == first.serverIndex
            })
        else { return nil }
        return first
    }
}

// One die: what npu-smi and hccn_tool say of it, put together under its physical id.

/// A process that has memory of a die.
public struct DieProcess: Hashable, Sendable {
    /// As the host counts.
    public let processID: Int32
    /// Cut short by npu-smi, and blank where it cannot be read.
    public let name: String
    public let memoryMegabytes: Int
    /// As the process's container counts; nil outside of one.
    public let containerProcessID: Int32?

    public init(
        processID: Int32, name: String, memoryMegabytes: Int, containerProcessID: Int32? = nil
    ) {
        self.processID = processID
        self.name = name
        self.memoryMegabytes = memoryMegabytes
        self.containerProcessID = containerProcessID
    }

    /// Every rank of a world opens the first die of its peers and has 126 to 200 MB there. Such a
    /// process is a visitor: the die belongs to another.
    public var isVisitor: Bool { memoryMegabytes < 200 }
}

/// What the NPU's own network side says.
public struct DieFabric: Hashable, Sendable {
    public let vnic: Fact<VirtualNIC>
    /// Must be equal on every die of every node.
    public let isTLSEnabled: Fact<Bool>
    /// Of the RoCE port: only advice on an A3, where DOWN is normal.
    public let link: Fact<LinkState>
    /// Of the RoCE port, as printed: only advice on an A3.
    public let netHealth: Fact<String>

    public init(
        vnic: Fact<VirtualNIC>, isTLSEnabled: Fact<Bool>, link: Fact<LinkState>,
        netHealth: Fact<String>
    ) {
        self.vnic = vnic
        self.isTLSEnabled = isTLSEnabled
        self.link = link
        self.netHealth = netHealth
    }

    /// None of it is known, for the same reason.
    public init(unknown gap: Gap) {
        self.init(
            vnic: .unknown(gap), isTLSEnabled: .unknown(gap), link: .unknown(gap),
            netHealth: .unknown(gap))
    }
}

/// A die of this node.
public struct Die: Hashable, Sendable {
    public let id: DieID
    public let address: ChipAddress
    public let name: String
    public let busID: String
    public let health: DieHealth
    /// Hexadecimal. A quick look asks for them only where the health is not OK.
    public let errorCodes: Fact<[String]>
    /// What the codes mean, a sentence each.
    public let errorInformation: [String]
    /// Of its memories. A quick look does not ask for them.
    public let ecc: Fact<ECCCounts>
    public let temperatureCelsius: Int?
    public let coreUsePercent: Int?
    /// nil where npu-smi could not read it.
    public let memory: MemoryUse?
    public let processes: [DieProcess]
    public let place: Fact<FabricPlace>
    public let fabric: DieFabric

    public init(
        id: DieID, address: ChipAddress, name: String, busID: String, health: DieHealth,
        errorCodes: Fact<[String]>, errorInformation: [String],
        ecc: Fact<ECCCounts> = .unknown(Gap(.notAsked, "npu-smi info -t ecc", "")),
        temperatureCelsius: Int?, coreUsePercent: Int?, memory: MemoryUse?, processes: [DieProcess],
        place: Fact<FabricPlace>, fabric: DieFabric
    ) {
        self.id = id
        self.address = address
        self.name = name
        self.busID = busID
        self.health = health
        self.errorCodes = errorCodes
        self.errorInformation = errorInformation
        self.ecc = ecc
        self.temperatureCelsius = temperatureCelsius
        self.coreUsePercent = coreUsePercent
        self.memory = memory
        self.processes = processes
        self.place = place
        self.fabric = fabric
    }

    /// An idle die has about 3 GB in use by the firmware; what is above this limit belongs to
    /// a process, or to one that was not cleared away.
    public static let idleLimitMegabytes = 5 * 1024

    /// Whether its memory is back where it is without any process; nil where it is not known.
    public var isAtBaseline: Bool? { memory.map { $0.usedMegabytes < Self.idleLimitMegabytes } }
}

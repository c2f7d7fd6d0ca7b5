// Where a die stands in the super pod. Its SDID packs server, chip and die into 32 bits (DCMI of A3),
// and its virtual NIC on the HCCS fabric has an address made of the same numbers: so any agent can tell
// every peer's address from what was gossiped, and ping it without asking first.

/// The id of a die in its super pod.
public struct SDID: Hashable, Sendable, CustomStringConvertible {
    public let value: UInt32

    public init(_ value: UInt32) {
        self.value = value
    }

    /// nil when a number does not fit its bits.
    /// - Parameters:
    ///   - serverIndex: 0 to 1023, of which a super pod uses 48.
    ///   - chip: 0 to 15, of which a node has 8.
    ///   - die: 0 to 3, of which a chip has 2.
    public init?(serverIndex: Int, chip: Int, die: Int) {
        guard (0..<1024).contains(serverIndex), (0..<16).contains(chip), (0..<4).contains(die)
        else { return nil }
        let device = UInt32(chip * 2 + die)
        value = UInt32(serverIndex) << 22 | UInt32(chip) << 18 | UInt32(die) << 16 | device
    }

    /// Bits 31 to 22: which node of the super pod.
    public var serverIndex: Int { Int(value >> 22) }
    /// Bits 21 to 18.
    public var chip: Int { Int(value >> 18 & 0xF) }
    /// Bits 17 and 16.
    public var die: Int { Int(value >> 16 & 0x3) }
    /// Bits 15 to 0: the die's number in its node.
    public var device: Int { Int(value & 0xFFFF) }

    /// The address of the die's virtual NIC; nil for numbers that no address has.
    public var vnicAddress: String? {
        guard serverIndex < 256, device < 199 else { return nil }
        return "192.\(serverIndex).\(2 + die).\(199 - device)"
    }

    public var description: String { String(value) }
}

/// What `npu-smi info -t spod-info` tells.
public struct FabricPlace: Hashable, Sendable {
    public let sdid: SDID
    /// How many dies the super pod has.
    public let superPodSize: Int
    /// Nodes of one group must have the same.
    public let superPodID: Int
    /// Nodes of one super pod must have different ones.
    public let serverIndex: Int

    public init(sdid: SDID, superPodSize: Int, superPodID: Int, serverIndex: Int) {
        self.sdid = sdid
        self.superPodSize = superPodSize
        self.superPodID = superPodID
        self.serverIndex = serverIndex
    }
}

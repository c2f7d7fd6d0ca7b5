// The inventory in a few dozen bytes, to be told to everybody. What must be equal across nodes is told as
// one short hash a subject, so that a difference has a name before anybody asks for the whole; what a
// node is alone in is told as it is. Observations that change by the second are left out.

import Base

/// What every agent knows of every node.
public struct InventoryDigest: Hashable, Sendable {
    /// nil where the node is in no super pod, or its dies do not agree.
    public let superPodID: Int?
    public let serverIndex: Int?
    /// How many dies npu-smi lists; nil where it cannot be asked.
    public let dieCount: Int?
    /// Dies whose health is not OK.
    public let unhealthyDies: [DieID]
    /// Dies that a process holds, or whose memory is above the baseline.
    public let heldDies: [DieID]
    /// Driver, firmware, CANN, HCCL, NNAL, Python packages, TLS switches: 16 hexadecimal digits, as
    /// are the next three.
    public let software: String
    /// Kernel release and settings.
    public let kernel: String
    /// File names, sizes and the configuration; the path is a part of it.
    public let weights: String
    /// What the vendor's scripts put into an environment.
    public let environment: String

    public init(
        superPodID: Int?, serverIndex: Int?, dieCount: Int?, unhealthyDies: [DieID],
        heldDies: [DieID], software: String, kernel: String, weights: String, environment: String
    ) {
        self.superPodID = superPodID
        self.serverIndex = serverIndex
        self.dieCount = dieCount
        self.unhealthyDies = unhealthyDies
        self.heldDies = heldDies
        self.software = software
        self.kernel = kernel
        self.weights = weights
        self.environment = environment
    }

    /// The digest once the dies and the kernel were looked at again, by an inventory that has not asked
    /// about anything else; what takes longer to ask stays.
    public func updated(by brief: NodeInventory) -> InventoryDigest {
        let now = brief.digest
        return InventoryDigest(
            superPodID: superPodID, serverIndex: serverIndex, dieCount: now.dieCount,
            unhealthyDies: now.unhealthyDies, heldDies: now.heldDies, software: software,
            kernel: now.kernel, weights: weights, environment: environment)
    }
}

extension NodeInventory {
    /// The digest. Two inventories of one node that differ in load and temperature alone have the same.
    public var digest: InventoryDigest {
        let dies = dies.value
        let holding = Set((holders.value ?? []).flatMap(\.dies))
        let held = (dies ?? []).filter { die in
            holding.contains(die.id) || die.isAtBaseline == false
                || die.processes.contains { !$0.isVisitor }
        }
        let ofHoldersAlone = holding.subtracting((dies ?? []).map(\.id))
        return InventoryDigest(
            superPodID: place?.superPodID, serverIndex: place?.serverIndex,
            dieCount: dies?.count,
            unhealthyDies: (dies ?? []).filter { $0.health != .ok }.map(\.id),
            heldDies: (held.map(\.id) + ofHoldersAlone).sorted(),
            software: shortHash([software.json, .array(tlsSwitches)]),
            kernel: shortHash(kernel.json), weights: shortHash(weights.json),
            environment: shortHash(environment.json))
    }

    /// The different settings of the switch on this node; one where all dies are alike.
    private var tlsSwitches: [JSONValue] {
        let switches = (dies.value ?? []).map { $0.fabric.isTLSEnabled.value }
        return [true, false, nil].filter { switches.contains($0) }.map { value in
            value.map { .bool($0) } ?? .null
        }
    }
}

/// The first 64 bits of the hash of the document.
private func shortHash(_ json: JSONValue) -> String {
    String(SHA256.hex(json.compact.utf8).prefix(16))
}

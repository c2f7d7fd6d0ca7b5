// One gathering. The table of `npu-smi info` comes first, since it says which dies there are; then each
// die is asked about: its place, its error codes where it is not well, and its network side. When
// npu-smi hangs once, it is not asked again: the rest has the same gap.

import Ascend
import Base
import EventLoop

/// What one gathering has so far.
final class InventoryCollection {
    var reading: HostReading?
    var python: Fact<[PackageVersion]> = .unknown(Gap(.notAsked, "python", ""))

    var filterRules: Fact<[FilterRule]> = .unknown(Gap(.notAsked, "packet filter", ""))
    var environment: Fact<EnvironmentSnapshot> = .unknown(Gap(.notAsked, "set_env.sh", ""))

    private let npu: NPUTool
    private let fabric: FabricTool
    private let request: InventoryRequest
    private var table: Fact<NPUTable> = .unknown(Gap(.notAsked, "npu-smi info", ""))
    private var chips: Fact<[ChipMapping]> = .unknown(Gap(.notAsked, "npu-smi info -m", ""))
    private var cardCount: Fact<Int> = .unknown(Gap(.notAsked, "npu-smi info -l", ""))
    private var places: [ChipAddress: Fact<FabricPlace>] = [:]
    private var reports: [ChipAddress: Fact<HealthReport>] = [:]
    private var eccs: [ChipAddress: Fact<ECCCounts>] = [:]
    private var vnics: [DieID: Fact<VirtualNIC>] = [:]
    private var switches: [DieID: Fact<Bool>] = [:]
    private var links: [DieID: Fact<LinkState>] = [:]
    private var netHealths: [DieID: Fact<String>] = [:]

    /// A die does not move while the host runs.
    private static let placeMaxAge = Duration.seconds(3600)
    /// What a die counts slowly, and what one that is well tells besides.
    private static let adviceMaxAge = Duration.seconds(300)
    /// Where npu-smi takes a second a question, what must be known comes first.
    private static let advicePatience = Duration.seconds(15)

    init(npu: NPUTool, fabric: FabricTool, _ request: InventoryRequest) {
        self.npu = npu
        self.fabric = fabric
        self.request = request
    }

    /// Asks everything; the join ends with the last answer.
    func askTools(_ join: Join) {
        ask(["info"], request.maxAge, join) { text throws(ParseError) in
            try NPUTable(parsing: text)
        } told: { table in
            self.table = table
            guard let dies = table.value?.dies else {
                if let gap = table.gap { self.cardCount = .unknown(gap) }
                return
            }
            self.askCards(join)
            if dies.allSatisfy({ $0.physicalID != nil }) {
                self.askDies(join)
            } else {
                self.askMap(join)
            }
        }
    }

    private func askCards(_ join: Join) {
        let maxAge = request.scope == .whole ? request.maxAge : Self.placeMaxAge
        ask(["info", "-l"], maxAge, join) { text throws(ParseError) in
            try NPUOutput.cards(text).count
        } told: {
            self.cardCount = $0
        }
    }

    /// Where the table has no physical ids, the map has them.
    private func askMap(_ join: Join) {
        ask(["info", "-m"], Self.placeMaxAge, join) { text throws(ParseError) in
            try NPUOutput.chips(text)
        } told: { chips in
            self.chips = chips
            self.askDies(join)
        }
    }

    private func askDies(_ join: Join) {
        for row in table.value?.dies ?? [] {
            let chip = row.address
            let place = ["-i", "\(chip.card)", "-c", "\(chip.chip)"]
            if request.scope != .dies {
                ask(["info", "-t", "spod-info"] + place, Self.placeMaxAge, join) {
                    text throws(ParseError) in
                    try NPUOutput.place(text)
                } told: {
                    self.places[chip] = $0
                }
                askFabric(id(of: row), join)
            }
            if row.health != .ok || request.scope == .whole {
                let isAdvice = row.health == .ok
                ask(
                    ["info", "-t", "health"] + place,
                    isAdvice ? Self.adviceMaxAge : request.maxAge, join,
                    patience: isAdvice ? Self.advicePatience : nil
                ) { text throws(ParseError) in
                    guard let report = try NPUOutput.health(text).first else {
                        throw ParseError(expected: "the health of a chip", line: text)
                    }
                    return report
                } told: {
                    self.reports[chip] = $0
                }
            }
            guard request.scope == .whole else { continue }
            ask(
                ["info", "-t", "ecc"] + place, Self.adviceMaxAge, join,
                patience: Self.advicePatience
            ) { text throws(ParseError) in
                try NPUOutput.ecc(text)
            } told: {
                self.eccs[chip] = $0
            }
        }
    }

    private func ask<Value>(
        _ arguments: [String], _ maxAge: Duration, _ join: Join, patience: Duration? = nil,
        parse: @escaping (String) throws(ParseError) -> Value,
        told: @escaping (Fact<Value>) -> Void
    ) {
        join.begin()
        npu.ask(arguments, maxAge: maxAge, patience: patience) { result in
            switch result {
            case .success(let text):
                told(Fact("npu-smi " + arguments.joined(separator: " "), text, parse))
            case .failure(let gap): told(.unknown(gap))
            }
            join.end()
        }
    }

    private func askFabric(_ die: DieID, _ join: Join) {
        ask(die, "-vnic", join) { text throws(ParseError) in
            try HCCNOutput.vnic(text)
        } told: {
            self.vnics[die] = $0
        }
        ask(die, "-tls", join) { text throws(ParseError) in
            try HCCNOutput.isTLSEnabled(text)
        } told: {
            self.switches[die] = $0
        }
        guard request.scope == .whole else { return }
        ask(die, "-link", join) { text throws(ParseError) in
            try HCCNOutput.link(text)
        } told: {
            self.links[die] = $0
        }
        ask(die, "-net_health", join) { text throws(ParseError) in
            try HCCNOutput.netHealth(text)
        } told: {
            self.netHealths[die] = $0
        }
    }

    private func ask<Value>(
        _ die: DieID, _ subject: String, _ join: Join,
        parse: @escaping (String) throws(ParseError) -> Value,
        told: @escaping (Fact<Value>) -> Void
    ) {
        join.begin()
        fabric.ask(die, [subject, "-g"], parse: parse) { fact in
            told(fact)
            join.end()
        }
    }

    // MARK: - Putting it together

    private func id(of row: NPUTableRow) -> DieID {
        if let id = row.physicalID { return id }
        let mapping = chips.value?.first { $0.address == row.address }
        // Machines without physical ids have one die a card, and count both alike.
        return mapping?.physicalID ?? DieID(mapping?.logicID ?? row.address.card)
    }

    /// The inventory, once every answer has come.
    func inventory() -> NodeInventory {
        guard let reading else {
            fatalError("the inventory was put together before the files were read")
        }
        return NodeInventory(
            hostName: reading.hostName, toolVersion: table.map(\.version), dies: table.map(dies),
            unreadProcesses: (table.value?.unreadRows ?? []).map { Gap("npu-smi info", $0) },
            cardCount: cardCount, pciFunctions: reading.pciFunctions,
            deviceFiles: reading.deviceFiles, holders: reading.scan.holders,
            roceAddresses: reading.roceAddresses,
            software: SoftwareVersions(
                driver: reading.driver, firmware: reading.firmware, cann: reading.cann,
                hccl: reading.hccl, nnal: reading.nnal, python: python),
            interfaces: reading.interfaces, ownAddressesInHosts: reading.ownAddressesInHosts,
            firewall: reading.firewall.with(filterRules),
            sharedMemoryBytes: reading.sharedMemoryBytes,
            openFiles: reading.openFiles, lockedMemory: reading.lockedMemory,
            kernel: reading.kernel, weights: reading.weights, environment: environment)
    }

    private func dies(of table: NPUTable) -> [Die] {
        table.dies.map { row in
            let processes = table.processes.filter { $0.address == row.address }
            return die(row, processes)
        }
        .sorted { $0.id < $1.id }
    }

    private func die(_ row: NPUTableRow, _ processes: [NPUTableProcess]) -> Die {
        let id = id(of: row)
        let gap = Gap(.notAsked, "die \(id)", "")
        let report = reports[row.address]
        return Die(
            id: id, address: row.address, name: row.name, busID: row.busID, health: row.health,
            errorCodes: report?.map(\.errorCodes) ?? .unknown(gap),
            errorInformation: report?.value?.information ?? [],
            ecc: eccs[row.address] ?? .unknown(gap),
            temperatureCelsius: row.temperatureCelsius, coreUsePercent: row.coreUsePercent,
            memory: row.memory,
            processes: processes.map { process in
                DieProcess(
                    processID: process.processID, name: process.name,
                    memoryMegabytes: process.memoryMegabytes,
                    containerProcessID: process.containerProcessID)
            },
            place: places[row.address] ?? .unknown(gap),
            fabric: DieFabric(
                vnic: vnics[id] ?? .unknown(gap), isTLSEnabled: switches[id] ?? .unknown(gap),
                link: links[id] ?? .unknown(gap), netHealth: netHealths[id] ?? .unknown(gap)))
    }
}

@available(*, unavailable) extension InventoryCollection: Sendable {}

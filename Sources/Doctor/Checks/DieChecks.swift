// Checks 1 and 8: are the dies there, well, and free? A leftover process on any node of a group makes the
// restart of the whole group fail, and nothing but its process number tells where it is.

import Ascend
import Base

extension Diagnosis {
    mutating func checkHolders(_ cluster: ClusterExamination) -> String {
        for (node, found) in cluster.told { checkHolders(node, found) }
        return "no process but those of the running shards"
    }

    private mutating func checkHolders(_ node: NodeID, _ found: NodeExamination) {
        let inventory = found.inventory
        for left in found.abandoned { report(left, node) }
        if let gap = inventory.holders.gap { report(.holders, node, gap: gap) }
        let own = Set(found.ownProcesses)
        let dies = inventory.dies.value ?? []
        // Device files tell who has a die also where npu-smi does not list it.
        let files = (inventory.holders.value ?? []).flatMap(\.dies)
        for id in Set(dies.map(\.id) + files).sorted() {
            let die = dies.first { $0.id == id }
            let holders = foreignHolders(of: id, die, inventory).filter { !own.contains($0.id) }
            for holder in holders {
                if let left = found.abandoned.first(where: { $0.processes.contains(holder.id) }) {
                    report(left, node, die: id)
                    continue
                }
                report(
                    .holders, .error, node, die: id, "held by \(holder.text)",
                    remedy:
                        "find out what it is (ps -fp \(holder.id)), and end it if it is a leftover")
            }
            if let die, holders.isEmpty { checkMemory(node, die, found, own) }
        }
        checkManagers(node, inventory, own.union(found.abandoned.flatMap(\.processes)))
        // Whoever was found above says more than what npu-smi complains of.
        for gap in inventory.unreadProcesses { report(.holders, node, gap: gap) }
        reportUnlisted(.holders, node, inventory)
    }

    private mutating func checkMemory(
        _ node: NodeID, _ die: Die, _ found: NodeExamination, _ own: Set<Int32>
    ) {
        guard let memory = die.memory else {
            return report(.holders, .unknown, node, die: die.id, "its memory cannot be read")
        }
        guard !die.processes.contains(where: { own.contains($0.processID) }),
            found.idle.isIdle(die) == false
        else { return }
        report(
            .holders, .error, node, die: die.id,
            "\(memory.usedMegabytes) MB of memory in use that no process owns",
            remedy: "look for the holder as root (fuser -v /dev/davinci\(die.id)), also in "
                + "containers")
    }

    /// Who only asks the driver has a manager device open and no die: a monitor does so for ever, and no
    /// launch fails of it. Where the driver answers nobody, it is the first to be looked at.
    private mutating func checkManagers(
        _ node: NodeID, _ inventory: NodeInventory, _ own: Set<Int32>
    ) {
        let isAnswered = inventory.dies.value != nil
        for holder in inventory.holders.value ?? []
        where holder.dies.isEmpty && !own.contains(holder.processID) {
            report(
                .holders, isAnswered ? .info : .warning, node,
                "\(holder.devices.joined(separator: ", ")) held by process \(holder.processID) "
                    + "(\(holder.name)), which has no die",
                remedy: isAnswered
                    ? ""
                    : "find out what it is (ps -fp \(holder.processID)): it may keep npu-smi out")
        }
    }

    /// Says why npu-smi lists no dies. Where there are some, what keeps npu-smi out keeps engines out.
    private mutating func reportUnlisted(
        _ check: Check, _ node: NodeID, _ inventory: NodeInventory
    ) {
        guard let gap = inventory.dies.gap else { return }
        let stops: Set<ToolComplaint.Kind> = [.notInitialized, .deviceUsed, .noSuchCard]
        let isStopped = gap.kind == .timedOut || gap.complaint.map(stops.contains) == true
        report(
            check, node, gap: gap,
            as: isStopped && !inventory.deviceFiles.isEmpty ? .error : .unknown)
    }

    /// One finding for all its dies; it has ports and memory of the host too, so it is told even where no
    /// die is seen to be held.
    private mutating func report(_ left: AbandonedShard, _ node: NodeID, die: DieID? = nil) {
        let processes = left.processes.count > 1 ? " and \(left.processes.count - 1) more" : ""
        report(
            .holders, .error, node, die: die,
            "\(left.shard) still runs (process \(left.processes.first ?? 0)\(processes)), and the agent "
                + "that started it has no record of it",
            remedy: "nobody else will end it: \(left.command)")
    }

    /// The processes that have more than a visitor's memory on some die.
    private func owners(in inventory: NodeInventory) -> Set<Int32> {
        let processes = (inventory.dies.value ?? []).flatMap(\.processes)
        return Set(processes.filter { !$0.isVisitor }.map(\.processID))
    }

    /// Who has the die by npu-smi or by its device file.
    private func foreignHolders(
        of id: DieID, _ die: Die?, _ inventory: NodeInventory
    ) -> [(id: Int32, text: String)] {
        let files = (inventory.holders.value ?? []).filter { $0.dies.contains(id) }
        let owners = owners(in: inventory)
        let processes = die?.processes ?? []
        let listed = processes.filter { process in
            !(process.isVisitor && owners.contains(process.processID))
                && !files.contains { $0.processID == process.processID }
        }
        // A process with this device file may only visit, as every rank does with its peers' dies. One that
        // has no die of its own is no rank: it is left over, and holds what it has open.
        let visitors = Set(processes.filter(\.isVisitor).map(\.processID))
            .intersection(owners)
        let holding = files.filter { !visitors.contains($0.processID) }
        let named = holding.map { holder in
            (holder.processID, "process \(holder.processID) (\(holder.name))")
        }
        let more = listed.map { process in
            let name = process.name.isEmpty ? "" : " (\(process.name))"
            return (process.processID, "process \(process.processID)\(name)")
        }
        return (named + more).map { (id: $0.0, text: $0.1) }
    }

    // MARK: - 8

    mutating func checkDies(_ cluster: ClusterExamination) -> String {
        for (node, found) in cluster.told { checkDies(node, found) }
        let counts = Set(cluster.told.compactMap { $0.found.inventory.dies.value?.count })
        return counts.sorted().map { "\($0)" }.joined(separator: " or ") + " dies a node, all OK"
    }

    private mutating func checkDies(_ node: NodeID, _ found: NodeExamination) {
        let inventory = found.inventory
        guard let dies = inventory.dies.value else {
            return reportUnlisted(.dies, node, inventory)
        }
        checkCount(node, inventory, dies)
        for die in dies { checkMemoryErrors(node, die) }
        for die in dies where die.health == .ok {
            guard let codes = die.errorCodes.value, !codes.isEmpty else { continue }
            let told = (codes + die.errorInformation).joined(separator: ", ")
            report(
                .dies, .warning, node, die: die.id, "health is OK, and yet: \(told)",
                remedy: Self.dieRemedy)
        }
        for die in dies where die.health != .ok {
            let codes = die.errorCodes.value ?? []
            let told = (codes + die.errorInformation).joined(separator: ", ")
            let evidence = "health is \(die.health)" + (told.isEmpty ? "" : ": \(told)")
            switch die.health {
            case .ok: break
            case .warning:
                report(.dies, .warning, node, die: die.id, evidence, remedy: Self.dieRemedy)
            case .alarm, .critical:
                report(.dies, .error, node, die: die.id, evidence, remedy: Self.dieRemedy)
            case .other:
                report(.dies, .unknown, node, die: die.id, evidence, remedy: Self.dieRemedy)
            }
        }
    }

    /// What was corrected did no harm. Old errors are told, since new ones come where old ones were.
    private mutating func checkMemoryErrors(_ node: NodeID, _ die: Die) {
        switch die.ecc {
        case .known(let counts) where counts.uncorrected > 0:
            report(
                .dies, .warning, node, die: die.id,
                "\(counts.uncorrected) memory errors since the boot that ECC could not correct",
                remedy: "boot the host, so that the pages are isolated; where they come again, the "
                    + "card needs service (npu-smi info -t ecc)")
        case .known(let counts):
            let ever = counts.uncorrectedEver ?? 0
            let pages = counts.isolatedPages ?? 0
            guard ever > 0 || pages > 0 else { return }
            report(
                .dies, .info, node, die: die.id,
                "\(ever) memory errors before this boot that ECC could not correct, "
                    + "\(pages) pages isolated")
        case .unknown(let gap) where gap.kind == .notAsked: break
        case .unknown(let gap):
            report(.dies, .info, node, die: die.id, "ECC counts not known: \(gap.detail)")
        }
    }

    private static let dieRemedy =
        "look the codes up in the vendor's Health Management Fault Definition for this driver "
        + "(support.huawei.com); the health may stick while the die works, so judge it with a test, or "
        + "take the node out of the cluster. A reset takes every die of the host with it"

    /// On an A3 each die is a PCI function, and there are sixteen.
    private mutating func checkCount(_ node: NodeID, _ inventory: NodeInventory, _ dies: [Die]) {
        let isA3 = (inventory.pciFunctions.value ?? []).contains { $0.device == "d803" }
        let functions = (inventory.pciFunctions.value ?? []).reduce(0) { $0 + $1.count }
        let expected = Swift.max(
            isA3 ? 16 : 0, functions, inventory.deviceFiles.count, inventory.cardCount.value ?? 0)
        guard dies.count < expected else { return }
        let listed = Set(dies.map(\.id))
        let missing = (0..<expected).map { DieID($0) }.filter { !listed.contains($0) }
        for die in missing {
            report(
                .dies, .error, node, die: die,
                "npu-smi lists \(dies.count) dies, and there should be \(expected)",
                remedy:
                    "look for the card with lspci and in dmesg; if it fell off the bus, the server "
                    + "needs service")
        }
    }
}

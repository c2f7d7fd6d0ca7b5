// `glm-agent inventory` for people: a line a die, then what is installed, how the host is set, and at the
// end everything that could not be found out, with the reason.

import Ascend
import Base

/// An inventory as lines of text.
struct InventoryView {
    let inventory: NodeInventory
    /// The same in JSON, where what is not known is easy to find.
    let document: JSONValue
    let colour: Bool

    var text: String {
        let gaps = Self.gaps(in: document)
        let parts = [
            [heading], dies, holders, software, host, weights,
            gaps.isEmpty ? [] : ["NOT KNOWN"] + gaps.map { "  " + $0 },
        ]
        return parts.filter { !$0.isEmpty }
            .map { $0.map { $0 + "\n" }.joined() }
            .joined(separator: "\n")
    }

    private var heading: String {
        let place = inventory.place.map {
            ", server \($0.serverIndex) of super pod \($0.superPodID)"
        }
        let release = inventory.kernel.release.value.map { ", kernel \($0)" }
        return inventory.hostName + (place ?? "") + (release ?? "")
    }

    // MARK: - Dies

    private var dies: [String] {
        guard let dies = inventory.dies.value else { return [] }
        var table = Table(
            "DIE#", "CARD#", "CHIP#", "HEALTH", "HBM MB#", "°C#", "VNIC", "ADDRESS", "TLS",
            "PROCESSES")
        for die in dies {
            let vnic = die.fabric.vnic.value
            table.add(
                Table.Cell("\(die.id)"), Table.Cell("\(die.address.card)"),
                Table.Cell("\(die.address.chip)"), health(of: die),
                Table.Cell(
                    die.memory.map { "\($0.usedMegabytes)" } ?? "?",
                    die.isAtBaseline == false ? .attention : .plain),
                Table.Cell(die.temperatureCelsius.map(String.init) ?? "?"),
                Table.Cell(
                    vnic?.link.description ?? "?", vnic?.link == .up ? .plain : .attention),
                Table.Cell(vnic?.address ?? ""),
                Table.Cell(die.fabric.isTLSEnabled.value.map { $0 ? "on" : "off" } ?? "?"),
                Table.Cell(die.processes.map { "\($0.processID)" }.joined(separator: " ")))
        }
        return table.lines(colour: colour)
    }

    private func health(of die: Die) -> Table.Cell {
        let codes = (die.errorCodes.value ?? []).map { " " + $0 }.joined()
        return Table.Cell(die.health.description + codes, die.health == .ok ? .good : .bad)
    }

    private var holders: [String] {
        guard let holders = inventory.holders.value, !holders.isEmpty else { return [] }
        var table = Table("HOLDER#", "NAME", "DEVICE FILES", "COMMAND")
        for holder in holders {
            table.add(
                Table.Cell("\(holder.processID)"), Table.Cell(holder.name),
                Table.Cell(holder.devices.joined(separator: " ")), Table.Cell(holder.commandLine))
        }
        return table.lines(colour: colour)
    }

    // MARK: - Software and host

    private var software: [String] {
        var table = Table("SOFTWARE", "VERSION", "WHERE")
        let software = inventory.software
        let facts = [
            ("driver", software.driver), ("firmware", software.firmware),
            ("npu-smi", inventory.toolVersion), ("HCCL", software.hccl), ("NNAL", software.nnal),
        ]
        for (name, version) in facts {
            table.add(Table.Cell(name), Table.Cell(version.value ?? "?"))
        }
        if software.cann.isEmpty { table.add("CANN", "none found") }
        for installation in software.cann {
            table.add(
                "CANN", Table.Cell(installation.version.value ?? "?"),
                Table.Cell(installation.home))
        }
        for package in software.python.value ?? [] {
            table.add(Table.Cell(package.name), Table.Cell(package.version ?? "not installed"))
        }
        return table.lines(colour: colour)
    }

    private var host: [String] {
        var table = Table("HOST", "")
        for link in inventory.interfaces {
            let state = link.isUp ? "" : " (down)"
            table.add(
                Table.Cell(link.name + state), Table.Cell(link.addresses.joined(separator: " ")))
        }
        let kernel = inventory.kernel
        let firewall = inventory.firewall
        let settings = [
            ("firewall", firewall.running.joined(separator: " ")),
            ("firewall at boot", firewall.startingAtBoot.joined(separator: " ")),
            ("/dev/shm", inventory.sharedMemoryBytes.value.map(gigabytes) ?? "?"),
            ("open files", limit(inventory.openFiles)),
            ("locked memory", limit(inventory.lockedMemory)),
            ("governor", kernel.governors.value?.joined(separator: " ") ?? "?"),
            ("huge pages", kernel.transparentHugePages.value ?? "?"),
            ("reserved ports", list(kernel.reservedPorts.value ?? [])),
            ("ephemeral ports", kernel.ephemeralPorts.value?.description ?? "?"),
        ]
        for (name, value) in settings where !value.isEmpty {
            table.add(Table.Cell(name), Table.Cell(value))
        }
        for parameter in kernel.parameters {
            table.add(Table.Cell(parameter.name), Table.Cell(parameter.value ?? "-"))
        }
        return table.lines(colour: colour)
    }

    private var weights: [String] {
        guard let weights = inventory.weights.value else { return [] }
        let hash = weights.configurationHash.value ?? "?"
        return [
            "\(weights.path): \(weights.files.count) files, \(gigabytes(weights.totalBytes))",
            "  config.json \(hash)",
        ]
    }

    private func limit(_ fact: Fact<ResourceLimit>) -> String {
        fact.value.map { $0.soft.map(String.init) ?? "unlimited" } ?? "?"
    }

    private func list(_ ranges: [PortRange]) -> String {
        ranges.isEmpty ? "none" : ranges.map(\.description).joined(separator: " ")
    }

    private func gigabytes(_ bytes: Int) -> String {
        decimal(Double(bytes) / Double(1 << 30), digits: 1) + " GiB"
    }

    // MARK: - What is not known

    /// Every gap of the document, each once, without what nobody asked for.
    private static func gaps(in json: JSONValue) -> [String] {
        var found: [String] = []
        collectGaps(in: json, into: &found)
        return found.uniqued
    }

    private static func collectGaps(in json: JSONValue, into found: inout [String]) {
        if json["unknown"] != nil, let gap = try? Gap(json: json) {
            if gap.kind != .notAsked {
                let remedy = gap.complaint.map { "; \($0.remedy)" } ?? ""
                found.append(gap.description + remedy)
            }
            return
        }
        for member in json.objectValue ?? [] { collectGaps(in: member.value, into: &found) }
        for element in json.arrayValue ?? [] { collectGaps(in: element, into: &found) }
    }
}

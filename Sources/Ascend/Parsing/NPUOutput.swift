// The other answers of npu-smi: lines `Name : value`, in blocks where there are several chips, and
// the map of ids. A block of `-t usages` ends with its chip's number, one of `-t health` begins with
// it, so a block is what stands between two of them.

/// The chips of a card, from `npu-smi info -l`.
public struct CardListing: Hashable, Sendable {
    public let card: Int
    public let chipCount: Int
}

/// One row of `npu-smi info -m`. The management controllers of the cards are left out.
public struct ChipMapping: Hashable, Sendable {
    public let address: ChipAddress
    /// As programs of this host count; nil where the map has none.
    public let logicID: Int?
    public let physicalID: DieID?
    public let name: String
}

/// What `npu-smi info -t health` tells of a chip.
public struct HealthReport: Hashable, Sendable {
    /// nil where the question named the chip already.
    public let chip: Int?
    public let health: DieHealth
    /// Hexadecimal, as printed; empty for NA.
    public let errorCodes: [String]
    /// What the codes mean, a sentence each.
    public let information: [String]
}

/// What `npu-smi info -t usages` or `-t memory` tells of a chip. What a version does not print is nil.
public struct ChipUsage: Hashable, Sendable {
    public let chip: Int
    public let capacityMegabytes: Int?
    public let memoryUsePercent: Int?
    public let coreUsePercent: Int?
}

/// Readers of npu-smi's outputs.
public enum NPUOutput {
    /// `info -l`.
    public static func cards(_ text: String) throws(ParseError) -> [CardListing] {
        let entries = lines(of: text).compactMap { Entry($0) }
        let total = try Entries(text).integer("Total Count")
        let ids = entries.filter { $0.name == "npuid" }
        let counts = entries.filter { $0.name == "chipcount" }.compactMap { Int($0.value) }
        let cards = ids.compactMap { Int($0.value) }
        guard cards.count == total, counts.count == total else {
            throw ParseError(
                expected: "an id and a chip count for each of \(total) cards",
                line: ids.last.map { "NPU ID : \($0.value)" } ?? "")
        }
        return zip(cards, counts).map { CardListing(card: $0, chipCount: $1) }
    }

    /// `info -m`. The titles of its columns have two or three words, and so have no bars between.
    public static func chips(_ text: String) throws(ParseError) -> [ChipMapping] {
        let rows = lines(of: text).filter { !trimmed($0).isEmpty }
        guard let header = rows.firstIndex(where: { $0.contains("NPU ID") }) else {
            throw ParseError(expected: "a header with NPU ID", line: rows.first ?? "")
        }
        let titles = ["NPU ID", "Chip ID", "Chip Logic ID", "Chip Phy-ID", "Chip Name"]
            .filter { rows[header].contains($0) }
        var chips: [ChipMapping] = []
        for row in rows[(header + 1)...] {
            let words = words(of: row)
            guard words.count >= titles.count, let card = Int(words[0]), let chip = Int(words[1])
            else { throw ParseError(expected: "\(titles.joined(separator: ", "))", line: row) }
            let fields = Dictionary(
                zip(titles, words).map { ($0, $1) }, uniquingKeysWith: { first, _ in first })
            let logicID = fields["Chip Logic ID"].flatMap { Int($0) }
            // A card that fell off has the id -1, a controller no logic id.
            guard card >= 0, let logicID else { continue }
            chips.append(
                ChipMapping(
                    address: ChipAddress(card: card, chip: chip), logicID: logicID,
                    physicalID: fields["Chip Phy-ID"].flatMap { Int($0) }.map { DieID($0) },
                    name: words[(titles.count - 1)...].joined(separator: " ")))
        }
        return chips
    }

    /// `info -t health -i N`, with or without `-c C`. Blocks without a chip's number and name are
    /// of the chip that was asked for; controllers are left out.
    public static func health(_ text: String) throws(ParseError) -> [HealthReport] {
        var reports: [HealthReport] = []
        for block in Self.blocks(of: text, startingAt: ["chipid", "healthstatus", "health"]) {
            guard let entry = block.first(where: { ["health", "healthstatus"].contains($0.name) })
            else { continue }
            if block.contains(where: { $0.name == "chipname" && $0.value == "MCU" }) { continue }
            let chip = block.first { $0.name == "chipid" }.flatMap { Int($0.value) }
            let codes = block.first { $0.name == "errorcode" }?.value ?? "NA"
            reports.append(
                HealthReport(
                    chip: chip, health: DieHealth(word: String(entry.value)),
                    errorCodes: words(of: codes).filter { $0 != "NA" }.map(String.init),
                    information: Self.information(block)))
        }
        guard !reports.isEmpty else {
            throw ParseError(
                expected: "a line \"Health : …\"",
                line: lines(of: text).first { !trimmed($0).isEmpty } ?? "")
        }
        return reports
    }

    /// `info -t usages -i N` and `info -t memory -i N`.
    public static func usages(_ text: String) throws(ParseError) -> [ChipUsage] {
        var usages: [ChipUsage] = []
        var block: [String: Substring] = [:]
        for entry in lines(of: text).compactMap({ Entry($0) }) {
            block[entry.name] = entry.value
            guard entry.name == "chipid" else { continue }
            guard let chip = Int(entry.value) else {
                throw ParseError(expected: "the number of a chip", line: entry.value)
            }
            usages.append(
                ChipUsage(
                    chip: chip, capacityMegabytes: block["hbmcapacitymb"].flatMap { Int($0) },
                    memoryUsePercent: block["hbmusagerate"].flatMap { Int($0) },
                    coreUsePercent: block["aicoreusagerate"].flatMap { Int($0) }))
            block = [:]
        }
        guard !usages.isEmpty else {
            throw ParseError(
                expected: "blocks that end with a line \"Chip ID : …\"",
                line: lines(of: text).first { !trimmed($0).isEmpty } ?? "")
        }
        return usages
    }

    /// `info -t spod-info -i N -c C`.
    public static func place(_ text: String) throws(ParseError) -> FabricPlace {
        let entries = Entries(text)
        let raw = try entries.integer("SDID")
        guard let sdid = UInt32(exactly: raw) else {
            throw ParseError(expected: "an SDID of 32 bits", line: "SDID : \(raw)")
        }
        return FabricPlace(
            sdid: SDID(sdid), superPodSize: try entries.integer("Super Pod Size"),
            superPodID: try entries.integer("Super Pod ID"),
            serverIndex: try entries.integer("Server Index"))
    }

    /// Runs of entries, each begun by one of the names that the run has already.
    private static func blocks(of text: String, startingAt names: Set<String>) -> [[Entry]] {
        var blocks: [[Entry]] = []
        for entry in lines(of: text).compactMap({ Entry($0) }) {
            let starts = names.contains(entry.name)
            let isRepeated = blocks.last?.contains { last in
                last.name == entry.name || entry.name == "chipid"
            }
            if blocks.isEmpty || starts && isRepeated == true {
                blocks.append([entry])
            } else {
                blocks[blocks.count - 1].append(entry)
            }
        }
        return blocks
    }

    /// The sentences after "Error Information"; their lines begin with an empty name.
    private static func information(_ block: [Entry]) -> [String] {
        guard let start = block.firstIndex(where: { $0.name == "errorinformation" }) else {
            return []
        }
        return block[start...].enumerated()
            .prefix { $0.offset == 0 || $0.element.name.isEmpty }
            .map { quotable($0.element.value) }
            .filter { !$0.isEmpty && $0 != "NA" }
    }
}

// The table of `npu-smi info`, 24.1 to 26.x. A die has two rows, told apart by their place after the
// header; what a cell holds is told by the header above it, so that wider tables, the `Phy-ID` of A3
// and the container's process id of 26.x need no version number. Names of processes are often blank.

/// What `npu-smi info` prints.
public struct NPUTable: Hashable, Sendable {
    /// Of npu-smi, which is the driver package's.
    public let version: String
    /// In the order of the table.
    public let dies: [NPUTableRow]
    public let processes: [NPUTableProcess]
    /// Rows of processes that are of no known form. They hide neither the dies nor the other rows.
    public let unreadRows: [ParseError]
}

/// The two rows of one die.
public struct NPUTableRow: Hashable, Sendable {
    public let address: ChipAddress
    /// nil on machines whose table has no such column.
    public let physicalID: DieID?
    /// `Ascend910` on A2 and A3 alike.
    public let name: String
    public let health: DieHealth
    public let busID: String
    /// nil where the die has no sensor of its own, as the second of a card.
    public let powerWatts: Double?
    public let temperatureCelsius: Int?
    public let coreUsePercent: Int?
    /// nil where npu-smi could not read it.
    public let memory: MemoryUse?
}

/// Memory of a die in units of 2^20 bytes.
public struct MemoryUse: Hashable, Sendable {
    public let usedMegabytes: Int
    public let totalMegabytes: Int

    public init(usedMegabytes: Int, totalMegabytes: Int) {
        self.usedMegabytes = usedMegabytes
        self.totalMegabytes = totalMegabytes
    }
}

/// A row of the process table.
public struct NPUTableProcess: Hashable, Sendable {
    public let address: ChipAddress
    /// As the host counts.
    public let processID: Int32
    /// Cut short by npu-smi, and blank where it cannot be read.
    public let name: String
    public let memoryMegabytes: Int
    /// As the process's container counts; nil outside of one, and before 26.x.
    public let containerProcessID: Int32?
}

extension NPUTable {
    /// Reads the output of `npu-smi info`.
    public init(parsing text: String) throws(ParseError) {
        var reader = TableReader()
        for line in lines(of: text) {
            if let cells = cells(of: line) { try reader.take(cells, line) }
        }
        self = try reader.finished(text)
    }
}

/// Goes through the rows from the top.
private struct TableReader {
    private enum Part { case title, dies, processes }

    private var part = Part.title
    private var version: String?
    private var dies: [NPUTableRow] = []
    private var processes: [NPUTableProcess] = []
    private var unreadRows: [ParseError] = []
    /// The cells of a die's first row until its second comes.
    private var upper: [Substring]?
    private var upperHeader: [Substring] = []
    private var lowerHeader: [Substring] = []
    private var processHeader: [Substring] = []

    mutating func take(_ cells: [Substring], _ line: Substring) throws(ParseError) {
        if version == nil, let text = cells.first, text.hasPrefix("npu-smi") {
            version = words(of: text).dropFirst().first.map(String.init)
        } else if cells.contains("Health") {
            (part, upperHeader) = (.dies, cells)
        } else if cells.contains("Bus-Id") {
            lowerHeader = cells
        } else if cells.contains(where: { $0.lowercased() == "process id" }) {
            (part, processHeader) = (.processes, cells.map { Substring($0.lowercased()) })
        } else if part == .dies {
            try takeDie(cells, line)
        } else if part == .processes, cells.count > 1 {
            do throws(ParseError) {
                processes.append(try process(cells, line))
            } catch {
                unreadRows.append(error)
            }
        }
    }

    func finished(_ text: String) throws(ParseError) -> NPUTable {
        let first = lines(of: text).first { !trimmed($0).isEmpty } ?? ""
        guard let version else {
            throw ParseError(expected: "the table of npu-smi with its version", line: first)
        }
        guard !lowerHeader.isEmpty, !dies.isEmpty else {
            throw ParseError(expected: "the rows of the dies after their header", line: first)
        }
        if let upper {
            throw ParseError(
                expected: "a second row of the die", line: upper.joined(separator: " | "))
        }
        guard part == .processes else {
            throw ParseError(expected: "the table of processes below that of the dies", line: first)
        }
        return NPUTable(
            version: version, dies: dies, processes: processes, unreadRows: unreadRows)
    }

    private mutating func takeDie(_ cells: [Substring], _ line: Substring) throws(ParseError) {
        guard let upper else {
            upper = cells
            return
        }
        self.upper = nil
        dies.append(try die(upper, cells, line))
    }

    private func die(
        _ upper: [Substring], _ lower: [Substring], _ line: Substring
    ) throws(ParseError) -> NPUTableRow {
        let names = words(of: upper.first ?? "")
        let places = words(of: lower.first ?? "")
        guard let card = names.first.flatMap({ Int($0) }),
            let chip = places.first.flatMap({ Int($0) })
        else {
            throw ParseError(expected: "the numbers of card and chip", line: line)
        }
        guard let health = cell("Health", of: upper, upperHeader), !health.isEmpty,
            let bus = cell("Bus-Id", of: lower, lowerHeader)
        else { throw ParseError(expected: "health and bus id of the die", line: line) }
        let hasPhysicalID = words(of: lowerHeader.first ?? "").contains("Phy-ID")
        let physicalID = places.dropFirst().first.flatMap { Int($0) }.map { DieID($0) }
        if hasPhysicalID, physicalID == nil {
            throw ParseError(expected: "chip and physical id", line: line)
        }
        let sensors = figures(of: upper.last ?? "", under: upperHeader.last ?? "")
        let use = figures(of: lower.last ?? "", under: lowerHeader.last ?? "")
        // Machines without HBM have the memory column alone.
        let memory = use["HBM-Usage"] ?? use["Memory-Usage"] ?? []
        return NPUTableRow(
            address: ChipAddress(card: card, chip: chip),
            physicalID: hasPhysicalID ? physicalID : nil,
            name: names.dropFirst().joined(separator: " "), health: DieHealth(word: String(health)),
            busID: String(bus), powerWatts: sensors["Power"]?.first.flatMap { Double($0) },
            temperatureCelsius: sensors["Temp"]?.first.flatMap { Int($0) },
            coreUsePercent: use["AICore"]?.first.flatMap { Int($0) },
            memory: memoryUse(memory))
    }

    private func memoryUse(_ pair: [Substring]) -> MemoryUse? {
        guard pair.count == 2, let used = Int(pair[0]), let total = Int(pair[1]) else { return nil }
        return MemoryUse(usedMegabytes: used, totalMegabytes: total)
    }

    private func process(
        _ cells: [Substring], _ line: Substring
    ) throws(ParseError) -> NPUTableProcess {
        // A bar in the name of a process makes cells of it; they stand where the name does.
        var cells = cells
        let surplus = cells.count - processHeader.count
        if surplus > 0, let name = processHeader.firstIndex(of: "process name") {
            cells.replaceSubrange(
                name...(name + surplus),
                with: [Substring(cells[name...(name + surplus)].joined(separator: "|"))])
        }
        let place = words(of: cells.first ?? "").compactMap { Int($0) }
        guard place.count == 2,
            let id = cell("process id", of: cells, processHeader).flatMap({ Int32($0) }),
            let memory = cell("process memory(mb)", of: cells, processHeader).flatMap({ Int($0) })
        else {
            throw ParseError(expected: "card, chip, process id, name and memory", line: line)
        }
        return NPUTableProcess(
            address: ChipAddress(card: place[0], chip: place[1]), processID: id,
            name: String(cell("process name", of: cells, processHeader) ?? ""),
            memoryMegabytes: memory,
            containerProcessID: cell("process id in container", of: cells, processHeader)
                .flatMap { Int32($0) })
    }

    private func cell(
        _ title: Substring, of cells: [Substring], _ header: [Substring]
    ) -> Substring? {
        guard let index = header.firstIndex(of: title), cells.indices.contains(index) else {
            return nil
        }
        return cells[index]
    }

    /// The figures of a cell by the names in its header, without their units. A figure of two
    /// parts has a slash between them, which may touch them: `61609/ 65536`.
    private func figures(
        of cell: Substring, under header: Substring
    ) -> [String: [Substring]] {
        var rest = words(of: cell.replacing("/", with: " / "))[...]
        var figures: [String: [Substring]] = [:]
        for title in words(of: header) {
            guard let figure = rest.popFirst() else { break }
            let name = String(title.prefix { $0 != "(" })
            figures[name] = [figure]
            guard rest.first == "/" else { continue }
            figures[name]?.append(contentsOf: rest.dropFirst().prefix(1))
            rest = rest.dropFirst(2)
        }
        return figures
    }
}

// The table of `npu-smi info` through its versions.

import Testing

@testable import Ascend

@Suite struct NPUTableTests {
    @Test func `an A3 of 25 has sixteen dies and their owners`() throws {
        let table = try NPUTable(parsing: fixture("info-a3-25"))
        #expect(table.version == "25.5.2")
        #expect(table.dies.map(\.physicalID) == (0..<16).map { DieID($0) })
        #expect(table.dies[5].address == ChipAddress(card: 2, chip: 1))
        #expect(table.dies[5].name == "Ascend910")
        #expect(table.dies[5].busID == "0000:B7:00.0")
        #expect(table.dies[4].memory == MemoryUse(usedMegabytes: 61002, totalMegabytes: 65536))
        #expect(table.dies[4].coreUsePercent == 91)
        // The second die of a card has no power sensor.
        #expect(table.dies[4].powerWatts != nil && table.dies[5].powerWatts == nil)
        #expect(table.dies.allSatisfy { $0.health == .ok })
        #expect(table.processes.count == 5)
        #expect(table.processes.allSatisfy { $0.name.isEmpty && $0.containerProcessID == nil })
        #expect(table.processes[3].address == ChipAddress(card: 2, chip: 1))
        #expect(table.processes[3].memoryMegabytes == 60215)
    }

    @Test func `an A3 of 26 is wider and knows processes in containers`() throws {
        let table = try NPUTable(parsing: fixture("info-a3-26"))
        #expect(table.version == "26.0.rc1")
        #expect(table.dies.count == 16)
        #expect(table.dies.filter { $0.health != .ok }.map(\.physicalID) == [DieID(9), DieID(13)])
        #expect(table.dies[9].health == .alarm)
        #expect(table.dies[13].health == .warning)
        #expect(table.dies[13].memory?.usedMegabytes == 9999)
        #expect(table.processes.map(\.processID) == [90125, 90126, 93310])
        #expect(table.processes.map(\.containerProcessID) == [nil, nil, 212])
        // A bar in a name is no border of a cell.
        #expect(table.processes[2].name == "bench | tee" || table.processes[2].name == "bench|tee")
        #expect(table.processes[2].memoryMegabytes == 6800)
    }

    @Test func `an A2 of 24 has no physical ids`() throws {
        let table = try NPUTable(parsing: fixture("info-a2-24"))
        #expect(table.dies.map(\.address.card) == Array(0..<8))
        #expect(table.dies.allSatisfy { $0.physicalID == nil && $0.name == "910B3" })
        #expect(table.dies.allSatisfy { $0.memory?.totalMegabytes == 65536 })
        #expect(table.processes.isEmpty)
    }

    @Test func `a die that cannot be read is there without its figures`() throws {
        let die = try NPUTable(parsing: fixture("info-a3-unreadable-die")).dies[7]
        #expect(die.health == .other("UNKNOWN"))
        #expect(die.memory == nil && die.coreUsePercent == nil && die.temperatureCelsius == nil)
        #expect(die.physicalID == DieID(7))
    }

    @Test func `line ends and indentation do not matter`() throws {
        let text = try fixture("info-a3-25")
        let other = text.replacing("\n", with: "\r\n  ")
        #expect(try NPUTable(parsing: other) == NPUTable(parsing: text))
    }

    @Test(arguments: [
        ("| 4     8  ", "| four  8  ", "the numbers of card and chip"),
        ("| 4     8  ", "| 0        ", "chip and physical id"),
        ("| Process id ", "| Process no ", "the numbers of card and chip"),
        ("npu-smi 25.5.2", "nvidia-smi 1.0", "with its version"),
    ]) func `what is wrong is told`(old: String, new: String, expected: String) throws {
        let text = try fixture("info-a3-25")
        let broken = text.replacing(old == "| 4     8  " ? "| 0     8  " : old, with: new)
        try #require(broken != text, "the sample has no \(old)")
        let error = #expect(throws: ParseError.self) { try NPUTable(parsing: broken) }
        #expect(error?.expected.contains(expected) == true, "\(String(describing: error))")
    }

    @Test(arguments: [("| 60310 ", "| NA    "), ("| 711042 ", "| -      ")])
    func `a row of a process that cannot be read hides neither dies nor other processes`(
        old: String, new: String
    ) throws {
        let text = try fixture("info-a3-25")
        let whole = try NPUTable(parsing: text)
        let broken = text.replacing(old, with: new, maxReplacements: 1)
        try #require(broken != text)
        let table = try NPUTable(parsing: broken)
        #expect(table.dies == whole.dies && whole.unreadRows.isEmpty)
        #expect(table.processes.count == whole.processes.count - 1)
        #expect(table.processes.allSatisfy { whole.processes.contains($0) })
        #expect(table.unreadRows.count == 1)
        #expect(table.unreadRows[0].line.contains(new.split(separator: " ")[1]))
    }

    @Test func `a table that was cut off is no table of fewer dies`() throws {
        let text = try fixture("info-a3-25")
        let all = text.split(separator: "\n")
        for count in 0..<56 {
            let part = all.prefix(count).joined(separator: "\n")
            #expect(throws: ParseError.self, "\(count) lines") { try NPUTable(parsing: part) }
        }
    }
}

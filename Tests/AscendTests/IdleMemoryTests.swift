// What idle dies have in use, learnt by looking.

import Testing

@testable import Ascend

@Suite struct IdleMemoryTests {
    private static func die(_ id: Int, used: Int?, held: Bool = false) -> Die {
        let gap = Gap(.notInstalled, "hccn_tool", "")
        return Die(
            id: DieID(id), address: ChipAddress(card: id / 2, chip: id % 2), name: "Ascend910",
            busID: "", health: .ok, errorCodes: .known([]), errorInformation: [],
            temperatureCelsius: nil, coreUsePercent: nil,
            memory: used.map { MemoryUse(usedMegabytes: $0, totalMegabytes: 65536) },
            processes: held
                ? [DieProcess(processID: 7, name: "python3", memoryMegabytes: 60000)] : [],
            place: .unknown(gap), fabric: DieFabric(unknown: gap))
    }

    @Test func `a die that was never seen idle has the limit of all`() {
        let idle = IdleMemory()
        #expect(idle.isIdle(Self.die(0, used: 5119)) == true)
        #expect(idle.isIdle(Self.die(0, used: 5120)) == false)
        #expect(idle.isIdle(Self.die(0, used: nil)) == nil)
    }

    @Test func `what was seen idle is the baseline, a gigabyte more is not idle`() {
        var idle = IdleMemory()
        idle.learn(from: [Self.die(0, used: 3400), Self.die(1, used: 2890)], held: [])
        idle.learn(from: [Self.die(0, used: 3100)], held: [])
        #expect(idle.isIdle(Self.die(0, used: 4123)) == true)
        #expect(idle.isIdle(Self.die(0, used: 4124)) == false)
        #expect(idle.isIdle(Self.die(1, used: 3914)) == false)
        #expect(idle.isIdle(Self.die(2, used: 5000)) == true, "never seen")
    }

    @Test func `a die that somebody holds, or that is full, teaches nothing`() {
        var idle = IdleMemory()
        idle.learn(
            from: [Self.die(0, used: 100, held: true), Self.die(1, used: 100)], held: [DieID(1)])
        idle.learn(from: [Self.die(2, used: 61609)], held: [])
        for id in 0..<3 {
            #expect(idle.isIdle(Self.die(id, used: 5000)) == true)
            #expect(idle.isIdle(Self.die(id, used: 61609)) == false)
        }
    }
}

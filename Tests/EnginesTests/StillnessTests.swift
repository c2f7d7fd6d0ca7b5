// Which processes are told to be still.

import Base
import Host
import Testing

@testable import Engines

@Suite struct StillnessTests {
    private let process = ProcessIdentity(processID: 7, startTicks: 1, boot: "b")
    private let start = Instant.zero + .seconds(100)

    /// What is said of a process after looks 3 s apart.
    private func told(_ looks: (state: String, ticks: UInt64)...) -> Bool? {
        var stillness = Stillness()
        var now = start
        for look in looks {
            now = now + .seconds(3)
            stillness.saw(
                [process: Stillness.Look(state: look.state, ticksUsed: look.ticks)], at: now)
        }
        return stillness.isStopped(process, at: now)
    }

    @Test func `one that is stopped at two looks is still, and one look is not enough`() {
        #expect(told(("T", 5), ("T", 5)) == true)
        #expect(told(("t", 5), ("t", 5)) == true, "a debugger holds it")
        #expect(told(("T", 5)) == nil)
        #expect(told(("T", 5), ("S", 5), ("T", 5)) == nil, "it went on between")
    }

    @Test func `one that waits in the kernel is still only where it uses no processor`() {
        #expect(told(("D", 5), ("D", 5)) == false)
        #expect(told(("D", 5), ("D", 6), ("D", 7)) == nil, "it reads its weights")
    }

    @Test func `one that sleeps or runs is not`() {
        #expect(told(("S", 5), ("S", 5), ("R", 5)) == nil)
        #expect(Stillness().isStopped(process, at: start) == nil)
    }
}

// Which processes do not move. One look says little: whoever reads a file is in the kernel for a moment, and
// a debugger stops a process to look at its stack. So one is still when it was in one state at every look for
// some seconds, and has used no processor meanwhile.

import Base
import Host

/// What looks at processes, one after the other, tell of them.
struct Stillness {
    /// Shorter than the time of two looks, and longer than a debugger takes for a stack.
    static let limit = Duration.seconds(3)

    /// What one look sees of a process.
    struct Look: Hashable, Sendable {
        /// The kernel's letter.
        let state: String
        let ticksUsed: UInt64
    }

    private struct Stand {
        let isStopped: Bool
        let ticksUsed: UInt64
        let since: Instant
    }

    private var stands: [ProcessIdentity: Stand] = [:]

    /// A look. Whoever is not in it is forgotten.
    mutating func saw(_ looks: [ProcessIdentity: Look], at now: Instant) {
        let before = stands
        stands = [:]
        for (identity, look) in looks {
            let isStopped = look.state == "T" || look.state == "t"
            guard isStopped || look.state == "D" else { continue }
            let stand = before[identity]
            let isSame = stand?.isStopped == isStopped && stand?.ticksUsed == look.ticksUsed
            stands[identity] = Stand(
                isStopped: isStopped, ticksUsed: look.ticksUsed,
                since: isSame ? stand?.since ?? now : now)
        }
    }

    /// Whether a process that does not move is stopped (else it hangs in the kernel); nil while it moves.
    func isStopped(_ identity: ProcessIdentity, at now: Instant) -> Bool? {
        guard let stand = stands[identity], now - stand.since >= Self.limit else { return nil }
        return stand.isStopped
    }
}

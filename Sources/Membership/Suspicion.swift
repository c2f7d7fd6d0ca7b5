// A suspicion is a death sentence with a stay. It starts with the longest stay, and each independent
// accuser shortens it: Lifeguard §IV-B, `max - (max - min) * log(c + 1) / log(k + 1)`. How many
// accusers can be expected at all is asked anew each time, since whoever died cannot accuse:
// memberlist fixes it at the start and counts the dead, and takes four times as long for the third
// failure in four nodes as for the first.

import Base

/// One member's suspicion, as this node holds it.
struct Suspicion: Hashable, Sendable {
    private(set) var startedAt: Instant
    /// Who suspects the member, the first accuser first.
    private(set) var accusers: [NodeID]

    init(startedAt: Instant, accuser: NodeID) {
        self.startedAt = startedAt
        accusers = [accuser]
    }

    /// True if this accuser is new.
    mutating func accuse(by accuser: NodeID) -> Bool {
        guard !accusers.contains(accuser) else { return false }
        accusers.append(accuser)
        return true
    }

    /// The suspect gets its full time again, because this node was not there to hear it.
    mutating func restart(at now: Instant) {
        startedAt = now
    }

    /// When the suspect is dead, unless it refutes. The witnesses are the members other than this
    /// node and the suspect that are not gone.
    func deadline(
        witnesses: Int, memberCount: Int, configuration: SwimConfiguration
    ) -> Instant {
        let expected = min(configuration.confirmationCount, witnesses)
        let share = Self.share(confirmations: accusers.count - 1, expected: expected)
        let longest = configuration.suspicionMaximum
        let saved = (longest - configuration.suspicionMinimum) * share
        return startedAt + (longest - saved) * SwimConfiguration.stretch(for: memberCount)
    }

    /// The share of the stay that confirmations take away, 0 to 1: `log(c + 1) / log(k + 1)`.
    /// Where nobody is left to confirm, one node's word is all there is, and gets the longest stay.
    static func share(confirmations: Int, expected: Int) -> Double {
        guard expected > 0 else { return 0 }
        guard confirmations < expected else { return 1 }
        return logarithm(confirmations + 1) / logarithm(expected + 1)
    }

    /// The base-2 logarithm of a small whole number. The pure layers link no C mathematics, and a
    /// chord between powers of two is within 9 % of it.
    private static func logarithm(_ number: Int) -> Double {
        let whole = SwimConfiguration.doublings(of: number) - 1
        let power = 1 << whole
        return Double(whole) + Double(number - power) / Double(power)
    }
}

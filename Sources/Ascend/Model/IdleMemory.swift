// What a die has in use when nothing runs on it. The firmware's share differs by die, by version and by
// host, so it is learnt: from looks at a node whose dies nobody held. What a stopped engine has not given
// back is then seen to a gigabyte, where a limit for all would have to allow for two.

/// The memory of a node's idle dies, as far as it has been seen.
public struct IdleMemory: Hashable, Sendable {
    private(set) var leastMegabytes: [DieID: Int] = [:]

    /// How far above its baseline a die counts as idle: drivers keep something now and then.
    private static let marginMegabytes = 1024

    public init() {}

    init(leastMegabytes: [DieID: Int]) {
        self.leastMegabytes = leastMegabytes
    }

    /// Takes note of the dies that nobody holds.
    public mutating func learn(from inventory: NodeInventory) {
        guard let dies = inventory.dies.value, let holders = inventory.holders.value else { return }
        learn(from: dies, held: Set(holders.flatMap(\.dies)))
    }

    mutating func learn(from dies: [Die], held: Set<DieID>) {
        for die in dies where die.processes.isEmpty && !held.contains(die.id) {
            guard let used = die.memory?.usedMegabytes, used < Die.idleLimitMegabytes else {
                continue
            }
            leastMegabytes[die.id] = min(used, leastMegabytes[die.id] ?? used)
        }
    }

    /// Whether nothing but the firmware's share is in use; nil where the memory is not known.
    public func isIdle(_ die: Die) -> Bool? {
        let limit = leastMegabytes[die.id].map {
            min($0 + Self.marginMegabytes, Die.idleLimitMegabytes)
        }
        return die.memory.map { $0.usedMegabytes < limit ?? Die.idleLimitMegabytes }
    }
}

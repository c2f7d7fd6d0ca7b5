// News waiting to be carried. One entry a member, so the queue is bounded by the cluster, and a
// newer belief takes the place of an older one. What was carried least goes first (SWIM §4.1).

import Base

/// The updates that this node still has to spread.
struct GossipQueue: Hashable, Sendable {
    private struct Entry: Hashable, Sendable {
        let update: MemberUpdate
        var transmissions = 0
    }

    /// Oldest news first.
    private var entries: [Entry] = []

    var isEmpty: Bool { entries.isEmpty }
    var count: Int { entries.count }

    /// Takes the place of any older update about the same member.
    mutating func enqueue(_ update: MemberUpdate) {
        forget(update.node)
        entries.append(Entry(update: update))
    }

    mutating func forget(_ node: NodeID) {
        entries.removeAll { $0.update.node == node }
    }

    mutating func removeAll() {
        entries.removeAll()
    }

    /// The updates for one message, at most `count`; each leaves the queue after
    /// `retransmitLimit` messages.
    mutating func take(_ count: Int, retransmitLimit: Int) -> [MemberUpdate] {
        guard !entries.isEmpty, count > 0 else { return [] }
        let chosen =
            entries.count <= count
            ? Array(entries.indices)
            : Array(
                entries.indices
                    .sorted { (entries[$0].transmissions, $0) < (entries[$1].transmissions, $1) }
                    .prefix(count))
        let updates = chosen.map { entries[$0].update }
        for index in chosen {
            entries[index].transmissions += 1
        }
        entries.removeAll { $0.transmissions >= retransmitLimit }
        return updates
    }
}

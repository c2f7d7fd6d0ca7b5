// A network of streams between agents, as the transport shows it: a stream stands or does not, frames
// on one come in order, and a stream that goes takes the frames under way with it. On top of what
// TCP would do it loses frames, which the machines must bear too.

import Base

struct SimulatedNetwork {
    /// Both directions of one pair of nodes.
    struct Link {
        var isCut = false
        /// Counts the streams of this pair; frames of an older one never arrive.
        var stream: UInt64 = 0
        var isOpen = false
        /// When the last frame under way arrives, by the sender's index of the pair (0 or 1).
        var lastArrival: [Instant] = [.zero, .zero]
    }

    /// An unordered pair of nodes, by index.
    struct Pair: Hashable, Comparable {
        let low: Int
        let high: Int

        init(_ one: Int, _ other: Int) {
            low = min(one, other)
            high = max(one, other)
        }

        static func < (left: Pair, right: Pair) -> Bool {
            (left.low, left.high) < (right.low, right.high)
        }
    }

    var links: [Pair: Link] = [:]
    /// The share of frames lost while faults are on.
    var loss = 0.0
    var delay: ClosedRange<Duration> = .microseconds(200)...(.milliseconds(5))

    /// When a frame that is sent now arrives; nil where it is lost.
    mutating func arrival(
        from sender: Int, to receiver: Int, at now: Instant, using generator: inout SeededGenerator
    ) -> (due: Instant, stream: UInt64)? {
        let pair = Pair(sender, receiver)
        guard var link = links[pair], link.isOpen, !link.isCut, !generator.chance(loss) else {
            return nil
        }
        let direction = sender == pair.low ? 0 : 1
        let due = max(now + generator.duration(in: delay), link.lastArrival[direction])
        link.lastArrival[direction] = due
        links[pair] = link
        return (due, link.stream)
    }
}

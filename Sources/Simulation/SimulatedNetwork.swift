// A network of streams between agents, as the transport shows it: a stream stands or does not, frames
// on one come in order, and a stream that goes takes the frames under way with it. On top of what
// TCP would do it loses frames, which the machines must bear too. A cut may be of one direction.

import Base

struct SimulatedNetwork {
    /// Both directions of one pair of nodes.
    struct Link {
        /// Nothing gets through, by direction: 0 from the lower index to the higher.
        var cut = [false, false]
        /// Counts the streams of this pair; frames of an older one never arrive.
        var stream: UInt64 = 0
        var isOpen = false
        /// When the last frame under way arrives, by direction.
        var lastArrival: [Instant] = [.zero, .zero]
        /// The stream that has ended and of which what is under way still arrives, by direction.
        var lastWords: [UInt64?] = [nil, nil]

        var isCut: Bool { cut[0] || cut[1] }
    }

    /// An unordered pair of nodes, by index.
    struct Pair: Hashable, Comparable {
        let low: Int
        let high: Int

        init(_ one: Int, _ other: Int) {
            low = min(one, other)
            high = max(one, other)
        }

        func direction(from sender: Int) -> Int { sender == low ? 0 : 1 }

        func contains(_ node: Int) -> Bool { low == node || high == node }

        func peer(of node: Int) -> Int { low == node ? high : low }

        static func < (left: Pair, right: Pair) -> Bool {
            (left.low, left.high) < (right.low, right.high)
        }
    }

    private(set) var pairs: [Pair] = []
    private var table: [Link] = []
    private let nodeCount: Int
    /// The share of frames lost while faults are on.
    var loss = 0.0
    var delay = Self.quickDelay
    /// What Raft and SWIM say may come twice, or after what was said later.
    var isDisorderly = false
    /// Whose frames take long.
    var slowSenders: Set<Int> = []

    static let quickDelay: ClosedRange<Duration> = .microseconds(200)...(.milliseconds(5))
    static let slowDelay: ClosedRange<Duration> = .milliseconds(1)...(.milliseconds(200))
    static let verySlowDelay: ClosedRange<Duration> = .milliseconds(20)...(.milliseconds(700))

    init(nodeCount: Int) {
        self.nodeCount = nodeCount
        table = Array(repeating: Link(), count: nodeCount * nodeCount)
        for low in 0..<nodeCount {
            for high in low + 1..<max(low + 1, nodeCount) { pairs.append(Pair(low, high)) }
        }
    }

    subscript(pair: Pair) -> Link {
        get { table[pair.low * nodeCount + pair.high] }
        set { table[pair.low * nodeCount + pair.high] = newValue }
    }

    /// Whether anything ails the links of a node. What is late of others, or out of order, is no excuse.
    func isDisturbed(_ node: Int) -> Bool {
        loss > 0 || slowSenders.contains(node)
            || (0..<nodeCount).contains { $0 != node && self[Pair($0, node)].isCut }
    }

    /// When a frame that is sent now arrives; nil where it is lost.
    mutating func arrival(
        from sender: Int, to receiver: Int, at now: Instant, using generator: inout SeededGenerator
    ) -> (due: Instant, stream: UInt64)? {
        let pair = Pair(sender, receiver)
        let direction = pair.direction(from: sender)
        let link = self[pair]
        guard link.isOpen, !link.cut[direction], loss == 0 || !generator.chance(loss) else {
            return nil
        }
        let delay = slowSenders.contains(sender) ? Self.verySlowDelay : delay
        let due = max(now + generator.duration(in: delay), link.lastArrival[direction])
        self[pair].lastArrival[direction] = due
        return (due, link.stream)
    }

    /// Whether a frame that is due now still arrives.
    func delivers(from sender: Int, to receiver: Int, stream: UInt64) -> Bool {
        let pair = Pair(sender, receiver)
        let link = self[pair]
        let direction = pair.direction(from: sender)
        let isOpen = link.isOpen && link.stream == stream
        return (isOpen || link.lastWords[direction] == stream) && !link.cut[direction]
    }
}

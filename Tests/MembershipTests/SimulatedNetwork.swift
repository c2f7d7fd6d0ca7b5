// A network of Swim values in one thread and no time at all: every event has an instant and an
// order, every delay and loss comes from one seed, so a run is a function of its seed and script.

import Base
import Membership

/// Some nodes, their links, and what can go wrong with both.
final class SimulatedNetwork {
    /// What a cut link does to what is sent over it.
    enum Cut {
        /// Gone, as with datagrams or a stream that is reset later.
        case drops
        /// Kept by the sender's TCP and delivered at the heal: stale news.
        case holds
    }

    struct Observation: Hashable {
        let at: Instant
        let observer: Int
        let action: SwimAction
    }

    private struct Node {
        var swim: Swim?
        var life = 0
        var bornAt = Instant.zero
        var isPaused = false
        var backlog: [SwimInput] = []
        var tickAt: Instant?
        /// Added to every tick, as an overloaded loop would.
        var tickLag: Duration = .zero
    }

    private enum Event {
        case input(SwimInput, node: Int, life: Int)
        case tick(node: Int, life: Int)
    }

    private struct Link: Hashable {
        let from: Int
        let to: Int
    }

    let names: [NodeID]
    let seed: UInt64
    var latency: ClosedRange<Duration> = .milliseconds(1)...(.milliseconds(10))
    var loss = 0.0
    private(set) var now = Instant.zero
    private(set) var observations: [Observation] = []
    /// Every action of every node, for comparing runs; kept only if asked for.
    var tracesEverything = false
    private(set) var trace: [Observation] = []
    private(set) var messageCount = 0

    private var nodes: [Node]
    private var positions: [NodeID: Int] = [:]
    private var random: SeededGenerator
    private var cuts: [Link: Cut] = [:]
    private var held: [(Link, SwimMessage)] = []
    private var lastDelivery: [Instant]
    private var events = EventHeap<Event>()
    private var actions: [SwimAction] = []

    /// The nodes start within 300 ms; streams between them open as they do.
    init(nodeCount: Int, seed: UInt64) {
        names = (0..<nodeCount).map { NodeID("n" + ($0 < 10 ? "0" : "") + String($0)) }
        self.seed = seed
        random = SeededGenerator(seed: seed)
        nodes = Array(repeating: Node(), count: nodeCount)
        lastDelivery = Array(repeating: .zero, count: nodeCount * nodeCount)
        positions = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
        for node in 0..<nodeCount {
            start(node)
        }
    }

    // MARK: Script

    /// Starts a node, or starts it again with a later incarnation.
    func start(_ node: Int) {
        nodes[node].life += 1
        nodes[node].bornAt = now
        nodes[node].isPaused = false
        nodes[node].backlog = []
        nodes[node].tickAt = nil
        nodes[node].swim = Swim(
            local: names[node],
            incarnation: Incarnation(UInt64(1_000_000 + now.nanoseconds / 1_000_000)),
            peers: names, seed: random.next(), at: now)
        schedule(tickOf: node)
        for other in nodes.indices where other != node && nodes[other].swim != nil {
            openStream(node, other, within: .milliseconds(50))
        }
    }

    /// The agent dies, its host lives. Those that hold a stream see it at once, and again when
    /// their dials are refused.
    func crash(_ node: Int, seenBy witnesses: [Int]? = nil) {
        nodes[node].swim = nil
        nodes[node].life += 1
        for witness in witnesses ?? Array(nodes.indices) where nodes[witness].swim != nil {
            let seen = now + random.duration(in: latency)
            post(.agentGone(names[node]), to: witness, at: seen)
            post(.agentGone(names[node]), to: witness, at: seen + .milliseconds(100))
        }
    }

    /// The link of two nodes is reset, and every dial refused, as by a firewall, for a while.
    func flap(between one: Int, _ other: Int, for outage: Duration) {
        cut(from: one, to: other)
        cut(from: other, to: one)
        let end = now + outage
        while now < end {
            post(.agentGone(names[other]), to: one, at: now)
            post(.agentGone(names[one]), to: other, at: now)
            run(for: min(end - now, .milliseconds(100)))
        }
        cuts[Link(from: one, to: other)] = nil
        cuts[Link(from: other, to: one)] = nil
        post(.streamOpened(names[other]), to: one, at: now)
        post(.streamOpened(names[one]), to: other, at: now)
    }

    /// SIGSTOP: nothing is done and everything piles up.
    func pause(_ node: Int) { nodes[node].isPaused = true }

    /// SIGCONT: the loop runs its timers first, then reads what piled up.
    func resume(_ node: Int) {
        nodes[node].isPaused = false
        let backlog = nodes[node].backlog
        nodes[node].backlog = []
        step(node, .tick)
        for input in backlog {
            step(node, input)
        }
    }

    func overload(_ node: Int, tickLag: Duration) { nodes[node].tickLag = tickLag }

    func leave(_ node: Int) { step(node, .leave) }

    func describe(_ node: Int, _ metadata: MemberMetadata) { step(node, .describe(metadata)) }

    func cut(from: Int, to: Int, _ cut: Cut = .drops) { cuts[Link(from: from, to: to)] = cut }

    func partition(_ side: Range<Int>, _ cut: Cut = .drops) {
        for inside in side {
            for outside in nodes.indices where !side.contains(outside) {
                self.cut(from: inside, to: outside, cut)
                self.cut(from: outside, to: inside, cut)
            }
        }
    }

    /// All links work again; held messages arrive. With new streams, as where the old ones timed
    /// out, each pair that was cut dials within half a second.
    func heal(newStreams: Bool) {
        let links = cuts.keys.sorted { ($0.from, $0.to) < ($1.from, $1.to) }
        cuts = [:]
        let messages = held
        held = []
        for (link, message) in messages {
            deliver(message, from: link.from, to: link.to)
        }
        guard newStreams else { return }
        for link in links where link.from < link.to {
            openStream(link.from, link.to, within: .milliseconds(500))
        }
    }

    func run(for duration: Duration) {
        let end = now + duration
        while let (at, event) = events.pop(notAfter: end) {
            now = at
            switch event {
            case .input(let input, let node, let life):
                if nodes[node].life == life { step(node, input) }
            case .tick(let node, let life):
                guard nodes[node].life == life, nodes[node].tickAt == at else { continue }
                nodes[node].tickAt = nil
                step(node, .tick)
            }
        }
        now = end
    }

    // MARK: Questions

    var nodeCount: Int { nodes.count }
    func isRunning(_ node: Int) -> Bool { nodes[node].swim != nil && !nodes[node].isPaused }
    func bornAt(_ node: Int) -> Instant { nodes[node].bornAt }
    func isPaused(_ node: Int) -> Bool { nodes[node].isPaused }

    func state(of node: Int, seenBy observer: Int) -> MemberState? {
        nodes[observer].swim?.state(of: names[node])
    }

    func isIsolated(_ node: Int) -> Bool { nodes[node].swim?.isIsolated ?? true }

    func members(seenBy observer: Int) -> [Member] { nodes[observer].swim?.members ?? [] }

    /// Whether all of these see all of these in that state, themselves left out.
    func all(_ observers: some Sequence<Int>, see state: MemberState, of subjects: [Int]) -> Bool {
        observers.allSatisfy { observer in
            subjects.allSatisfy {
                $0 == observer || self.state(of: $0, seenBy: observer) == state
            }
        }
    }

    /// The deaths that these observers declared since, of these subjects.
    func deaths(
        of subjects: [Int], seenBy observers: [Int], since: Instant = .zero
    ) -> [Observation] {
        observations.filter { observation in
            guard observation.at >= since, observers.contains(observation.observer),
                case .changed(let member, _) = observation.action, member.state == .dead,
                let subject = positions[member.node]
            else { return false }
            return subjects.contains(subject)
        }
    }

    /// Runs until the condition holds and gives the time it took; nil after `limit`.
    func time(until condition: () -> Bool, limit: Duration) -> Duration? {
        let start = now
        while !condition() {
            guard now - start < limit else { return nil }
            run(for: .milliseconds(10))
        }
        return now - start
    }

    // MARK: Machinery

    private func openStream(_ one: Int, _ other: Int, within delay: Duration) {
        let at = now + random.duration(in: .zero...delay)
        post(.streamOpened(names[other]), to: one, at: at)
        post(.streamOpened(names[one]), to: other, at: at + random.duration(in: latency))
    }

    private func post(_ input: SwimInput, to node: Int, at: Instant) {
        events.push(.input(input, node: node, life: nodes[node].life), at: at)
    }

    private func schedule(tickOf node: Int) {
        guard let deadline = nodes[node].swim?.nextDeadline else { return }
        let at = max(deadline, now) + nodes[node].tickLag
        if let planned = nodes[node].tickAt, planned <= at { return }
        nodes[node].tickAt = at
        events.push(.tick(node: node, life: nodes[node].life), at: at)
    }

    private func step(_ node: Int, _ input: SwimInput) {
        if nodes[node].isPaused {
            if input != .tick { nodes[node].backlog.append(input) }
            return
        }
        actions.removeAll(keepingCapacity: true)
        nodes[node].swim?.step(input, at: now, into: &actions)
        for action in actions {
            if tracesEverything {
                trace.append(Observation(at: now, observer: node, action: action))
            }
            if case .send(let message, let recipient) = action {
                if let target = positions[recipient] { send(message, from: node, to: target) }
            } else {
                observations.append(Observation(at: now, observer: node, action: action))
            }
        }
        schedule(tickOf: node)
    }

    private func send(_ message: SwimMessage, from: Int, to: Int) {
        messageCount += 1
        if let cut = cuts[Link(from: from, to: to)] {
            if cut == .holds { held.append((Link(from: from, to: to), message)) }
            return
        }
        if loss > 0, random.chance(loss) { return }
        deliver(message, from: from, to: to)
    }

    /// In the order of sending, as a stream does.
    private func deliver(_ message: SwimMessage, from: Int, to: Int) {
        let link = from * nodes.count + to
        let at = max(lastDelivery[link], now + random.duration(in: latency))
        lastDelivery[link] = at
        post(.received(message, from: names[from]), to: to, at: at)
    }
}

/// Events by instant, then by the order they were planned in: a binary heap of small keys. The
/// events themselves stay where they are.
private struct EventHeap<Event> {
    private struct Key {
        let at: Instant
        let order: Int
        let slot: Int

        func precedes(_ other: Key) -> Bool {
            let nanoseconds = at.nanoseconds
            if nanoseconds != other.at.nanoseconds { return nanoseconds < other.at.nanoseconds }
            return order < other.order
        }
    }

    private var keys: [Key] = []
    private var slots: [Event?] = []
    private var freeSlots: [Int] = []
    private var lastOrder = 0

    mutating func push(_ event: Event, at: Instant) {
        let slot = freeSlots.popLast() ?? slots.count
        if slot == slots.count { slots.append(event) } else { slots[slot] = event }
        lastOrder += 1
        keys.append(Key(at: at, order: lastOrder, slot: slot))
        var child = keys.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard keys[child].precedes(keys[parent]) else { return }
            keys.swapAt(child, parent)
            child = parent
        }
    }

    mutating func pop(notAfter end: Instant) -> (Instant, Event)? {
        guard let first = keys.first, first.at <= end, let event = slots[first.slot] else {
            return nil
        }
        slots[first.slot] = nil
        freeSlots.append(first.slot)
        let last = keys.removeLast()
        if !keys.isEmpty {
            keys[0] = last
            sink()
        }
        return (first.at, event)
    }

    private mutating func sink() {
        var parent = 0
        while 2 * parent + 1 < keys.count {
            var child = 2 * parent + 1
            if child + 1 < keys.count, keys[child + 1].precedes(keys[child]) { child += 1 }
            guard keys[child].precedes(keys[parent]) else { return }
            keys.swapAt(parent, child)
            parent = child
        }
    }
}

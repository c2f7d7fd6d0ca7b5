// Simulated time: a heap of what is due, earliest first. What is due at the same moment comes in the
// order in which it was scheduled, so that a seed gives one history and no other.

import Base

/// Things that will happen, by time.
struct EventQueue<Event> {
    private struct Entry {
        let due: Instant
        let order: UInt64
        let event: Event

        func isBefore(_ other: Entry) -> Bool { (due, order) < (other.due, other.order) }
    }

    private var heap: [Entry] = []
    private var scheduled: UInt64 = 0

    var nextDue: Instant? { heap.first?.due }

    mutating func schedule(_ event: Event, at due: Instant) {
        heap.append(Entry(due: due, order: scheduled, event: event))
        scheduled += 1
        var child = heap.count - 1
        while child > 0, case let parent = (child - 1) / 2, heap[child].isBefore(heap[parent]) {
            heap.swapAt(child, parent)
            child = parent
        }
    }

    mutating func next() -> (due: Instant, event: Event)? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            sink()
        }
        return (first.due, first.event)
    }

    private mutating func sink() {
        var parent = 0
        while true {
            let children = [2 * parent + 1, 2 * parent + 2].filter { $0 < heap.count }
            guard let smallest = children.min(by: { heap[$0].isBefore(heap[$1]) }),
                heap[smallest].isBefore(heap[parent])
            else { return }
            heap.swapAt(parent, smallest)
            parent = smallest
        }
    }
}

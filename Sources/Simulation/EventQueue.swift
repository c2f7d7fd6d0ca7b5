// Simulated time: a heap of what is due, earliest first. What is due at the same moment comes in the
// order in which it was scheduled, so that a seed gives one history and no other.

import Base

/// Things that will happen, by time. The heap orders small entries; the events stay where they are.
struct EventQueue<Event> {
    private struct Entry {
        let due: Int64
        let order: UInt64
        let slot: Int

        func isBefore(_ other: Entry) -> Bool {
            due < other.due || due == other.due && order < other.order
        }
    }

    private var heap: [Entry] = []
    private var events: [Event?] = []
    private var freeSlots: [Int] = []
    private var scheduled: UInt64 = 0

    var nextDue: Instant? { heap.first.map { Instant(nanoseconds: $0.due) } }

    mutating func schedule(_ event: Event, at due: Instant) {
        let slot: Int
        if let free = freeSlots.popLast() {
            slot = free
            events[slot] = event
        } else {
            slot = events.count
            events.append(event)
        }
        let entry = Entry(due: due.nanoseconds, order: scheduled, slot: slot)
        scheduled += 1
        var child = heap.count
        heap.append(entry)
        while child > 0, case let parent = (child - 1) / 2, entry.isBefore(heap[parent]) {
            heap[child] = heap[parent]
            child = parent
        }
        heap[child] = entry
    }

    mutating func next() -> (due: Instant, event: Event)? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        if !heap.isEmpty { sink(last) }
        guard let event = events[first.slot] else {
            preconditionFailure("slot \(first.slot) of the event queue is empty")
        }
        events[first.slot] = nil
        freeSlots.append(first.slot)
        return (Instant(nanoseconds: first.due), event)
    }

    /// Puts the entry at the top of the heap and lets it down to its place.
    private mutating func sink(_ entry: Entry) {
        var parent = 0
        while case var child = 2 * parent + 1, child < heap.count {
            if child + 1 < heap.count, heap[child + 1].isBefore(heap[child]) { child += 1 }
            guard heap[child].isBefore(entry) else { break }
            heap[parent] = heap[child]
            parent = child
        }
        heap[parent] = entry
    }
}

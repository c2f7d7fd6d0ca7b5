// Who had reason to be missed, and for how long: an agent that was down, asleep or cut off. The
// invariants that speak of untouched nodes ask here.

import Base

struct Disturbances {
    private struct Span {
        let begin: Instant
        var end: Instant?
    }

    private var spans: [[Span]]

    init(nodeCount: Int) {
        spans = Array(repeating: [], count: nodeCount)
    }

    mutating func set(_ isDisturbed: Bool, of node: Int, at now: Instant) {
        let last = spans[node].count - 1
        let isOpen = last >= 0 && spans[node][last].end == nil
        guard isDisturbed != isOpen else { return }
        if isDisturbed {
            spans[node].append(Span(begin: now, end: nil))
        } else {
            spans[node][last].end = now
        }
    }

    /// Whether nothing has ailed the node for that long.
    func isSteady(_ node: Int, for duration: Duration, at now: Instant) -> Bool {
        guard let last = spans[node].last else { return now - .zero >= duration }
        return last.end.map { now - $0 >= duration } ?? false
    }

    /// Whether something has ailed the node for that long and still does.
    func lasts(_ duration: Duration, of node: Int, at now: Instant) -> Bool {
        spans[node].last.map { $0.end == nil && now - $0.begin >= duration } ?? false
    }

    /// Whether something ailed the node for at least that long, and ended not before `window`.
    func lasted(
        _ duration: Duration, of node: Int, within window: Duration, at now: Instant
    ) -> Bool {
        spans[node].contains { span in
            let end = span.end ?? now
            return end - span.begin >= duration && now - end <= window
        }
    }
}

// What a leader knows of one other node's log (§5.3). It starts by probing: one append at a time,
// until the place where the logs agree is found. From there it streams without waiting for each
// answer. Where the leader has compacted what the node needs, a snapshot goes first (§7).

import Base

/// A leader's view of one node.
struct Progress: Hashable, Sendable {
    enum Mode: Hashable, Sendable {
        /// Looking for the place where the logs agree. `isWaiting`: one append is out; the next
        /// goes when it is answered, or with the next heartbeat.
        case probe(isWaiting: Bool)
        /// Streaming. `inFlight`: the last index of every append that is not answered yet.
        case replicate(inFlight: [LogIndex])
        /// A snapshot is on its way; the message before this moment carried its state from that
        /// byte on.
        case snapshot(LogIndex, offset: UInt64, sentAt: Instant)
    }

    /// The logs agree, durably on that node's side, up to here. It never falls.
    private(set) var match = LogIndex.zero
    /// The next entry to send; always beyond `match`.
    private(set) var next: LogIndex
    private(set) var mode = Mode.probe(isWaiting: false)
    /// When the node last answered this leader in this term.
    var heardAt: Instant
    /// The disk that the node answered for last, and in which life.
    var stamp: DiskStamp?
    /// The node was started again since it confirmed what it did.
    private(set) var isNewLife = false
    /// The newest round of reads that the node has answered.
    private(set) var round = ReadRound.zero

    init(next: LogIndex, heardAt: Instant) {
        self.next = next
        self.heardAt = heardAt
    }

    /// True if an append with entries may go out now.
    func mayAppend(inFlightLimit: Int) -> Bool {
        switch mode {
        case .probe(let isWaiting): !isWaiting
        case .replicate(let inFlight): inFlight.count < inFlightLimit
        case .snapshot: false
        }
    }

    /// An append went out; `lastIndex` is that of its last entry, nil if it had none.
    mutating func sent(upTo lastIndex: LogIndex?) {
        switch mode {
        case .probe: mode = .probe(isWaiting: true)
        case .replicate(var inFlight):
            guard let lastIndex else { return }
            inFlight.append(lastIndex)
            mode = .replicate(inFlight: inFlight)
            next = lastIndex.next
        case .snapshot: break
        }
    }

    mutating func sentSnapshot(_ index: LogIndex, from offset: UInt64, at now: Instant) {
        mode = .snapshot(index, offset: offset, sentAt: now)
    }

    /// The node answered a message of that round.
    mutating func heard(_ round: ReadRound, at now: Instant) {
        heardAt = now
        self.round = max(self.round, round)
    }

    /// A heartbeat is due: a probe whose answer never came may be sent again.
    mutating func heartbeat() {
        if case .probe = mode { mode = .probe(isWaiting: false) }
    }

    /// The node was started again: what it confirmed is to be seen again.
    mutating func beginLife() {
        isNewLife = true
        mode = .probe(isWaiting: false)
        next = match.next
    }

    /// The node's log agrees up to there. Late and repeated answers change nothing.
    mutating func accepted(_ matched: LogIndex) {
        if matched >= match { isNewLife = false }
        match = max(match, matched)
        switch mode {
        case .probe:
            mode = .replicate(inFlight: [])
            next = match.next
        case .replicate(let inFlight):
            mode = .replicate(inFlight: inFlight.filter { $0 > match })
            next = max(next, match.next)
        case .snapshot(let index, _, _) where match >= index:
            mode = .replicate(inFlight: [])
            next = match.next
        case .snapshot: break
        }
    }

    /// The node's log does not agree at the place of some append; try after `hint`. A late refusal
    /// costs a repeated append, never agreement: what has matched stays matched.
    mutating func refused(hint: LogIndex) {
        if case .snapshot = mode { return }
        mode = .probe(isWaiting: false)
        next = max(match.next, min(next, hint.next))
    }
}

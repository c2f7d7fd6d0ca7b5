// Reads without a log entry (thesis 6.4, ReadIndex). A leader may answer from what it has applied if
// it knows two things: that it knows of every commit, which is so once it has committed an entry of
// its own term; and that nobody has replaced it, which a majority confirms by answering a message
// that was sent after the read was asked. Reads that come meanwhile share the next round.
//
// There are no leases here: they rest on clocks, and on nodes that never vote soon after they heard
// the leader. Ours do so when membership suspects the leader or when they were restarted.

import Base

/// The reads that wait on a leader.
struct ReadQueue: Sendable {
    /// Those that wait for a round to begin.
    var waiting: [ReadID] = []
    /// Those whose round is under way, and since when.
    var asked: [ReadID] = []
    var askedAt = Instant.zero
    /// The newest round.
    var round = ReadRound.zero

    var all: [ReadID] { asked + waiting }
}

extension Raft {
    mutating func read(_ read: ReadID, at now: Instant) {
        guard role == .leader else {
            notify(.unreadable(read, .notLeader(leader)))
            return
        }
        guard reads.waiting.count + reads.asked.count < configuration.readsLimit else {
            notify(.unreadable(read, .tooMuchUncommitted))
            return
        }
        reads.waiting.append(read)
        settleReads(at: now)
    }

    /// Answers the reads whose round a majority has answered, and begins the next round.
    mutating func settleReads(at now: Instant) {
        finishRound()
        guard reads.asked.isEmpty, !reads.waiting.isEmpty, hasCommittedInTerm else { return }
        reads.round = reads.round.next
        reads.asked = reads.waiting
        reads.waiting = []
        reads.askedAt = now
        for peer in peers { sendHeartbeat(to: peer, at: now) }
        finishRound()
    }

    private mutating func finishRound() {
        guard !reads.asked.isEmpty else { return }
        let answered = reached(otherwise: .zero) { voter in
            voter == local ? reads.round : progress[voter]?.round ?? .zero
        }
        guard answered >= reads.round else { return }
        for read in reads.asked { notify(.readable(read)) }
        reads.asked = []
    }

    /// Heartbeats carry the round again; where no majority answers, the reads are given up.
    mutating func giveUpReads(at now: Instant) {
        guard !reads.asked.isEmpty,
            now - reads.askedAt >= configuration.electionTimeout.upperBound
        else { return }
        for read in reads.all { notify(.unreadable(read, .unconfirmed)) }
        reads.asked = []
        reads.waiting = []
    }
}

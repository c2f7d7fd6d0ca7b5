// What must hold after every step (figure 3 of the paper), checked against everything that ever
// happened in the cluster, not only against what nodes remember.

import Base

@testable import Consensus

struct InvariantViolation: Error, CustomStringConvertible {
    let description: String
}

/// What an application has applied: up to where, and a digest of all of it.
struct Digest: Hashable {
    var index = LogIndex.zero
    var value: UInt64 = 0xCBF2_9CE4_8422_2325

    init() {}

    /// The digest that a snapshot carries as its state.
    init(_ snapshot: Snapshot) {
        index = snapshot.index
        value = snapshot.state.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    var bytes: [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }

    mutating func apply(_ entry: LogEntry) {
        index = entry.index
        var bytes = withUnsafeBytes(of: entry.term.value.littleEndian) { Array($0) }
        if case .command(let command) = entry.payload { bytes += command }
        for byte in bytes { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
    }
}

struct Invariants {
    struct Position: Hashable {
        let index: LogIndex
        let term: Term
    }
    struct Vote: Hashable {
        let voter: NodeID
        let disk: DiskID?
        let term: Term
    }
    struct Committed {
        let entry: LogEntry
        let inTerm: Term
        let digest: Digest
    }

    private(set) var leaders: [Term: NodeID] = [:]
    private(set) var restoredCount = 0
    private var votes: [Vote: NodeID] = [:]
    private var written: [Position: (entry: LogEntry, previousTerm: Term)] = [:]
    private(set) var committed: [Committed] = []

    private func require(_ condition: Bool, _ text: @autoclosure () -> String) throws {
        guard condition else { throw InvariantViolation(description: text()) }
    }

    /// Election safety and leader completeness.
    mutating func check(
        _ host: SimulatedCluster.Host, _ node: NodeID, disks: [NodeID: SimulatedCluster.Host]
    ) throws {
        guard let raft = host.raft, raft.role == .leader, leaders[raft.term] != node else { return }
        if let other = leaders[raft.term] {
            throw InvariantViolation(
                description: "\(other) and \(node) both lead term \(raft.term)")
        }
        leaders[raft.term] = node
        for old in committed where old.inTerm < raft.term {
            let index = old.entry.index
            try require(
                index <= raft.snapshotIndex || raft.log.term(at: index) == old.entry.term,
                "\(node) leads term \(raft.term) without committed entry \(index)")
        }
    }

    /// One vote a term on one disk, even across crashes; nothing is promised before it is durable.
    mutating func sent(
        _ message: RaftMessage, by node: NodeID, to receiver: NodeID, _ host: SimulatedCluster.Host
    ) throws {
        let disk = host.disk
        switch message.kind {
        case .voteRequest: try voted(for: node, by: node, in: message.term, host)
        case .voteReply(granted: true): try voted(for: receiver, by: node, in: message.term, host)
        case .appendReply(accepted: true, let matched, _), .snapshotReply(let matched):
            try require(
                disk.hardState.term >= message.term,
                "\(node) answers in term \(message.term), its disk says \(disk.hardState.term)")
            try require(
                disk.hardState.term > message.term || disk.lastIndex >= matched,
                "\(node) confirms entry \(matched), its disk ends at \(disk.lastIndex)")
        default: break
        }
    }

    private mutating func voted(
        for candidate: NodeID, by voter: NodeID, in term: Term, _ host: SimulatedCluster.Host
    ) throws {
        let disk = host.disk
        let other = votes.updateValue(
            candidate, forKey: Vote(voter: voter, disk: host.diskID, term: term))
        try require(
            other == nil || other == candidate,
            "\(voter) votes for \(other?.name ?? "") and \(candidate) in term \(term)")
        let isDurable =
            disk.hardState.term > term
            || disk.hardState == HardState(term: term, votedFor: candidate)
        try require(isDurable, "\(voter)'s vote in term \(term) is not on its disk")
    }

    /// Log matching: an entry's index and term decide its payload and the term before it, hence,
    /// by induction, the whole log up to it.
    mutating func appended(_ entries: [LogEntry], by node: NodeID, _ raft: Raft) throws {
        for entry in entries {
            guard let previousTerm = raft.log.term(at: entry.index.previous) else { continue }
            let position = Position(index: entry.index, term: entry.term)
            if let known = written[position] {
                try require(
                    known == (entry, previousTerm),
                    "\(node)'s entry \(entry.index) of term \(entry.term) differs from another's")
            }
            written[position] = (entry, previousTerm)
            if case .participants(let new) = entry.payload, raft.role == .leader {
                try checkChange(to: new, at: entry.index, by: node, raft)
            }
        }
    }

    /// Participants change one voter at a time, each time on top of agreed ones, so that the
    /// majorities before and after always meet.
    private func checkChange(
        to new: Participants, at index: LogIndex, by node: NodeID, _ raft: Raft
    ) throws {
        try require(
            raft.log.term(at: raft.commitIndex) == raft.term,
            "\(node) changes participants before it has committed in its own term")
        let before = committed.prefix(Int(index.value) - 1).last { $0.entry.isParticipants }
        guard case .participants(let old) = before?.entry.payload else { return }
        let isWritten = written.contains { position, known in
            position.term == raft.term && position.index < index && known.entry.isParticipants
                && position.index > raft.commitIndex
        }
        try require(!isWritten, "\(node) changes participants before the last change is agreed")
        try require(
            Set(old.voters).symmetricDifference(new.voters).count <= 1,
            "\(node) goes from \(old) to \(new) in one step")
    }

    /// State machine safety; and an entry is committed only when a majority has it on disk.
    mutating func committed(
        _ entry: LogEntry, by node: NodeID, _ raft: Raft, disks: [NodeID: SimulatedCluster.Host]
    ) throws {
        let index = Int(entry.index.value)
        try require(
            disks[node]?.applied.index == entry.index && index <= committed.count + 1,
            "\(node) applies entry \(index) out of order")
        if index <= committed.count {
            try require(
                committed[index - 1].entry == entry,
                "\(node) applies another entry \(index) than was committed before")
            return
        }
        let voters = raft.participants.voters
        let holders = voters.count { voter in
            guard let host = disks[voter] else { return false }
            // What it held is lost since; that is borne as long as enough others remember.
            if !raft.participants.remembers(voter, host.diskID) { return true }
            let disk = host.disk
            return (disk.snapshot?.index ?? .zero) >= entry.index
                || disk.entries.contains { $0.index == entry.index && $0.term == entry.term }
        }
        try require(
            holders > voters.count / 2,
            "\(node) commits entry \(index), which only \(holders) disks hold")
        var digest = committed.last?.digest ?? Digest()
        digest.apply(entry)
        committed.append(Committed(entry: entry, inTerm: raft.term, digest: digest))
    }

    /// A snapshot is the state after exactly the committed entries.
    mutating func restored(_ snapshot: Snapshot, by node: NodeID) throws {
        restoredCount += 1
        let index = Int(snapshot.index.value)
        try require(
            index <= committed.count && committed[index - 1].digest == Digest(snapshot),
            "\(node) restores a snapshot at \(index) that differs from what was committed")
        let recorded = committed.prefix(index).last { $0.entry.isParticipants }?.entry.payload
        try require(
            snapshot.participants.map { .participants($0) } == recorded,
            "\(node) restores a snapshot at \(index) with other participants than were agreed on")
    }

    /// No application has anything but the committed entries.
    func checkApplied(_ hosts: [NodeID: SimulatedCluster.Host]) throws {
        for (node, host) in hosts where host.applied.index > .zero {
            let index = Int(host.applied.index.value)
            try require(
                committed[index - 1].digest == host.applied,
                "\(node)'s state after entry \(index) differs from what was committed")
        }
    }
}

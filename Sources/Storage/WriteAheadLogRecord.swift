// One record of the write-ahead log is one write of the consensus machine, whole: after a crash it
// is there with all of its parts or not at all. So a record's entries can never be on disk without
// the term that they belong to. Protocols/storage.md has the layout with a worked example.

import Base
import Consensus

/// The parts of one write as bytes.
enum WriteAheadLogRecord {
    private enum Part: UInt8 {
        case snapshot = 1
        case truncation, leadershipEntry, commandEntry, hardState, hardStateWithVote
        case participantsEntry, snapshotWithParticipants
        case participantsEntryWithDisks, snapshotWithDisks
    }

    /// Larger numbers cannot have been counted to; they would overflow when counted on.
    private static let countLimit: UInt64 = 1 << 62

    static func encode(_ request: PersistRequest) -> [UInt8] {
        var bytes: [UInt8] = []
        if let snapshot = request.snapshot {
            let part: Part =
                if let participants = snapshot.participants {
                    participants.disks == nil ? .snapshotWithParticipants : .snapshotWithDisks
                } else {
                    .snapshot
                }
            bytes.append(part.rawValue)
            bytes.append(littleEndian: snapshot.index.value)
            bytes.append(littleEndian: snapshot.term.value)
            bytes.append(counted: snapshot.state)
            if let participants = snapshot.participants { bytes.append(participants) }
        }
        if let first = request.truncateFrom {
            bytes.append(Part.truncation.rawValue)
            bytes.append(littleEndian: first.value)
        }
        for entry in request.entries { encode(entry, into: &bytes) }
        if let hardState = request.hardState {
            let part: Part = hardState.votedFor == nil ? .hardState : .hardStateWithVote
            bytes.append(part.rawValue)
            bytes.append(littleEndian: hardState.term.value)
            if let vote = hardState.votedFor { bytes.append(counted: vote.name.utf8) }
        }
        return bytes
    }

    private static func encode(_ entry: LogEntry, into bytes: inout [UInt8]) {
        let part: Part =
            switch entry.payload {
            case .leadership: .leadershipEntry
            case .command: .commandEntry
            case .participants(let participants):
                participants.disks == nil ? .participantsEntry : .participantsEntryWithDisks
            }
        bytes.append(part.rawValue)
        bytes.append(littleEndian: entry.index.value)
        bytes.append(littleEndian: entry.term.value)
        switch entry.payload {
        case .leadership: break
        case .command(let command): bytes.append(counted: command)
        case .participants(let participants): bytes.append(participants)
        }
    }

    /// Reads what ``encode(_:)`` wrote; nil where the bytes are anything else.
    static func decode(_ bytes: ArraySlice<UInt8>, token: PersistToken) -> PersistRequest? {
        var cursor = ByteCursor(bytes)
        var snapshot: Snapshot?
        var truncateFrom: LogIndex?
        var entries: [LogEntry] = []
        var hardState: HardState?
        while !cursor.isAtEnd {
            guard let part = cursor.number(UInt8.self).flatMap(Part.init(rawValue:)),
                let number = cursor.number(UInt64.self), number < countLimit
            else { return nil }
            switch part {
            case .snapshot, .snapshotWithParticipants, .snapshotWithDisks:
                guard let read = self.snapshot(part, at: number, &cursor) else { return nil }
                snapshot = read
            case .truncation: truncateFrom = LogIndex(number)
            case .leadershipEntry, .commandEntry, .participantsEntry,
                .participantsEntryWithDisks:
                guard let term = cursor.number(UInt64.self),
                    let payload = payload(of: part, &cursor)
                else { return nil }
                entries.append(
                    LogEntry(index: LogIndex(number), term: Term(term), payload: payload))
            case .hardState: hardState = HardState(term: Term(number), votedFor: nil)
            case .hardStateWithVote:
                guard let bytes = cursor.countedBytes(),
                    let name = String(validating: bytes, as: UTF8.self)
                else { return nil }
                hardState = HardState(term: Term(number), votedFor: NodeID(name))
            }
        }
        return PersistRequest(
            token: token, snapshot: snapshot, truncateFrom: truncateFrom, entries: entries,
            hardState: hardState)
    }

    private static func payload(
        of part: Part, _ cursor: inout ByteCursor
    ) -> LogEntry.Payload? {
        switch part {
        case .commandEntry: cursor.countedBytes().map { .command(Array($0)) }
        case .participantsEntry:
            cursor.participants(withDisks: false).map { .participants($0) }
        case .participantsEntryWithDisks:
            cursor.participants(withDisks: true).map { .participants($0) }
        default: .leadership
        }
    }

    private static func snapshot(
        _ part: Part, at index: UInt64, _ cursor: inout ByteCursor
    ) -> Snapshot? {
        guard let term = cursor.number(UInt64.self), let state = cursor.countedBytes() else {
            return nil
        }
        var participants: Participants?
        if part != .snapshot {
            guard let read = cursor.participants(withDisks: part == .snapshotWithDisks)
            else { return nil }
            participants = read
        }
        return Snapshot(
            index: LogIndex(index), term: Term(term), state: Array(state),
            participants: participants)
    }
}

extension [UInt8] {
    fileprivate mutating func append(_ participants: Participants) {
        for nodes in [participants.voters, participants.learners] {
            append(littleEndian: UInt32(nodes.count))
            for node in nodes { append(counted: node.name.utf8) }
        }
        guard let disks = participants.disks else { return }
        append(littleEndian: UInt32(disks.count))
        for (node, disk) in disks.sorted(by: { $0.key < $1.key }) {
            append(counted: node.name.utf8)
            append(littleEndian: disk.value)
        }
    }
}

extension ByteCursor {
    fileprivate mutating func participants(withDisks: Bool) -> Participants? {
        guard let voters = nodes(), let learners = nodes() else { return nil }
        guard withDisks else { return Participants(voters: voters, learners: learners) }
        guard let disks = disks(), disks.keys.allSatisfy(voters.contains) else { return nil }
        return Participants(voters: voters, learners: learners, disks: disks)
    }

    private mutating func disks() -> [NodeID: DiskID]? {
        guard let count = number(UInt32.self) else { return nil }
        var disks: [NodeID: DiskID] = [:]
        for _ in 0..<count {
            guard let node = name(), let disk = number(UInt64.self) else { return nil }
            guard disks[node] == nil else { return nil }
            disks[node] = DiskID(disk)
        }
        return disks
    }

    private mutating func name() -> NodeID? {
        countedBytes().flatMap { String(validating: $0, as: UTF8.self) }.map { NodeID($0) }
    }

    private mutating func nodes() -> [NodeID]? {
        guard let count = number(UInt32.self) else { return nil }
        var nodes: [NodeID] = []
        // A count that lies ends with the bytes.
        for _ in 0..<count {
            guard let node = name() else { return nil }
            nodes.append(node)
        }
        return nodes
    }
}

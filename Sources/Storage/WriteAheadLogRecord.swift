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
    }

    /// Larger numbers cannot have been counted to; they would overflow when counted on.
    private static let countLimit: UInt64 = 1 << 62

    static func encode(_ request: PersistRequest) -> [UInt8] {
        var bytes: [UInt8] = []
        if let snapshot = request.snapshot {
            bytes.append(Part.snapshot.rawValue)
            bytes.append(littleEndian: snapshot.index.value)
            bytes.append(littleEndian: snapshot.term.value)
            bytes.append(counted: snapshot.state)
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
            }
        bytes.append(part.rawValue)
        bytes.append(littleEndian: entry.index.value)
        bytes.append(littleEndian: entry.term.value)
        if case .command(let command) = entry.payload { bytes.append(counted: command) }
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
            case .snapshot:
                guard let term = cursor.number(UInt64.self), let state = cursor.countedBytes()
                else { return nil }
                snapshot = Snapshot(
                    index: LogIndex(number), term: Term(term), state: Array(state))
            case .truncation: truncateFrom = LogIndex(number)
            case .leadershipEntry, .commandEntry:
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
        guard part == .commandEntry else { return .leadership }
        return cursor.countedBytes().map { .command(Array($0)) }
    }
}

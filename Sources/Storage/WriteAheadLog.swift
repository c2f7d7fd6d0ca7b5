// The bytes of the file `log`: a magic, then records, each behind a header with checks of its own.
//
//     magic(8)  then for each record:  length(4) sequence(4) bodyCRC(4) headerCRC(4) payload end(1)
//
// The header has its own checksum so that a damaged length can be told from a torn end. A crash
// during a write leaves the file short, inside of the last record, or filled up with zeros from
// some byte of it on, where the file system lengthens first. A whole record ends in a byte that
// is not zero, so such a one is known by the zero where its end should be: it was never confirmed,
// and is cut off. Anything else that does not check is damage to what was confirmed, and nobody
// may guess there, as a forgotten vote can elect two leaders in one term.

import Base
import Consensus

/// How the records of the write-ahead log lie in its file.
enum WriteAheadLog {
    static let magic = Array("GLMALOG2".utf8)
    /// Of logs whose records have no end byte.
    private static let olderMagic = Array("GLMALOG1".utf8)
    static let headerByteCount = 16
    /// Ends every record. No single flipped bit makes it zero.
    static let end: UInt8 = 0xA5

    /// What a file holds.
    struct Recovery {
        var state: DurableState
        /// Records read, and so the sequence number of the next one.
        var recordCount: UInt32
        /// Where the next record goes; shorter than the file if its end is torn.
        var validByteCount: Int
    }

    /// The bytes of one record.
    static func frame(_ request: PersistRequest, sequence: UInt32) -> [UInt8] {
        let body = WriteAheadLogRecord.encode(request) + [end]
        var bytes: [UInt8] = []
        bytes.append(littleEndian: UInt32(body.count))
        bytes.append(littleEndian: sequence)
        bytes.append(littleEndian: CRC32C.checksum(body))
        bytes.append(littleEndian: CRC32C.checksum(bytes))
        return bytes + body
    }

    /// A whole file with a state as its only record: how a log begins, and begins anew after a
    /// snapshot.
    static func file(holding state: DurableState) -> [UInt8] {
        let request = PersistRequest(
            token: PersistToken(0), snapshot: state.snapshot, entries: state.entries,
            hardState: state.hardState)
        return magic + frame(request, sequence: 0)
    }

    /// Reads a file from its beginning up to its end, or to where its end is torn.
    /// - Throws: ``StorageError/damaged(path:offset:reason:)`` where confirmed bytes do not check;
    ///   ``StorageError/outdated(path:)`` for a log of an older form.
    static func recover(
        _ bytes: [UInt8], path: String
    ) throws(StorageError) -> Recovery {
        if bytes.starts(with: olderMagic) { throw .outdated(path: path) }
        guard bytes.starts(with: magic) else {
            throw .damaged(path: path, offset: 0, reason: "it does not begin like a log")
        }
        var recovery = Recovery(state: .empty, recordCount: 0, validByteCount: magic.count)
        while let body = try nextBody(in: bytes, after: recovery, path: path) {
            let offset = recovery.validByteCount
            let token = PersistToken(UInt64(recovery.recordCount))
            guard body.last == end,
                let request = WriteAheadLogRecord.decode(body.dropLast(), token: token)
            else {
                throw .damaged(
                    path: path, offset: offset,
                    reason: "the record has parts that this version does not know")
            }
            let isWhole =
                recovery.state.applyIfFitting(request)
                && recovery.state.hardState.term >= recovery.state.lastTerm
            guard isWhole else {
                throw .damaged(
                    path: path, offset: offset, reason: "the record does not follow the last one")
            }
            recovery.recordCount += 1
            recovery.validByteCount = body.endIndex
        }
        guard recovery.recordCount > 0 else {
            throw .damaged(path: path, offset: magic.count, reason: "its first record is missing")
        }
        return recovery
    }

    /// The payload and the end byte of the next record; nil at the end of the file, clean or torn.
    private static func nextBody(
        in bytes: [UInt8], after recovery: Recovery, path: String
    ) throws(StorageError) -> ArraySlice<UInt8>? {
        let offset = recovery.validByteCount
        let rest = bytes[offset...]
        var cursor = ByteCursor(rest)
        guard let length = cursor.number(UInt32.self), let sequence = cursor.number(UInt32.self),
            let bodyCRC = cursor.number(UInt32.self), let headerCRC = cursor.number(UInt32.self)
        else { return nil }
        guard headerCRC == CRC32C.checksum(rest.prefix(headerByteCount - 4)) else {
            // Wherever its end was to be, it is behind the header.
            if isUnwritten(rest.dropFirst(headerByteCount)) { return nil }
            throw .damaged(path: path, offset: offset, reason: "the record's header does not check")
        }
        guard sequence == recovery.recordCount else {
            throw .damaged(
                path: path, offset: offset,
                reason: "record \(sequence) stands where \(recovery.recordCount) should")
        }
        guard let body = cursor.bytes(Int(length)) else { return nil }
        guard bodyCRC == CRC32C.checksum(body) else {
            if isUnwritten(bytes[max(body.startIndex, body.endIndex - 1)...]) { return nil }
            throw .damaged(path: path, offset: offset, reason: "the record does not check")
        }
        return body
    }

    /// Whether these last bytes of a file are zeros, or none: then no whole record ends in them.
    private static func isUnwritten(_ bytes: ArraySlice<UInt8>) -> Bool {
        bytes.allSatisfy { $0 == 0 }
    }
}

extension DurableState {
    fileprivate var lastTerm: Term {
        entries.last?.term ?? snapshot?.term ?? .zero
    }
}

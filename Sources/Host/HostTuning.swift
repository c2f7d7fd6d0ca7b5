// Tuning a host so that it can be put back. What is about to be changed is on the disk, with what stood
// there before, ahead of the change itself: after a crash at any moment the record names at least all that
// was changed. The first value of a file is kept however often it is changed afterwards, unless somebody
// else has set it meanwhile: then that is what is put back.
//
// Engines outlive agents and so do the settings: nothing is put back when an agent ends. `untune` does it.

public import Ascend
public import Base
import EventLoop

/// A host, and the record of what was changed on it.
public struct HostTuning: Sendable {
    private let tuner: any HostTuner
    private let path: String

    /// - Parameters:
    ///   - tuner: the host.
    ///   - stateDirectory: of the agent; the record lies in it.
    public init(_ tuner: any HostTuner, stateDirectory: String) {
        self.tuner = tuner
        path = "\(stateDirectory)/host-tuning.json"
    }

    /// The settings that are not as wanted, in the order given.
    public func differences(from wanted: [HostSetting]) -> [HostDifference] {
        tuner.differences(from: wanted)
    }

    /// Makes the settings so.
    /// - Parameter wanted: every setting, in order.
    /// - Returns: those that could not be made so, with the reason.
    public func apply(_ wanted: [HostSetting]) -> [HostDifference] {
        let changes = tuner.changes(for: wanted)
        guard !changes.isEmpty else { return tuner.differences(from: wanted) }
        do {
            try write(Self.merged(try record(), with: changes))
        } catch {
            // What could not be put back is not changed.
            return tuner.differences(from: wanted).map {
                HostDifference(
                    wanted: $0.wanted, found: "\($0.found); left alone: \(error)",
                    isSettable: $0.isSettable)
            }
        }
        let failures = changes.compactMap { change in tuner.make(change).map { (change.file, $0) } }
        return tuner.differences(from: wanted).map { difference in
            guard let failure = failures.first(where: { difference.found.contains($0.0) }) else {
                return difference
            }
            return HostDifference(
                wanted: difference.wanted, found: "\(difference.found); \(failure.1)")
        }
    }

    /// Puts everything back, and forgets what is back or was set to something else since. What failed stays
    /// in the record for another time.
    /// - Returns: what became of each change, the last made first.
    /// - Throws: where the record cannot be read or written.
    public func putBack() throws(HostRecordError) -> [(change: HostChange, outcome: HostUndo)] {
        let record = try record()
        let outcomes = record.reversed().map { (change: $0, outcome: tuner.undo($0)) }
        let failed = outcomes.filter { outcome in
            if case .failed = outcome.outcome { true } else { false }
        }
        if !record.isEmpty { try write(failed.reversed().map(\.change)) }
        return outcomes
    }

    /// What is on record, in the order in which it was changed.
    /// - Throws: where the record is there and cannot be read.
    public func record() throws(HostRecordError) -> [HostChange] {
        guard Files.exists(path) else { return [] }
        do {
            return try HostRecord.changes(
                in: String(decoding: try Files.read(path, limitBytes: 1 << 20), as: UTF8.self))
        } catch {
            throw HostRecordError(
                "\(path), which says what stood where before the host was tuned, cannot be read "
                    + "(\(error)); put the settings back by hand or boot, then remove it")
        }
    }

    private func write(_ changes: [HostChange]) throws(HostRecordError) {
        do throws(UVError) {
            if changes.isEmpty {
                try Files.remove(path)
            } else {
                try Files.replace(
                    path, with: Array(HostRecord.text(of: changes).utf8), permissions: 0o600)
            }
        } catch {
            throw HostRecordError("what stands there now cannot be recorded: \(error)")
        }
    }

    /// The record with changes that are about to be made.
    static func merged(_ record: [HostChange], with changes: [HostChange]) -> [HostChange] {
        var merged = record
        for change in changes {
            let place = merged.firstIndex { $0.file == change.file }
            guard let place else {
                merged.append(change)
                continue
            }
            switch (merged[place], change) {
            case (.text(let file, let first, let ours), .text(_, let now, let after)):
                // Where it is ours still, the first value is the one to put back.
                merged[place] = .text(file: file, before: now == ours ? first : now, after: after)
            case (.ports(let file, let before), .ports(_, let added)):
                merged[place] = .ports(file: file, added: before.union(added))
            default: merged[place] = change
            }
        }
        return merged
    }
}

/// Why the record of a tuned host is of no use, and what to do.
public struct HostRecordError: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// The record as a document: the changes, and a checksum over them.
enum HostRecord {
    static func text(of changes: [HostChange]) -> String {
        let list = JSONValue.array(changes.map(\.json))
        return JSONValue.object([
            .init("version", 1), .init("sha256", .string(SHA256.hex(list.compact.utf8))),
            .init("changes", list),
        ]).pretty
    }

    static func changes(in text: String) throws -> [HostChange] {
        let document = try JSONValue(parsing: text)
        guard document["version"] == 1, let list = document["changes"] else {
            throw JSONMismatch("version 1 of the record")
        }
        guard document["sha256"]?.stringValue == SHA256.hex(list.compact.utf8) else {
            throw JSONMismatch("the checksum of the changes", at: "sha256")
        }
        return try [HostChange](json: list)
    }
}

extension HostChange: JSONCoded {
    public var json: JSONValue {
        switch self {
        case .text(let file, let before, let after):
            ["file": file.json, "before": before.json, "after": after.json]
        case .ports(let file, let added): ["file": file.json, "added_ports": added.ranges.json]
        }
    }

    public init(json: JSONValue) throws(JSONMismatch) {
        let file: String = try json.read("file")
        if json["added_ports"] != nil {
            self = .ports(file: file, added: PortSet(try json.read("added_ports")))
        } else {
            self = .text(
                file: file, before: try json.read("before"), after: try json.read("after"))
        }
    }
}

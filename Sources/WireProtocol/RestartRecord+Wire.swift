// What snapshots hold of restarts and of cordons.

import Base
public import CBOR
public import ClusterState
import Supervision

extension RestartRecord: WireCodable {
    public var cbor: CBORValue {
        .array([
            .text(group.name), .unsigned(ended.value), CBORValue(counter: launched?.value),
            .unsigned(epoch.value), .text(kind.rawValue), .text(why), CBORValue(node?.name),
            CBORValue(counter: rank.map { UInt64(max(0, $0.value)) }), CBORValue(failure),
            CBORValue(counter: die.map { UInt64(max(0, $0)) }), .bool(isOrdered),
            CBORValue(leader?.name), CBORValue(time: failedAt), CBORValue(detectedAt),
            CBORValue(time: stoppedAt), CBORValue(time: launchedAt), CBORValue(time: readyAt),
        ])
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "restart")
        self.init(
            group: try record.group(), ended: try record.generation(),
            launched: try record.optionalCounter().map { Generation($0) },
            epoch: Epoch(try record.counter()), kind: try record.word(as: EndCause.Kind.self),
            why: try record.text(), node: try record.optionalText().map { NodeID($0) },
            rank: try record.optionalCounter().map { NodeRank(Int($0)) },
            failure: try record.optionalText(), die: try record.optionalCounter().map { Int($0) },
            isOrdered: try record.bool(),
            leader: try record.optionalText().map { NodeID($0) },
            failedAt: try record.optionalWallTime(), detectedAt: try record.wallTime(),
            stoppedAt: try record.optionalWallTime(), launchedAt: try record.optionalWallTime(),
            readyAt: try record.optionalWallTime())
    }
}

extension RepairTally: WireCodable {
    public var cbor: CBORValue {
        .array([
            .text(group.name), CBORValue(time: outageSince), .unsigned(UInt64(max(0, repairs))),
            .unsigned(UInt64(max(0, milliseconds))),
            .array(ends.map { .unsigned(UInt64(max(0, $0))) }),
        ])
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "repair tally")
        let group = try record.group()
        let outageSince = try record.optionalWallTime()
        let repairs = try record.unsigned(as: Int.self)
        let milliseconds = try record.unsigned(as: Int64.self)
        var ends: [Int] = []
        for item in try record.array() {
            var single = try CBORRecord(.array([item]), "count")
            ends.append(try single.unsigned(as: Int.self))
        }
        self.init(
            group: group, outageSince: outageSince, repairs: repairs, milliseconds: milliseconds,
            ends: ends)
    }
}

extension RestartLedger: WireCodable {
    public var cbor: CBORValue {
        .array([.list(records), .list(tallies), CBORValue(leader?.name)])
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "restart ledger")
        self.init(
            records: try record.list(of: RestartRecord.self),
            tallies: try record.list(of: RepairTally.self),
            leader: try record.optionalText().map { NodeID($0) })
    }
}

extension Cordon: WireCodable {
    public var cbor: CBORValue {
        .array([CBORValue(node), .text(kind.rawValue), CBORValue(since)])
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "cordon")
        self.init(
            node: try record.node(), kind: try record.word(as: Kind.self),
            since: try record.wallTime())
    }
}

extension CBORValue {
    fileprivate init(counter: UInt64?) { self = counter.map { .unsigned($0) } ?? .null }
    fileprivate init(time: WallTime?) { self = time.map { CBORValue($0) } ?? .null }
}

extension CBORRecord {
    fileprivate mutating func optionalText() throws(CBORError) -> String? {
        try optional(as: String.self)
    }

    fileprivate mutating func optionalCounter() throws(CBORError) -> UInt64? {
        guard let item = try optional() else { return nil }
        var single = try CBORRecord(.array([item]), "counter")
        return try single.counter()
    }
}

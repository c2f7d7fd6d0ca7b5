// What logs say is wrong, and the verdict over all ranks, on the wire and in the log.

import Base
public import CBOR
public import Diagnosis

extension NodeSightings: WireCodable {
    public var cbor: CBORValue {
        .array(
            [CBORValue(node), .list(shards)] + (understands > 0 ? [.unsigned(understands)] : []))
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "sightings of a node")
        self.init(
            node: try record.node(), shards: try record.list(of: ShardSightings.self),
            understands: record.isAtEnd ? 0 : try record.counter())
    }
}

extension ShardSightings: WireCodable {
    public var cbor: CBORValue { .array([shard.cbor, .list(sightings)]) }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "sightings of a shard")
        self.init(
            shard: try record.value(as: ShardID.self),
            sightings: try record.list(of: Sighting.self))
    }
}

extension Sighting: WireCodable {
    public var cbor: CBORValue {
        .array([
            .text(kind), .text(line), time.cbor, CBORValue(count: worldRank), CBORValue(count: die),
            CBORValue(accused),
        ])
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "sighting")
        self.init(
            kind: try record.text(), line: try record.text(),
            time: try record.value(as: TimeSpan.self), worldRank: try record.optionalCount(),
            die: try record.optionalCount(), accused: try record.optional(as: Accused.self))
    }
}

extension TimeSpan: WireCodable {
    public var cbor: CBORValue { .array([CBORValue(earliest), CBORValue(latest)]) }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "span of time")
        self.init(earliest: try record.signed(), latest: try record.signed())
    }
}

extension Accused: WireCodable {
    public var cbor: CBORValue {
        .array([
            .array(worldRanks.map { .unsigned(UInt64(max(0, $0))) }), CBORValue(count: nodeRank),
            CBORValue(address), CBORValue(count: die),
        ])
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "accused")
        self.init(
            worldRanks: try record.counts(), nodeRank: try record.optionalCount(),
            address: try record.optional(as: String.self), die: try record.optionalCount())
    }
}

extension FailureDiagnosis: WireCodable {
    public var cbor: CBORValue {
        .array([
            .text(kind), .unsigned(UInt64(rank.value)), CBORValue(node),
            CBORValue(count: worldRank), CBORValue(count: die), .text(line), time.cbor,
            CBORValue(count: accuser?.value),
            .array(rivals.map { .unsigned(UInt64(max(0, $0.value))) }), .list(echoes),
        ])
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "diagnosis")
        self.init(
            kind: try record.text(), rank: try record.rank(), node: try record.node(),
            worldRank: try record.optionalCount(), die: try record.optionalCount(),
            line: try record.text(), time: try record.value(as: TimeSpan.self),
            accuser: try record.optionalCount().map { NodeRank($0) },
            rivals: try record.counts().map { NodeRank($0) },
            echoes: try record.list(of: Echo.self))
    }
}

extension FailureDiagnosis.Echo: WireCodable {
    public var cbor: CBORValue {
        .array([
            .unsigned(UInt64(max(0, rank.value))), CBORValue(node), .text(kind), .text(line),
            CBORValue(milliseconds),
        ])
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "echo")
        self.init(
            rank: try record.rank(), node: try record.node(), kind: try record.text(),
            line: try record.text(), milliseconds: try record.signed())
    }
}

extension CBORValue {
    /// A number from 0 up, or nothing.
    fileprivate init(count: Int?) {
        self = count.map { .unsigned(UInt64(max(0, $0))) } ?? .null
    }
}

/// A number from 0 up as a wire value of its own, so that it may be absent or stand in a list.
private struct Count: WireCodable {
    let value: Int

    var cbor: CBORValue { .unsigned(UInt64(max(0, value))) }

    init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(.array([cbor]), "count")
        value = try record.unsigned(as: Int.self)
    }
}

extension CBORRecord {
    fileprivate mutating func optionalCount() throws(CBORError) -> Int? {
        try optional(as: Count.self)?.value
    }

    fileprivate mutating func counts() throws(CBORError) -> [Int] {
        try list(of: Count.self).map(\.value)
    }
}

// What the launch gate found, on the wire: part of the leader's view.

import Ascend
import Base
public import CBOR
public import Doctor

extension GateFinding: WireCodable {
    public var cbor: CBORValue {
        .array([
            .text(standing.rawValue), .unsigned(UInt64(max(0, check.number))),
            node.map { CBORValue($0) } ?? .null,
            .array(dies.map { .unsigned(UInt64(max(0, $0.value))) }), .text(evidence),
            .text(remedy),
        ])
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "gate finding")
        let standing = try record.word(as: Standing.self)
        let number = try record.unsigned(as: Int.self)
        guard let check = Check(rawValue: number) else {
            throw .unexpected(expected: "the number of a check", found: "\(number)")
        }
        let node = try record.optional(as: String.self).map { NodeID($0) }
        var dies = try CBORRecord(.array(try record.array()), "dies")
        var ids: [DieID] = []
        while !dies.isAtEnd { ids.append(DieID(try dies.unsigned(as: Int.self))) }
        self.init(
            standing, check, node: node, dies: ids, evidence: try record.text(),
            remedy: try record.text())
    }
}

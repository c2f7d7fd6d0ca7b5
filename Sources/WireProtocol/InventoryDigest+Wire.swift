// The digest of an inventory as a member's metadata. Dies are the bits of a number, the lowest for die 0, so
// that the whole stays far below what metadata may hold, however many are ill.

public import Ascend
public import CBOR
public import Membership

extension InventoryDigest: WireCodable {
    public var cbor: CBORValue {
        .array([
            superPodID.map { CBORValue(Int64($0)) } ?? .null,
            serverIndex.map { CBORValue(Int64($0)) } ?? .null,
            dieCount.map { CBORValue(Int64($0)) } ?? .null,
            .unsigned(Self.mask(unhealthyDies)), .unsigned(Self.mask(heldDies)), .text(software),
            .text(kernel), .text(weights), .text(environment),
        ])
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "inventory digest")
        self.init(
            superPodID: try record.optional(as: WireInteger.self)?.value,
            serverIndex: try record.optional(as: WireInteger.self)?.value,
            dieCount: try record.optional(as: WireInteger.self)?.value,
            unhealthyDies: Self.dies(try record.unsigned()),
            heldDies: Self.dies(try record.unsigned()), software: try record.text(),
            kernel: try record.text(), weights: try record.text(),
            environment: try record.text())
    }

    private static func mask(_ dies: [DieID]) -> UInt64 {
        dies.filter { (0..<64).contains($0.value) }.reduce(0) { $0 | 1 << UInt64($1.value) }
    }

    private static func dies(_ mask: UInt64) -> [DieID] {
        (0..<64).filter { mask & 1 << UInt64($0) != 0 }.map { DieID($0) }
    }

    /// As a member tells it to everybody.
    public var metadata: MemberMetadata {
        let bytes = cbor.encoded
        guard let metadata = MemberMetadata(bytes) else {
            fatalError("the digest of an inventory takes \(bytes.count) bytes: \(self)")
        }
        return metadata
    }

    /// nil where the member has told none, or one that this version cannot read.
    public init?(_ metadata: MemberMetadata) {
        guard let item = try? CBORValue(decoding: metadata.bytes),
            let digest = try? InventoryDigest(cbor: item)
        else { return nil }
        self = digest
    }
}

/// A number that may be absent.
private struct WireInteger: WireCodable {
    let value: Int

    var cbor: CBORValue { CBORValue(Int64(value)) }

    init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(.array([cbor]), "number")
        value = Int(try record.signed())
    }
}

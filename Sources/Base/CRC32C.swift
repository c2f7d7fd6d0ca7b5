// The checksum of iSCSI (RFC 3720, appendix B.4): polynomial 0x1EDC6F41, reflected. It finds every
// error of up to five bits in a record of ours, and every burst of up to 32.

/// CRC-32C over bytes.
public enum CRC32C {
    @usableFromInline static let table: [UInt32] = (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte)) { value, _ in
            value & 1 == 1 ? (value >> 1) ^ 0x82F6_3B78 : value >> 1
        }
    }

    @inlinable public static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
        let table = table
        return ~bytes.reduce(~0) { value, byte in
            (value >> 8) ^ table[Int(UInt8(truncatingIfNeeded: value) ^ byte)]
        }
    }
}

// The hash of Fowler, Noll and Vo, variant 1a, of 64 bits (draft-eastlake-fnv): the same in every process and
// on every node, unlike Swift's own. It tells things apart and protects from nobody.

extension Sequence where Element == UInt8 {
    /// The FNV-1a hash of the bytes.
    public var fnv1a: UInt64 {
        reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
    }
}

// The ECC counters of a die's memories, from `npu-smi info -t ecc`. Which lines there are differs by chip and
// version (HBM, DDR, totals, isolated pages, pages to be isolated next), so a counter is told by the words in
// its name and those of several memories are added. A single flipped bit was corrected; two were not.

/// What the memories of a die have counted.
public struct ECCCounts: Hashable, Sendable {
    /// Single-bit errors since the boot.
    public let corrected: Int
    /// Double-bit errors since the boot: whoever had read there has died of it.
    public let uncorrected: Int
    /// Double-bit errors ever; nil where that is not told.
    public let uncorrectedEver: Int?
    /// Pages taken out of use for double-bit errors; nil where that is not told.
    public let isolatedPages: Int?

    public init(corrected: Int, uncorrected: Int, uncorrectedEver: Int?, isolatedPages: Int?) {
        self.corrected = corrected
        self.uncorrected = uncorrected
        self.uncorrectedEver = uncorrectedEver
        self.isolatedPages = isolatedPages
    }
}

extension NPUOutput {
    /// `info -t ecc -i N -c C`.
    public static func ecc(_ text: String) throws(ParseError) -> ECCCounts {
        let entries = lines(of: text).compactMap { Entry($0) }
        func sum(_ bits: String, _ ending: String) -> Int? {
            let counts = entries.filter {
                $0.name.contains(bits) && $0.name.hasSuffix(ending)
                    && !$0.name.contains("nextisolated")
            }
            .compactMap { UInt32($0.value) }
            return counts.isEmpty ? nil : counts.reduce(0) { $0 + Int($1) }
        }
        guard let uncorrected = sum("doublebit", "errorcount") else {
            throw ParseError(
                expected: "a line \"HBM Double Bit Error Count : …\"",
                line: lines(of: text).first { !trimmed($0).isEmpty } ?? "")
        }
        return ECCCounts(
            corrected: sum("singlebit", "errorcount") ?? 0, uncorrected: uncorrected,
            uncorrectedEver: sum("doublebit", "aggregatetotalerrcnt"),
            isolatedPages: sum("doublebit", "isolatedpagescount"))
    }
}

// A document that knows whether it is still what was written. A flipped bit in a process number or in the owner of
// a directory would still parse; the checksum over all other members, as the last one, tells.

extension JSONValue {
    private static let sealName = "crc32c"

    /// The object with a checksum over its members as its last member.
    public var sealed: JSONValue {
        guard case .object(let members) = self else { return self }
        return .object(members + [Member(Self.sealName, .string(Self.seal(of: members)))])
    }

    /// False for an object whose checksum does not match; true for one without.
    public var isIntact: Bool {
        guard case .object(let members) = self, let seal = self[Self.sealName] else { return true }
        return seal == .string(Self.seal(of: members.filter { $0.name != Self.sealName }))
    }

    private static func seal(of members: [Member]) -> String {
        let sum = CRC32C.checksum(JSONValue.object(members).compact.utf8)
        let digits = String(sum, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }
}

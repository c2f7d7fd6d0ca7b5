// What npu-smi and hccn_tool print when they cannot. Their exit codes say little and differ by
// version, so the line itself is read; each kind that has been seen in the field has a remedy.

/// A complaint of a tool.
public struct ToolComplaint: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// The driver cannot be opened (-8005).
        case notInitialized = "not-initialized"
        /// Another container has the device (-8020).
        case deviceUsed = "device-used"
        /// There is no card of that number (any more).
        case noSuchCard = "no-such-card"
        /// Something the tool looked for is not there.
        case notFound = "not-found"
        /// The device or the firmware does not know the question.
        case notSupported = "not-supported"
        case notPermitted = "not-permitted"
        /// Nothing is configured there; normal for the RoCE port of a node that uses HCCS alone.
        case notPreset = "not-preset"
        /// Any other failure.
        case other
    }

    public let kind: Kind
    /// The number after `ret is`, or nil.
    public let code: Int?
    /// The line, quoted.
    public let line: String

    /// Finds the complaint in an output; nil when nothing in it sounds like one.
    public init?(in text: String) {
        var found: (kind: Kind, line: Substring)?
        for line in lines(of: text) {
            // A line of a report of health is none.
            if let name = Entry(line)?.name, ["errorcode", "errorinformation"].contains(name) {
                continue
            }
            guard let kind = Self.kind(of: line.lowercased()) else { continue }
            // A line that names the reason is worth more than one that only says "failed".
            if found == nil || found?.kind == .other { found = (kind, line) }
        }
        guard let found else { return nil }
        kind = found.kind
        line = quotable(found.line)
        code = Self.code(in: found.line.lowercased())
    }

    private static func kind(of line: String) -> Kind? {
        let signs: [(String, Kind)] = [
            ("-8020", .deviceUsed), ("because the device is used", .deviceUsed),
            ("-8005", .notInitialized), ("invalid card id", .noSuchCard),
            ("invalid npu id", .noSuchCard), ("error parameter of -i", .noSuchCard),
            ("not support", .notSupported), ("can not find", .notFound),
            ("cannot find", .notFound), ("not preset", .notPreset), ("was preset", .notPreset),
            ("permission denied", .notPermitted), ("not permitted", .notPermitted),
            ("insufficient permission", .notPermitted), ("failed", .other), ("error", .other),
            ("ret is -", .other),
        ]
        return signs.first { line.contains($0.0) }?.1
    }

    private static func code(in line: String) -> Int? {
        guard let sign = line.range(of: "ret is ") else { return nil }
        return Int(line[sign.upperBound...].prefix { $0 == "-" || ($0.isASCII && $0.isNumber) })
    }

    public var description: String { "\"\(line)\"" }

    /// What to do about it.
    public var remedy: String { kind.remedy }
}

extension ToolComplaint.Kind {
    /// What to do about it.
    public var remedy: String {
        switch self {
        case .notInitialized:
            "stop the container that has the NPUs, or run the agent on the host or privileged"
        case .deviceUsed: "stop the container that has the device"
        case .noSuchCard: "look for the card with lspci; if it is gone, the server needs service"
        case .notFound: "install the driver package whole, and compare with a node that works"
        case .notSupported: "nothing, if this is no A3; else upgrade the driver and firmware"
        case .notPermitted: "run the agent as root"
        case .notPreset: "nothing, where HCCS is the only fabric"
        case .other: "look at the line, and at dmesg"
        }
    }
}

extension String {
    /// The first place of a text, without Foundation.
    fileprivate func range(of text: String) -> Range<Index>? { firstRange(of: text) }
}

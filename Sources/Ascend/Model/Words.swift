// How a node's accelerators are counted. An Atlas 800I A3 has 8 cards of 2 dies; every tool has a
// number of its own for a die, and mixing them up asks the wrong one: npu-smi takes card and chip,
// hccn_tool and the device files take the physical id.

/// A die by its physical id: the N of `/dev/davinciN`, and what `hccn_tool -i` takes.
public struct DieID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let value: Int

    public init(_ value: Int) {
        self.value = value
    }

    public static func < (left: DieID, right: DieID) -> Bool { left.value < right.value }
    public var description: String { String(value) }
}

/// A die as npu-smi addresses it: `-i card -c chip`.
public struct ChipAddress: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let card: Int
    public let chip: Int

    public init(card: Int, chip: Int) {
        self.card = card
        self.chip = chip
    }

    public static func < (left: ChipAddress, right: ChipAddress) -> Bool {
        (left.card, left.chip) < (right.card, right.chip)
    }
    public var description: String { "card \(card) chip \(chip)" }
}

/// What npu-smi says of a die. `Alarm` may stick while the die works, so it is for a person to judge.
public enum DieHealth: Hashable, Sendable, CustomStringConvertible {
    case ok, warning, alarm, critical
    /// `UNKNOWN`, or a word that no version seen so far prints.
    case other(String)

    /// - Parameter word: as npu-smi prints it, in any case.
    public init(word: String) {
        switch word.lowercased() {
        case "ok": self = .ok
        case "warning": self = .warning
        case "alarm": self = .alarm
        case "critical": self = .critical
        default: self = .other(word)
        }
    }

    public var description: String {
        switch self {
        case .ok: "OK"
        case .warning: "Warning"
        case .alarm: "Alarm"
        case .critical: "Critical"
        case .other(let word): word
        }
    }
}

/// Whether a link of the fabric is up.
public enum LinkState: Hashable, Sendable, CustomStringConvertible {
    case up, down
    case other(String)

    /// - Parameter word: as hccn_tool prints it, in any case.
    public init(word: String) {
        switch word.lowercased() {
        case "up": self = .up
        case "down": self = .down
        default: self = .other(word)
        }
    }

    public var description: String {
        switch self {
        case .up: "UP"
        case .down: "DOWN"
        case .other(let word): word
        }
    }
}

/// Ports from the first to the last, both included.
public struct PortRange: Hashable, Sendable, CustomStringConvertible {
    public let first: UInt16
    public let last: UInt16

    /// nil when the first is above the last.
    public init?(first: UInt16, last: UInt16) {
        guard first <= last else { return nil }
        self.first = first
        self.last = last
    }

    /// Whether every port of the other range is in this one.
    public func contains(_ other: PortRange) -> Bool { first <= other.first && other.last <= last }

    public func overlaps(_ other: PortRange) -> Bool { first <= other.last && other.first <= last }

    public var description: String { first == last ? "\(first)" : "\(first)-\(last)" }
}

extension PortRange {
    /// The list of `net.ipv4.ip_local_reserved_ports`: `60000-60031,24670`; empty for an empty one.
    public static func list(_ text: String) throws(ParseError) -> [PortRange] {
        var ranges: [PortRange] = []
        for part in text.split(whereSeparator: { $0 == "," || $0.isWhitespace }) {
            let bounds = part.split(separator: "-", omittingEmptySubsequences: false)
            guard (1...2).contains(bounds.count), let first = UInt16(bounds[0]),
                let last = UInt16(bounds[bounds.count - 1]),
                let range = PortRange(first: first, last: last)
            else { throw ParseError(expected: "ports as in 60000-60031,24670", line: text) }
            ranges.append(range)
        }
        return ranges
    }

    /// The two numbers of `net.ipv4.ip_local_port_range`.
    public static func pair(_ text: String) throws(ParseError) -> PortRange {
        let words = text.split(whereSeparator: \.isWhitespace)
        guard words.count == 2, let first = UInt16(words[0]), let last = UInt16(words[1]),
            let range = PortRange(first: first, last: last)
        else { throw ParseError(expected: "two port numbers", line: text) }
        return range
    }
}

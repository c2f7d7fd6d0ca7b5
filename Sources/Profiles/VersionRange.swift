// Which versions of SGLang a profile's arguments are made for. Versions order as PEP 440 says, as far
// as SGLang uses it: numbers, then `rcN` before and `.postN` after the release.

/// A version: `0.5.12.post1`, `0.5.10rc1`, `0.5.13+cann9`.
public struct Version: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// As it is written.
    public let description: String
    private let numbers: [Int]
    /// Below 0 for a release candidate, 0 for the release, above for a post release.
    private let stage: Int

    /// Nil where the text is no such version.
    public init?(_ text: String) {
        description = text
        var release = text.prefix { $0 != "+" }
        if release.first == "v" { release = release.dropFirst() }
        var stage = 0
        if let split = Self.split(release, at: ".post") {
            (release, stage) = (split.head, split.number + 1)
        } else if let split = Self.split(release, at: "rc") {
            (release, stage) = (split.head, split.number - 1_000_000)
        }
        var numbers: [Int] = []
        for part in release.split(separator: ".", omittingEmptySubsequences: false) {
            guard let number = Int(part), number >= 0, part.first != "+" else { return nil }
            numbers.append(number)
        }
        while numbers.count > 1, numbers.last == 0 { numbers.removeLast() }
        self.numbers = numbers
        self.stage = stage
    }

    private static func split(
        _ text: Substring, at marker: String
    ) -> (head: Substring, number: Int)? {
        for index in text.indices where text[index...].hasPrefix(marker) {
            guard let number = Int(text[index...].dropFirst(marker.count)), number >= 0,
                number < 1_000_000
            else { return nil }
            return (text[..<index], number)
        }
        return nil
    }

    public static func == (left: Version, right: Version) -> Bool {
        left.numbers == right.numbers && left.stage == right.stage
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(numbers)
        hasher.combine(stage)
    }

    public static func < (left: Version, right: Version) -> Bool {
        if left.numbers != right.numbers {
            return left.numbers.lexicographicallyPrecedes(right.numbers)
        }
        return left.stage < right.stage
    }
}

/// Conditions that a version must all meet: `>=0.5.9 <0.5.20`.
public struct VersionRange: Hashable, Sendable, CustomStringConvertible {
    private enum Comparison: String, CaseIterable {
        // Two characters before one, so that `>=` is not read as `>`.
        case atLeast = ">=", atMost = "<=", exactly = "==", above = ">", below = "<"
    }

    private struct Condition: Hashable {
        let comparison: Comparison
        let version: Version
    }

    private let conditions: [Condition]

    /// Nil where the text is no list of conditions separated by spaces.
    public init?(_ text: String) {
        var conditions: [Condition] = []
        for word in text.split(separator: " ") {
            guard
                let comparison = Comparison.allCases.first(where: { word.hasPrefix($0.rawValue) }),
                let version = Version(String(word.dropFirst(comparison.rawValue.count)))
            else { return nil }
            conditions.append(Condition(comparison: comparison, version: version))
        }
        if conditions.isEmpty { return nil }
        self.conditions = conditions
    }

    public func contains(_ version: Version) -> Bool {
        conditions.allSatisfy { condition in
            switch condition.comparison {
            case .atLeast: version >= condition.version
            case .atMost: version <= condition.version
            case .exactly: version == condition.version
            case .above: version > condition.version
            case .below: version < condition.version
            }
        }
    }

    /// Whether the version is older than every one of the range.
    public func isAbove(_ version: Version) -> Bool {
        conditions.contains { condition in
            switch condition.comparison {
            case .atLeast, .exactly: version < condition.version
            case .above: version <= condition.version
            case .atMost, .below: false
            }
        }
    }

    public var description: String {
        conditions.map { "\($0.comparison.rawValue)\($0.version)" }.joined(separator: " ")
    }
}

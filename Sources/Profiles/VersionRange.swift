// Which versions of SGLang a profile's arguments are made for. Versions are read and ordered as PEP 440
// says, since that is what Python's packages bear: SGLang's own releases, and what setuptools_scm makes of
// a working copy between two of them, `0.5.23.dev12+g0123abc`. Epochs alone are left out: SGLang has none.

/// A version: `0.5.12.post1`, `0.5.10rc1`, `0.5.23.dev1+gabc`, `0.5.13+cann9`.
///
/// The local part behind the `+` makes no other version: it tells who built it, not what it understands.
public struct Version: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// As it is written.
    public let description: String
    private let numbers: [Int]
    /// What makes versions of the same numbers differ; compared in turn.
    private let stage: [Int]

    /// Nil where the text is no such version.
    public init?(_ text: String) {
        description = text
        let halves = text.split(separator: "+", maxSplits: 1, omittingEmptySubsequences: false)
        guard let written = halves.first, halves.count == 1 || Self.isLocal(halves[1]) else {
            return nil
        }
        var rest = Substring(written.lowercased())
        if rest.first == "v" { rest = rest.dropFirst() }
        guard var numbers = Self.takeNumbers(&rest) else { return nil }
        while numbers.count > 1, numbers.last == 0 { numbers.removeLast() }
        self.numbers = numbers
        var pre: [Int]?
        for (name, order) in Self.candidates where pre == nil {
            pre = Self.take(name, &rest).map { [order, $0] }
        }
        let post = Self.take("post", &rest)
        let dev = Self.take("dev", &rest)
        guard rest.isEmpty else { return nil }
        // Of the release itself, a development version comes before every candidate.
        let isBeforeAll = pre == nil && post == nil && dev != nil
        let release = [isBeforeAll ? Stage.development : Stage.release, 0]
        stage = (pre ?? release) + [post ?? Stage.absent, dev ?? Int.max]
    }

    private enum Stage {
        static let absent = -1
        static let development = 0
        static let release = 4
    }

    /// In the order of their age. `c` is an old spelling of `rc`.
    private static let candidates = [("a", 1), ("b", 2), ("rc", 3), ("c", 3)]

    /// `0.5.23`, as far as there are numbers with points between.
    private static func takeNumbers(_ text: inout Substring) -> [Int]? {
        guard let first = takeNumber(&text) else { return nil }
        var numbers = [first]
        while text.first == "." {
            var rest = text.dropFirst()
            guard rest.first?.isASCIIDigit == true else { break }
            guard let number = takeNumber(&rest) else { return nil }
            numbers.append(number)
            text = rest
        }
        return numbers
    }

    /// The number behind a name that stands next: `.post1`, `rc2`, `-rc1`.
    private static func take(_ name: String, _ text: inout Substring) -> Int? {
        var rest = text
        if let mark = rest.first, ".-_".contains(mark) { rest = rest.dropFirst() }
        guard rest.hasPrefix(name) else { return nil }
        rest = rest.dropFirst(name.count)
        guard let number = takeNumber(&rest) else { return nil }
        text = rest
        return number
    }

    private static func takeNumber(_ text: inout Substring) -> Int? {
        let digits = text.prefix { $0.isASCIIDigit }
        guard let number = Int(digits) else { return nil }
        text = text.dropFirst(digits.count)
        return number
    }

    /// Letters and digits, with single marks between.
    private static func isLocal(_ text: Substring) -> Bool {
        text.split(omittingEmptySubsequences: false) { ".-_".contains($0) }.allSatisfy { part in
            !part.isEmpty && part.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) }
        }
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
        return left.stage.lexicographicallyPrecedes(right.stage)
    }
}

extension Character {
    fileprivate var isASCIIDigit: Bool { isASCII && isNumber }
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

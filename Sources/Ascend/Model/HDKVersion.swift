// Versions of the vendor's driver and firmware package (HDK): `25.5.2`, `24.1.0.3`, and `24.1.RC2` for what came
// before `24.1.0`.

public struct HDKVersion: Hashable, Comparable, Sendable, CustomStringConvertible {
    private let numbers: [Int]
    /// nil for a release.
    private let candidate: Int?

    /// - Parameter text: as the version file has it; nil where it is no such version.
    public init?(_ text: String) {
        var numbers: [Int] = []
        var candidate: Int?
        for part in text.split(separator: ".") {
            let word = part.lowercased()
            if candidate == nil, word.hasPrefix("rc"), let number = Int(word.dropFirst(2)) {
                candidate = number
            } else if let number = Int(word) {
                // What follows a candidate is a patch of it.
                if candidate == nil { numbers.append(number) }
            } else {
                return nil
            }
        }
        guard numbers.count >= 2 else { return nil }
        self.numbers = numbers
        self.candidate = candidate
    }

    public static func < (left: HDKVersion, right: HDKVersion) -> Bool {
        let count = max(left.numbers.count, right.numbers.count)
        for index in 0..<count {
            let (one, other) = (left.number(index), right.number(index))
            if one != other { return one < other }
        }
        return (left.candidate ?? .max) < (right.candidate ?? .max)
    }

    private func number(_ index: Int) -> Int { index < numbers.count ? numbers[index] : 0 }

    public var description: String {
        numbers.map { "\($0)" }.joined(separator: ".") + (candidate.map { ".RC\($0)" } ?? "")
    }
}

// Nothing in a node may grow with its age. All collections and texts of a machine are found by reflection, so
// that nobody has to think of adding a new one here, and each is known by its path, as `requests.proposals` or
// `state.groups[].launched.some.ranks`. Looked at are still clusters only: at such moments, what is remembered
// of what is under way should be gone.

import Base

/// How large everything in a value is, by path: of lists of lists, the largest is taken.
struct Sizes {
    private(set) var counts: [String: Int] = [:]

    /// What a path's count is a count of.
    enum Unit: Character {
        case elements = "#"
        case bytes = "b"
        case characters = "t"

        /// What comes and goes without being a growth. Texts and encoded states differ by what they tell.
        var slack: Int {
            switch self {
            case .elements: 8
            case .bytes: 4096
            case .characters: 256
            }
        }
    }

    mutating func add(_ value: Any, at path: String) {
        if let text = value as? String {
            note(text.utf8.count, .characters, path)
            return
        }
        if let bytes = value as? [UInt8] {
            note(bytes.count, .bytes, path)
            return
        }
        let mirror = Mirror(reflecting: value)
        switch mirror.displayStyle {
        case .collection, .set, .dictionary:
            note(mirror.children.count, .elements, path)
            for child in mirror.children { add(child.value, at: path + "[]") }
        case .optional: for child in mirror.children { add(child.value, at: path) }
        default:
            for child in mirror.children {
                let name = child.label ?? ""
                add(child.value, at: path.isEmpty ? name : "\(path).\(name)")
            }
        }
    }

    private mutating func note(_ count: Int, _ unit: Unit, _ path: String) {
        let key = "\(unit.rawValue)\(path)"
        counts[key] = max(counts[key] ?? 0, count)
    }

    /// The larger of each path.
    mutating func formUnion(_ other: Sizes) { counts.merge(other.counts) { max($0, $1) } }
}

/// Compares what is found late with what was found early.
struct GrowthWatch {
    /// How many looks there will be.
    let looks: Int
    /// What may grow up to a bound and no further, by path: it is full only after a while.
    let bounds: [String: Int]
    private var early = Sizes()
    /// The smaller of each path over the last looks; a path that one of them lacks is no growth.
    private var late: Sizes?
    private var done = 0

    init(looks: Int, bounds: [String: Int]) {
        self.looks = looks
        self.bounds = bounds
    }

    /// The first and the last twelfth are compared: of a day, two hours.
    private var span: Int { max(2, looks / 12) }

    /// How many collections and texts were found.
    var pathCount: Int { early.counts.count }

    /// - Returns: after the last look, what has grown.
    mutating func look(at sizes: Sizes) -> String? {
        done += 1
        if done <= span { early.formUnion(sizes) }
        if done > looks - span { keep(sizes) }
        return done == looks ? growth : nil
    }

    private mutating func keep(_ sizes: Sizes) {
        late = late.map { $0.smaller(of: sizes) } ?? sizes
    }

    private var growth: String? {
        let grown = (late?.counts ?? [:]).filter { $0.value > limit(of: $0.key) }.keys.sorted()
        guard !grown.isEmpty else { return nil }
        return grown.prefix(8).map { key in
            "\(key.dropFirst()) has grown from \(early.counts[key] ?? 0) to \(late?.counts[key] ?? 0), and "
                + "\(limit(of: key)) is the most that it should be"
        }.joined(separator: "; ")
    }

    private func limit(of key: String) -> Int {
        if let bound = bounds[String(key.dropFirst())] { return bound }
        let slack = key.first.flatMap(Sizes.Unit.init)?.slack ?? 0
        return (early.counts[key] ?? 0) * 3 / 2 + slack
    }
}

extension Sizes {
    fileprivate func smaller(of other: Sizes) -> Sizes {
        var both = Sizes()
        for (key, count) in counts { both.counts[key] = min(count, other.counts[key] ?? 0) }
        return both
    }
}

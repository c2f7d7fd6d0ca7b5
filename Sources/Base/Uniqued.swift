// What several nodes say alike is told once.

extension Sequence where Element: Hashable {
    /// Each element once, in the order in which they come first.
    public var uniqued: [Element] {
        var seen: Set<Element> = []
        return filter { seen.insert($0).inserted }
    }
}

// Sets of ports as the kernel keeps them (`ip_local_reserved_ports`): ranges in order, none touching another.

/// A set of ports.
public struct PortSet: Hashable, Sendable, CustomStringConvertible {
    /// In order; two neighbours have a port between them that is not in the set.
    public let ranges: [PortRange]

    /// - Parameter ranges: in any order, and as they overlap.
    public init(_ ranges: [PortRange]) {
        var joined: [PortRange] = []
        for range in ranges.sorted(by: { ($0.first, $0.last) < ($1.first, $1.last) }) {
            if let last = joined.last, Int(range.first) <= Int(last.last) + 1,
                let longer = PortRange(first: last.first, last: max(last.last, range.last))
            {
                joined[joined.count - 1] = longer
            } else {
                joined.append(range)
            }
        }
        self.ranges = joined
    }

    public var isEmpty: Bool { ranges.isEmpty }

    public func union(_ other: PortSet) -> PortSet { PortSet(ranges + other.ranges) }

    /// The ports that are not in the other set.
    public func subtracting(_ other: PortSet) -> PortSet {
        var left = ranges
        for taken in other.ranges {
            left = left.flatMap { range -> [PortRange] in
                guard range.overlaps(taken) else { return [range] }
                let below =
                    taken.first > range.first
                    ? PortRange(first: range.first, last: taken.first - 1) : nil
                let above =
                    taken.last < range.last
                    ? PortRange(first: taken.last + 1, last: range.last) : nil
                return [below, above].compactMap { $0 }
            }
        }
        return PortSet(left)
    }

    /// The ports that are in both.
    public func intersection(_ other: PortSet) -> PortSet { subtracting(subtracting(other)) }

    /// As the kernel writes and reads it: `5000-5013,60000-60031`.
    public var description: String { ranges.map(\.description).joined(separator: ",") }
}

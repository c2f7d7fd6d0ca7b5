// What differs between two launches of a rank, byte by byte: the lines of the environment and the elements
// of the command, in the order in which they stand.

public import Base

/// Words in the place of others.
public struct WordChange: Hashable, Sendable {
    /// The last word before them that both have; nil at the beginning.
    public let after: String?
    public let old: [String]
    public let new: [String]

    /// What turns one list into another, from the front to the back.
    static func between(_ old: [String], _ new: [String]) -> [WordChange] {
        var removed: Set<Int> = []
        var inserted: Set<Int> = []
        for change in new.difference(from: old) {
            switch change {
            case .remove(let offset, _, _): removed.insert(offset)
            case .insert(let offset, _, _): inserted.insert(offset)
            }
        }
        var changes: [WordChange] = []
        var (left, right) = (0, 0)
        var common: String?
        while left < old.count || right < new.count {
            var gone: [String] = []
            var come: [String] = []
            while removed.contains(left) || inserted.contains(right) {
                if removed.contains(left) {
                    gone.append(old[left])
                    left += 1
                } else {
                    come.append(new[right])
                    right += 1
                }
            }
            if !gone.isEmpty || !come.isEmpty {
                changes.append(WordChange(after: common, old: gone, new: come))
            } else {
                common = old[left]
                left += 1
                right += 1
            }
        }
        return changes
    }

    public var json: JSONValue {
        [
            "after": JSONValue(after), "old": .array(old.map { .string($0) }),
            "new": .array(new.map { .string($0) }),
        ]
    }
}

/// What differs between two launches.
public struct LaunchDifference: Hashable, Sendable {
    /// Lines `NAME=VALUE`.
    public let environment: [WordChange]
    public let arguments: [WordChange]
    /// Names that are unset, files that are sourced, settings of the host: `unset NAME`.
    public let host: [WordChange]

    /// Of a launch that is not there, everything differs.
    public init(_ old: LaunchSpec?, _ new: LaunchSpec?) {
        environment = WordChange.between(old?.environmentLines ?? [], new?.environmentLines ?? [])
        arguments = WordChange.between(old?.argv ?? [], new?.argv ?? [])
        host = WordChange.between(old?.hostLines ?? [], new?.hostLines ?? [])
    }

    public var isEmpty: Bool { environment.isEmpty && arguments.isEmpty && host.isEmpty }

    public var json: JSONValue {
        [
            "environment": .array(environment.map(\.json)),
            "argv": .array(arguments.map(\.json)), "host": .array(host.map(\.json)),
        ]
    }
}

extension LaunchSpec {
    fileprivate var environmentLines: [String] { environment.map { "\($0.name)=\($0.value)" } }

    fileprivate var hostLines: [String] {
        source.map { "source \($0)" } + unset.map { "unset \($0)" }
            + host.sysctl.map { "sysctl \($0.name)=\($0.value)" }
            + (host.governor.map { ["governor \($0)"] } ?? [])
    }
}

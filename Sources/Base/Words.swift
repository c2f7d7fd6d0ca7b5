// The words that every layer shares, each a type of its own so that an epoch can never be passed
// where a generation is meant. The glossary is Protocols/glossary.md.

/// The name of a node, unique in its cluster and fixed by the operator's node list.
public struct NodeID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let name: String

    public init(_ name: String) {
        self.name = name
    }

    public static func < (left: NodeID, right: NodeID) -> Bool { left.name < right.name }
    public var description: String { name }
}

/// A host address (IPv4 or IPv6 literal) and a TCP port.
public struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    public let host: String
    public let port: UInt16

    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// `10.0.0.1:5000`, or `[fd00::1]:5000` for IPv6, as URLs and SGLang want it.
    public var description: String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}

extension Endpoint {
    /// Reads `host:port` or `[v6]:port`; nil where it is neither.
    public init?(parsing text: String) {
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...])
        else { return nil }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        guard !host.isEmpty else { return nil }
        self.init(host: host, port: port)
    }

    /// Reads a URL such as `tcp://10.0.0.1:24670`; nil where scheme, host or port is missing.
    public init?(url: String, scheme: String) {
        let prefix = scheme + "://"
        guard url.hasPrefix(prefix) else { return nil }
        var rest = url.dropFirst(prefix.count)
        while rest.hasSuffix("/") { rest = rest.dropLast() }
        self.init(parsing: String(rest))
    }
}

/// What a group does in the deployment. The router is a group of one, so that one mechanism
/// supervises everything.
public enum Role: String, Hashable, Sendable, CaseIterable {
    case mixed, prefill, decode, router
    /// The transfer store, where it is a process of its own.
    case store

    /// Whether its groups run engines, on dies.
    public var isEngine: Bool {
        switch self {
        case .mixed, .prefill, .decode: true
        case .router, .store: false
        }
    }
}

/// The name of a group: `prefill-0`, `decode-0`, `mixed-0`, `router`.
public struct GroupName: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let name: String

    public init(_ name: String) {
        self.name = name
    }

    public static func < (left: GroupName, right: GroupName) -> Bool { left.name < right.name }
    public var description: String { name }
}

/// A node's place in its group. Rank 0 is the group's dist-init master.
public struct NodeRank: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let value: Int

    public init(_ value: Int) {
        self.value = value
    }

    public static let master = NodeRank(0)
    public static func < (left: NodeRank, right: NodeRank) -> Bool { left.value < right.value }
    public var description: String { String(value) }
}

/// Rises with every committed plan. 0 means that there is none yet.
public struct Epoch: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let value: UInt64

    public init(_ value: UInt64) {
        self.value = value
    }

    public static let none = Epoch(0)
    public var next: Epoch { Epoch(value + 1) }
    public static func < (left: Epoch, right: Epoch) -> Bool { left.value < right.value }
    public var description: String { String(value) }
}

/// Rises with every launch of a group. Older generations are fenced. 0 means never launched.
public struct Generation: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let value: UInt64

    public init(_ value: UInt64) {
        self.value = value
    }

    public static let none = Generation(0)
    public var next: Generation { Generation(value + 1) }
    public static func < (left: Generation, right: Generation) -> Bool {
        left.value < right.value
    }
    public var description: String { String(value) }
}

/// One shard of one launch: which group, which launch of it, which rank.
public struct ShardID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let group: GroupName
    public let generation: Generation
    public let rank: NodeRank

    public init(group: GroupName, generation: Generation, rank: NodeRank) {
        self.group = group
        self.generation = generation
        self.rank = rank
    }

    public static func < (left: ShardID, right: ShardID) -> Bool {
        (left.group, left.generation, left.rank) < (right.group, right.generation, right.rank)
    }

    /// `prefill-0.g3.r1`: a file-name-safe name, used for directories and in logs.
    public var description: String { "\(group).g\(generation).r\(rank)" }
}

extension String {
    /// Whether it is safe as a name in a file name, a log line and a command line.
    public var isSafeName: Bool {
        let isFit = allSatisfy { character in
            character.isASCII
                && (character.isLetter || character.isNumber || ".-_:".contains(character))
        }
        return isFit && (1...63).contains(count) && !hasPrefix("-") && !hasPrefix(".")
    }
}

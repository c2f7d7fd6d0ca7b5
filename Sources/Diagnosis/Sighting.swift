// A line of a log that says that something is wrong, with all that can be read from it.

import Base

/// One thing that one rank said.
public struct Sighting: Hashable, Sendable {
    /// The ``FailureKind`` by its name.
    public let kind: String
    /// For people, at most ``lineLimit`` characters.
    public let line: String
    /// Between these two, by the wall clock of its node, it was written.
    public let time: TimeSpan
    /// The rank in the world of dies, and its die on the node, where the text tells.
    public let worldRank: Int?
    public let die: Int?
    /// Whom the line blames, if anyone.
    public let accused: Accused?

    public static let lineLimit = 300

    public init(
        kind: String, line: String, time: TimeSpan, worldRank: Int? = nil, die: Int? = nil,
        accused: Accused? = nil
    ) {
        self.kind = kind
        self.line = line.shortened(to: Self.lineLimit)
        self.time = time
        self.worldRank = worldRank
        self.die = die
        self.accused = accused
    }

    public var role: FailureKind.Role { FailureKind.named(kind).role }
}

/// Whom a line blames: by rank, or by the address of the host and the die.
public struct Accused: Hashable, Sendable {
    /// Of the world of dies.
    public let worldRanks: [Int]
    /// The node rank of the first of them.
    public let nodeRank: Int?
    public let address: String?
    public let die: Int?

    /// More are not listed.
    public static let rankLimit = 16

    public init(worldRanks: [Int], nodeRank: Int?, address: String? = nil, die: Int? = nil) {
        self.worldRanks = Array(worldRanks.prefix(Self.rankLimit))
        self.nodeRank = nodeRank
        self.address = address
        self.die = die
    }
}

/// A time that is known only so well, in microseconds since 1970 of some clock.
public struct TimeSpan: Hashable, Sendable {
    public let earliest: Int64
    public let latest: Int64

    /// The later of the two bounds gives way where they are the wrong way round.
    public init(earliest: Int64, latest: Int64) {
        self.earliest = earliest
        self.latest = max(earliest, latest)
    }

    public var width: Int64 { latest.subtractingClamped(earliest) }
    public var middle: Int64 { earliest / 2 + latest / 2 }

    /// The same on another clock, which is ahead by something in that span.
    public func shifted(by ahead: TimeSpan) -> TimeSpan {
        TimeSpan(
            earliest: earliest.addingClamped(ahead.earliest),
            latest: latest.addingClamped(ahead.latest))
    }
}

extension Int64 {
    func subtractingClamped(_ other: Int64) -> Int64 {
        let (difference, overflows) = subtractingReportingOverflow(other)
        return overflows ? (other < 0 ? .max : .min) : difference
    }

    func addingClamped(_ other: Int64) -> Int64 {
        let (sum, overflows) = addingReportingOverflow(other)
        return overflows ? (other > 0 ? .max : .min) : sum
    }
}

/// The process that wrote a log, where its lines do not say so.
public struct LogSpeaker: Hashable, Sendable {
    let tensorRank: Int?
    let pipelineRank: Int?
    /// Which it drives.
    let die: Int?

    /// - Parameters:
    ///   - ranks: as SGLang writes them: `PP1 TP3`.
    ///   - die: on its node; nil where that is not known.
    public init(ranks: String, die: Int?) {
        let words = ranks.split(separator: " ")
        tensorRank = LogPrefix.number(after: "TP", in: words)
        pipelineRank = LogPrefix.number(after: "PP", in: words)
        self.die = die
    }
}

/// The sizes of a world, as an engine's command line gives them.
public struct EngineShape: Hashable, Sendable {
    public let tensorParallel: Int
    /// Dies that each node of the group takes part with.
    public let diesPerNode: Int
    /// Which these are, in the order of the ranks; empty for the first ones.
    private let dies: [Int]

    /// nil where the sizes make no sense.
    public init?(
        tensorParallel: Int, pipelineParallel: Int, nodes: Int, dies: [Int] = []
    ) {
        let sizes = [tensorParallel, pipelineParallel, nodes]
        guard sizes.allSatisfy({ (1...100_000).contains($0) }),
            tensorParallel * pipelineParallel >= nodes
        else { return nil }
        self.tensorParallel = tensorParallel
        diesPerNode = tensorParallel * pipelineParallel / nodes
        self.dies = dies
    }

    /// The die of a rank of the world, on its node.
    func die(of worldRank: Int) -> Int {
        let index = worldRank % diesPerNode
        return dies.indices.contains(index) ? dies[index] : index
    }

    func worldRank(tensor: Int, pipeline: Int) -> Int? {
        guard (0..<tensorParallel).contains(tensor), (0...100_000).contains(pipeline) else {
            return nil
        }
        return pipeline * tensorParallel + tensor
    }
}

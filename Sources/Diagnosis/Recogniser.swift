// Finds the lines of a log that say that something is wrong. Most errors of an engine reach its log as a
// Python traceback, whose head has the time and the rank and whose last line has the error; so the head
// is kept until that line comes.

/// Follows one log. Bounded, whatever the log says.
public struct Recogniser: Hashable, Sendable {
    /// What is kept of one log. A consequence makes room first, then the oldest witness that accuses nobody,
    /// then the oldest.
    public static let limit = 12

    public private(set) var sightings: [Sighting] = []
    private let shape: EngineShape?
    private let speaker: LogSpeaker?
    /// The head of the traceback that is being read.
    private var head: Head?
    private var lastStamp: TimeSpan?

    private struct Head: Hashable, Sendable {
        let prefix: LogPrefix?
        let time: TimeSpan
    }

    public init(shape: EngineShape? = nil, speaker: LogSpeaker? = nil) {
        self.shape = shape
        self.speaker = speaker
    }

    /// Takes the next line, which was written within that span of the node's clock.
    /// - Parameters:
    ///   - line: as the log has it.
    ///   - seen: between two looks at the log.
    ///   - zone: by how many seconds local time is ahead of UTC.
    public mutating func read(_ line: LogLine, within seen: TimeSpan, zone: Int) {
        let time = time(of: line, within: seen, zone: zone)
        if Self.opensTraceback(line.text) {
            head = Head(prefix: line.prefix ?? head?.prefix, time: time)
            return
        }
        guard let head else {
            if let kind = FailureKind.patterns.first(in: line.text)?.value {
                note(kind, line, line.prefix, time)
            }
            return
        }
        // Frames, their code and marks are indented; the error itself is not.
        guard let first = line.text.first, first != UInt8(ascii: " ") else { return }
        self.head = nil
        let kind = FailureKind.patterns.first(in: line.text)?.value
        let isError = line.prefix == nil
        guard isError || kind != nil else { return }
        note(
            kind ?? .exception, line, isError ? head.prefix : line.prefix,
            isError ? head.time : time)
    }

    private static func opensTraceback(_ text: [UInt8]) -> Bool {
        traceback.first(in: text) != nil
    }

    private static let traceback = PatternSet<Void>([
        "Traceback (most recent call last):": ()
    ])

    // MARK: - Time

    /// A stamp counts where it fits what is known: a log in another zone, or of a host whose clock was
    /// set, must not put a line before its cause.
    private mutating func time(
        of line: LogLine, within seen: TimeSpan, zone: Int
    ) -> TimeSpan {
        guard let stamp = line.prefix?.time else {
            let since = lastStamp.map { max($0.earliest, seen.earliest) } ?? seen.earliest
            return TimeSpan(earliest: min(since, seen.latest), latest: seen.latest)
        }
        let shift = stamp.isUTC ? 0 : Int64(zone) * 1_000_000
        let start = stamp.microseconds - shift
        let slack: Int64 = 600_000_000
        guard start <= seen.latest.addingClamped(5_000_000),
            start >= seen.earliest.addingClamped(-slack)
        else { return seen }
        let span = TimeSpan(earliest: start, latest: start + stamp.resolution - 1)
        lastStamp = span
        return span
    }

    // MARK: - What is kept

    private mutating func note(
        _ kind: FailureKind, _ line: LogLine, _ prefix: LogPrefix?, _ time: TimeSpan
    ) {
        // HCCL tells one failure in a dozen lines; the first and whoever is named are enough.
        let accused = accused(by: line.text)
        let worldRank = worldRank(prefix)
        let isTold = sightings.contains {
            $0.kind == kind.id && $0.worldRank == worldRank && ($0.accused != nil || accused == nil)
                && time.earliest.subtractingClamped($0.time.earliest) < 60_000_000
        }
        guard !isTold else { return }
        sightings.append(
            Sighting(
                kind: kind.id, line: line.readable, time: time, worldRank: worldRank,
                die: prefix?.device ?? speaker?.die
                    ?? worldRank.flatMap { rank in shape.map { $0.die(of: rank) } },
                accused: accused))
        if sightings.count > Self.limit { makeRoom() }
    }

    /// Sixteen ranks may say at once that a link did not come up, and one of them with whom.
    private mutating func makeRoom() {
        let earlier = sightings.dropLast()
        let least =
            earlier.firstIndex { $0.role == .consequence }
            ?? earlier.firstIndex { $0.role == .witness && $0.accused == nil }
        sightings.remove(at: least ?? 0)
    }

    private func worldRank(_ prefix: LogPrefix?) -> Int? {
        if let rank = prefix?.worldRank { return rank }
        let tensor = prefix?.tensorRank ?? speaker?.tensorRank
        guard let shape, let tensor else { return nil }
        let pipeline = prefix?.tensorRank == nil ? speaker?.pipelineRank : prefix?.pipelineRank
        return shape.worldRank(tensor: tensor, pipeline: pipeline ?? 0)
    }

    // MARK: - Who is blamed

    private func accused(by text: [UInt8]) -> Accused? {
        var cursor = Cursor(text)
        if cursor.seek("Failed to connect agent[") {
            var ranks: [Int] = []
            while ranks.count < Accused.rankLimit, let rank = cursor.number() {
                ranks.append(rank)
                if !cursor.take(",") { break }
            }
            return ranks.isEmpty ? nil : accused(ranks)
        }
        if cursor.seek("Cluster Exception Location[IP/ID]:[") {
            let address = cursor.text { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "]") }
            let die = cursor.take("/") ? cursor.number() : nil
            guard (1...64).contains(address.count) else { return nil }
            return Accused(
                worldRanks: [], nodeRank: nil, address: String(decoding: address, as: UTF8.self),
                die: die)
        }
        // A row of the table of links: | 10.1.2.3(5) | 16666 | 10.1.2.4(0) | 0 | server | time out | …
        if cursor.seek("| time out |") {
            var row = Cursor(text)
            guard row.seek("| "), row.seek("("), let rank = row.number(), row.take(")") else {
                return nil
            }
            return accused([rank])
        }
        return nil
    }

    private func accused(_ ranks: [Int]) -> Accused {
        Accused(
            worldRanks: ranks, nodeRank: shape.map { (ranks.first ?? 0) / $0.diesPerNode },
            die: shape.map { $0.die(of: ranks.first ?? 0) })
    }
}

// What the logs of the shards say is wrong, on its way to the leader, and what the leader makes of it.
// Sightings are told apart from reports: they are long, and an agent of an older version does not know them.
// They stay with the node until its group is launched anew, so that a leader who comes later hears them
// too, and so that what is found after the end can still amend the verdict.

public import Base
import ClusterState
import Consensus
import Diagnosis
import Planning
import Supervision
import WireProtocol

extension NodeMachine {
    // MARK: - On every node

    /// The log of a shard says something new; these are all its sightings.
    mutating func sighted(_ shard: ShardID, _ found: [Sighting]) {
        guard shard.generation >= state.record(of: shard.group).generation else { return }
        guard sightings[shard]?.said ?? [] != found else { return }
        sightings[shard, default: ShardWords()].said = found
        hasSightingNews = true
    }

    /// What this node itself has seen of the processes of a shard, which no log tells: one that is lost, or
    /// those that cannot move.
    mutating func sightedProcesses(of shard: ShardID, _ seen: SchedulerSighting) {
        if let report = shards[shard]?.report, report.state == .unresponsive,
            let ended = report.endedAt?.microsecondsSinceEpoch
        {
            sightings[shard, default: ShardWords()].lost = Sighting(
                kind: FailureKind.schedulerLost.id, line: report.why,
                time: TimeSpan(earliest: ended, latest: ended))
            hasSightingNews = true
        }
        let told = seen.still.told
        let before = sightings[shard]?.still
        guard told?.line != before?.line || told?.kind.id != before?.kind else { return }
        let latest = EndTime(wall).microsecondsSinceEpoch
        sightings[shard, default: ShardWords()].still = told.map {
            Sighting(
                kind: $0.kind.id, line: $0.line,
                time: TimeSpan(earliest: latest - Self.stillFor, latest: latest))
        }
        hasSightingNews = true
    }

    /// What this node tells of a shard of its own. Nobody asks a rank from 1 on how it is; where its processes cannot
    /// move, its row in every status says so. Of rank 0 it is told before the question has run out; but what
    /// hangs in the kernel may answer all the same.
    func toldReport(_ shard: ShardID) -> ShardReport? {
        guard var report = shards[shard]?.report else { return nil }
        if report.state == .ready, report.why.isEmpty, let still = sightings[shard]?.still,
            still.kind == FailureKind.stopped.id
        {
            report.why = still.line
        }
        if shard.rank != .master, report.state == .loading, report.why.isEmpty {
            report.why = sightings[shard]?.still?.line ?? ""
        }
        return report
    }

    /// Before a process is told to be still it was so for some seconds.
    private static let stillFor: Int64 = 10_000_000

    /// The end of a process is a sighting too: it may be all that a rank has to say.
    mutating func sightedEnd(of shard: ShardID) {
        guard let report = shards[shard]?.report,
            report.state == .exited || (report.state == .stopped && !report.why.isEmpty)
        else { return }
        let ended = (report.endedAt ?? EndTime(report.since)).microsecondsSinceEpoch
        let isStarted: Bool = if case .notStarted = report.exit { false } else { true }
        sightings[shard, default: ShardWords()].end = Sighting(
            kind: isStarted ? FailureKind.ended.id : FailureKind.notStarted.id, line: report.why,
            time: TimeSpan(earliest: ended, latest: ended))
        hasSightingNews = true
    }

    private static let sightingsInterval = Duration.seconds(5)

    /// Tells the leader. One that has just been elected, or heard again, is told also when there is
    /// nothing: so it knows that this node understands what is said about sightings.
    mutating func tellSightings() {
        guard hasSightingNews || sightingsDue <= now else { return }
        sightingsDue = now + Self.sightingsInterval
        for shard in sightings.keys.sorted()
        where shard.generation < state.record(of: shard.group).generation {
            sightings[shard] = nil
        }
        let words = NodeSightings(
            node: configuration.local,
            shards: sightings.keys.sorted().map { shard in
                ShardSightings(shard: shard, sightings: sightings[shard]?.all ?? [])
            }, understands: configuration.understands)
        if leadership != nil {
            hasSightingNews = false
            heard(words)
        } else if let leader = consensus.leader {
            hasSightingNews = false
            send(.sightings(words), to: leader)
        }
    }

    // MARK: - On the leader

    mutating func heard(_ words: NodeSightings) {
        hasNews = hasNews || leadership?.sightings[words.node] != words
        leadership?.sightings[words.node] = words
        leadership?.understood[words.node] = words.understands
    }

    /// What the ranks of the newest generation of a group have said, on this node's clock.
    private func rankSightings(_ record: GroupRecord) -> [RankSighting] {
        guard let group = record.launched, let leadership else { return [] }
        return group.ranks.enumerated().flatMap { index, planned -> [RankSighting] in
            let shard = ShardID(
                group: record.name, generation: record.generation, rank: NodeRank(index))
            let said = leadership.sightings[planned.node]?.shards.first { $0.shard == shard }
            let ahead = clockAhead(of: planned.node)
            let back = TimeSpan(earliest: -ahead.latest, latest: -ahead.earliest)
            return (said?.sightings ?? []).map {
                RankSighting(
                    rank: shard.rank, node: planned.node, sighting: $0,
                    time: $0.time.shifted(by: back))
            }
        }
    }

    /// Where a clock was not compared it is taken to agree within a second.
    func clockAhead(of node: NodeID) -> TimeSpan {
        guard node != configuration.local else { return TimeSpan(earliest: 0, latest: 0) }
        let unknown = TimeSpan(earliest: -1_000_000, latest: 1_000_000)
        guard let ahead = clocks.ahead(of: node, at: now), ahead.isSane else { return unknown }
        return ahead
    }

    func diagnosis(of record: GroupRecord) -> FailureDiagnosis? {
        let ranks = record.launched?.ranks ?? []
        let addresses = ranks.enumerated().map { ($1.address, NodeRank($0)) }
        return Diagnoser.diagnose(
            rankSightings(record), nodes: ranks.map(\.node),
            addresses: Dictionary(addresses, uniquingKeysWith: { first, _ in first }))
    }

    /// A node that is gone has no log that could be read.
    func lossDiagnosis(_ cause: EndCause) -> FailureDiagnosis? {
        guard let node = cause.node, let rank = cause.rank, absentSince(node) != nil else {
            return nil
        }
        let gone = EndTime(absentSince(node).flatMap { wall(at: $0) } ?? wall)
            .microsecondsSinceEpoch
        return FailureDiagnosis(
            kind: FailureKind.nodeLost.id, rank: rank, node: node, worldRank: nil, die: nil,
            line: cause.why, time: TimeSpan(earliest: gone, latest: gone), accuser: nil, rivals: [],
            echoes: [])
    }

    /// A rank that says no more than that another one went before it is not the first, where there is one that
    /// nobody hears: its own log tells, once its agent is back.
    func blamed(_ cause: EndCause, _ record: GroupRecord) -> EndCause {
        guard cause.kind == .failure, let fallen = cause.rank, let found = cause.diagnosis,
            found.rank == fallen, FailureKind.named(found.kind).role == .consequence,
            let ranks = record.launched?.ranks,
            let lost = ranks.firstIndex(where: { absentSince($0.node) != nil })
        else { return cause }
        let node = ranks[lost].node
        var blamed = EndCause(
            .failure,
            why: "rank \(lost) on \(node), whose agent is out of reach, fell first, as the others "
                + "say: \(cause.why)",
            node: node, rank: NodeRank(lost), logTail: cause.logTail)
        blamed.diagnosis = lossDiagnosis(blamed)
        return blamed
    }

    /// What a node says of the processes of a shard that cannot move; nil where all do.
    func still(_ shard: ShardID, on node: NodeID) -> Sighting? {
        leadership?.sightings[node]?.shards.first { $0.shard == shard }?.sightings.first {
            $0.kind == FailureKind.stopped.id || $0.kind == FailureKind.inKernel.id
        }
    }

    /// Amends the verdict on the newest generation when more has been found since it ended. Only a
    /// cluster whose every agent knows of diagnoses can agree on one: the others could not read the log.
    mutating func amendDiagnosis(of record: GroupRecord) -> Command.Action? {
        guard record.phase != .running, let failure = record.lastFailure,
            failure.generation == record.generation,
            members.allSatisfy({ leadership?.sightings[$0.node] != nil }),
            let found = diagnosis(of: record), found.says(moreThan: failure.cause.diagnosis)
        else {
            leadership?.amendments[record.name]?.due = nil
            return nil
        }
        var amendment = leadership?.amendments[record.name] ?? Amendment(record.generation)
        if amendment.generation != record.generation { amendment = Amendment(record.generation) }
        guard amendment.count < Amendment.limit else { return nil }
        // More may follow at once.
        let due = amendment.due ?? now + Amendment.delay
        let isDue = due <= now
        amendment.due = isDue ? nil : due
        amendment.count += isDue ? 1 : 0
        leadership?.amendments[record.name] = amendment
        return isDue ? .amend(record.name, record.generation, found) : nil
    }

    // MARK: - Clocks

    /// Clocks that differ more than that make logs of two nodes hard to read side by side.
    private static let clockTolerance: Int64 = 1_000_000

    /// By how much the clock of another node is ahead of this one's; nil where they were not compared.
    public func clockAhead(of node: NodeID, at now: Instant) -> Duration? {
        clocks.ahead(of: node, at: now).map { .microseconds($0.middle) }
    }

    /// The nodes whose clock is certainly off from this node's.
    var clockNotes: [String] {
        members.map(\.node).compactMap { node in
            guard node != configuration.local, absentSince(node) == nil,
                let ahead = clocks.ahead(of: node, at: now), ahead.isSane,
                ahead.earliest > Self.clockTolerance || ahead.latest < -Self.clockTolerance
            else { return nil }
            let tenths = abs(ahead.middle) / 100_000
            return "the clock of \(node) is \(tenths / 10).\(tenths % 10) s "
                + "\(ahead.middle > 0 ? "ahead of" : "behind") that of \(configuration.local): "
                + "logs of the two cannot be compared by time; set up NTP on both"
        }
    }
}

/// What one shard has said, and how it ended.
struct ShardWords: Sendable {
    var said: [Sighting] = []
    var end: Sighting?
    /// A scheduler that it has lost.
    var lost: Sighting?
    /// Its processes that cannot move.
    var still: Sighting?

    var all: [Sighting] { said + [lost, still, end].compactMap { $0 } }
}

/// An amendment of a verdict under way.
struct Amendment: Sendable {
    static let delay = Duration.seconds(1)
    /// So many for each generation.
    static let limit = 3

    let generation: Generation
    var due: Instant?
    var count = 0

    init(_ generation: Generation) {
        self.generation = generation
    }
}

extension TimeSpan {
    /// Whether it can be reckoned with: clocks within a century.
    fileprivate var isSane: Bool {
        let century: Int64 = 3_200_000_000_000_000
        return (-century...century).contains(earliest) && (-century...century).contains(latest)
    }
}

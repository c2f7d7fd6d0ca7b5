// What every restart has cost: one record from the end of a generation to the moment the next one serves,
// with its cause, who asked for it, and how long each part took. It is agreed on, so that it outlives the
// leader that decided, and bounded. Nothing is decided by it. All times are by the clocks of the leaders.

public import Base
import Diagnosis
public import Supervision

/// One restart of a group.
public struct RestartRecord: Hashable, Sendable {
    /// The parts of a restart, in their order.
    public enum Part: String, Hashable, Sendable, CaseIterable {
        /// From what happened to the leader's decision.
        case detect
        /// Until every rank of the old generation had ended.
        case stop
        /// Until the next was launched; what it waited for, such as the backoff, is in here.
        case start
        /// Until it served.
        case ready
    }

    public let group: GroupName
    /// The generation that ended.
    public let ended: Generation
    /// The one that took its place; nil until it is launched.
    public internal(set) var launched: Generation?
    /// Of the plan that it was launched by; until then of the plan at its end.
    public internal(set) var epoch: Epoch
    public let kind: EndCause.Kind
    /// For people: what happened, with node and rank.
    public let why: String
    /// The first failing rank and its node, where one is known.
    public let node: NodeID?
    public let rank: NodeRank?
    /// What the logs say of it: a kind of failure and its die.
    public internal(set) var failure: String?
    public internal(set) var die: Int?
    /// An operator has ordered it, or what it follows from.
    public let isOrdered: Bool
    /// The leader that decided; nil where that is not known.
    public let leader: NodeID?
    /// When it happened, where something did, and somebody knows when.
    public let failedAt: WallTime?
    public let detectedAt: WallTime
    public internal(set) var stoppedAt: WallTime?
    public internal(set) var launchedAt: WallTime?
    public internal(set) var readyAt: WallTime?

    public init(
        group: GroupName, ended: Generation, epoch: Epoch, cause: EndCause, isOrdered: Bool,
        leader: NodeID?, failedAt: WallTime?, detectedAt: WallTime
    ) {
        self.init(
            group: group, ended: ended, epoch: epoch, kind: cause.kind, why: cause.why,
            node: cause.node, rank: cause.rank, isOrdered: isOrdered, leader: leader,
            failedAt: failedAt, detectedAt: detectedAt)
        take(cause.diagnosis)
    }

    /// A record as a snapshot holds it.
    public init(
        group: GroupName, ended: Generation, launched: Generation? = nil, epoch: Epoch,
        kind: EndCause.Kind, why: String, node: NodeID?, rank: NodeRank?, failure: String? = nil,
        die: Int? = nil, isOrdered: Bool, leader: NodeID?, failedAt: WallTime?,
        detectedAt: WallTime, stoppedAt: WallTime? = nil, launchedAt: WallTime? = nil,
        readyAt: WallTime? = nil
    ) {
        self.group = group
        self.ended = ended
        self.launched = launched
        self.epoch = epoch
        self.kind = kind
        self.why = why
        self.node = node
        self.rank = rank
        self.failure = failure
        self.die = die
        self.isOrdered = isOrdered
        self.leader = leader
        self.failedAt = failedAt
        self.detectedAt = detectedAt
        self.stoppedAt = stoppedAt
        self.launchedAt = launchedAt
        self.readyAt = readyAt
    }

    /// How long a part took; nil where one of its ends is not known, or where the clocks of two leaders
    /// disagree so much that it says nothing.
    public func duration(of part: Part) -> Duration? {
        switch part {
        case .detect: Self.time(from: failedAt, to: detectedAt)
        case .stop: Self.time(from: detectedAt, to: stoppedAt)
        case .start: Self.time(from: stoppedAt, to: launchedAt)
        case .ready: Self.time(from: launchedAt, to: readyAt)
        }
    }

    /// From what happened, or else its detection, until the group served again.
    public var total: Duration? { Self.time(from: failedAt ?? detectedAt, to: readyAt) }

    /// Who asked for it, for people.
    public var asker: String {
        isOrdered ? "operator" : leader.map { "leader \($0)" } ?? "leader"
    }

    /// `detected after 0.3 s, stopped 0.1 s later, launched 1.0 s later, ready 4.2 s later`; what is not
    /// known is left out.
    public var timesText: String {
        let words: [Part: String] = [
            .detect: "detected", .stop: "stopped", .start: "launched", .ready: "ready",
        ]
        return Part.allCases.compactMap { part in
            guard let duration = duration(of: part), let word = words[part] else { return nil }
            let time = duration.secondsText
            return part == .detect ? "\(word) after \(time)" : "\(word) \(time) later"
        }.joined(separator: ", ")
    }

    mutating func take(_ diagnosis: FailureDiagnosis?) {
        guard let diagnosis else { return }
        failure = diagnosis.kind
        die = diagnosis.die
    }

    static func time(from start: WallTime?, to end: WallTime?) -> Duration? {
        guard let start, let end else { return nil }
        let (milliseconds, overflows) = end.millisecondsSinceEpoch.subtractingReportingOverflow(
            start.millisecondsSinceEpoch)
        guard !overflows, (0...Self.longest).contains(milliseconds) else { return nil }
        return .milliseconds(milliseconds)
    }

    /// A year: what is longer is a clock that was set.
    private static let longest: Int64 = 366 * 86_400_000
}

/// How often a group has ended, and how long it took to serve again.
public struct RepairTally: Hashable, Sendable {
    public let group: GroupName
    /// Since when it does not serve because of a failure or a lost node; nil while it does.
    public internal(set) var outageSince: WallTime?
    /// Outages that are over, and how long all of them took.
    public internal(set) var repairs: Int
    public internal(set) var milliseconds: Int64
    /// Ended generations, by cause in the order of `EndCause.Kind.allCases`.
    public internal(set) var ends: [Int]

    public init(
        group: GroupName, outageSince: WallTime? = nil, repairs: Int = 0,
        milliseconds: Int64 = 0, ends: [Int] = []
    ) {
        self.group = group
        self.outageSince = outageSince
        self.repairs = repairs
        self.milliseconds = milliseconds
        self.ends = ends
    }

    /// Mean time to repair; nil before the first repair.
    public var meanTimeToRepair: Duration? {
        repairs > 0 ? .milliseconds(milliseconds / Int64(repairs)) : nil
    }

    public func ends(by kind: EndCause.Kind) -> Int {
        EndCause.Kind.allCases.firstIndex(of: kind).map { $0 < ends.count ? ends[$0] : 0 } ?? 0
    }

    mutating func count(_ kind: EndCause.Kind) {
        guard let index = EndCause.Kind.allCases.firstIndex(of: kind) else { return }
        if ends.count <= index { ends += Array(repeating: 0, count: index + 1 - ends.count) }
        ends[index] += 1
    }
}

/// All restarts that are remembered.
public struct RestartLedger: Hashable, Sendable {
    /// How many are kept.
    public static let limit = 200

    /// In the order in which their generations ended; at most ``limit``.
    public internal(set) var records: [RestartRecord]
    /// By group; they outlive the records.
    public internal(set) var tallies: [RepairTally]
    /// The leader of the newest term that is known.
    public internal(set) var leader: NodeID?

    public init(
        records: [RestartRecord] = [], tallies: [RepairTally] = [], leader: NodeID? = nil
    ) {
        self.records = records
        self.tallies = tallies
        self.leader = leader
    }

    public func tally(of group: GroupName) -> RepairTally {
        tallies.first { $0.group == group } ?? RepairTally(group: group)
    }

    /// The restart that a generation came from, or that its end has begun.
    public func last(of group: GroupName) -> RestartRecord? {
        records.last { $0.group == group }
    }

    /// The restart that this generation is the result of.
    public func record(of group: GroupName, launched generation: Generation) -> RestartRecord? {
        records.last { $0.group == group && $0.launched == generation }
    }

    // MARK: - What happens

    mutating func ended(_ record: RestartRecord) {
        records.append(record)
        if records.count > Self.limit { records.removeFirst(records.count - Self.limit) }
        change(record.group) { tally in
            tally.count(record.kind)
            switch record.kind {
            case .failure, .nodeLost:
                tally.outageSince = tally.outageSince ?? record.failedAt ?? record.detectedAt
            // Whoever orders an end does not wait for a repair.
            case .byOperator: tally.outageSince = nil
            case .planChanged, .dependency: break
            }
        }
    }

    mutating func launched(
        _ group: GroupName, _ generation: Generation, epoch: Epoch, stoppedAt: WallTime?,
        at time: WallTime
    ) {
        changeLast(of: group) { record in
            guard record.launched == nil, record.ended < generation else { return }
            record.launched = generation
            record.epoch = epoch
            record.stoppedAt = stoppedAt
            record.launchedAt = time
        }
    }

    mutating func serves(_ group: GroupName, _ generation: Generation, at time: WallTime) {
        changeLast(of: group) { record in
            if record.launched == generation { record.readyAt = time }
        }
        guard let since = tally(of: group).outageSince else { return }
        change(group) { tally in
            tally.outageSince = nil
            guard let took = RestartRecord.time(from: since, to: time) else { return }
            tally.repairs += 1
            tally.milliseconds += took.nanoseconds / 1_000_000
        }
    }

    mutating func diagnosed(
        _ group: GroupName, _ generation: Generation, _ diagnosis: FailureDiagnosis
    ) {
        changeLast(of: group) { record in
            if record.ended == generation { record.take(diagnosis) }
        }
    }

    private mutating func changeLast(of group: GroupName, _ body: (inout RestartRecord) -> Void) {
        guard let index = records.lastIndex(where: { $0.group == group }) else { return }
        body(&records[index])
    }

    /// Keeps the tallies sorted by group.
    private mutating func change(_ group: GroupName, _ body: (inout RepairTally) -> Void) {
        var tally = tally(of: group)
        body(&tally)
        let index = tallies.firstIndex { $0.group >= group } ?? tallies.endIndex
        if index < tallies.endIndex, tallies[index].group == group {
            tallies[index] = tally
        } else {
            tallies.insert(tally, at: index)
        }
    }
}

extension Duration {
    /// `0.3 s`.
    var secondsText: String {
        let tenths = nanoseconds / 100_000_000
        return "\(tenths / 10).\(tenths % 10) s"
    }
}

// MARK: - JSON

extension RestartRecord {
    /// The published form, Protocols/control.md.
    public var json: JSONValue {
        let seconds = Part.allCases.map { part in
            JSONValue.Member("\(part.rawValue)", Self.seconds(duration(of: part)))
        }
        return [
            "group": .string(group.name), "ended_generation": .integer(Int64(ended.value)),
            "generation": launched.map { .integer(Int64($0.value)) } ?? .null,
            "epoch": .integer(Int64(epoch.value)), "cause": .string(kind.rawValue),
            "why": .string(why), "node": JSONValue(node?.name), "rank": JSONValue(rank?.value),
            "failure": JSONValue(failure), "die": JSONValue(die), "asked_by": .string(asker),
            "failed_at": Self.text(failedAt), "detected_at": Self.text(detectedAt),
            "stopped_at": Self.text(stoppedAt), "launched_at": Self.text(launchedAt),
            "ready_at": Self.text(readyAt), "seconds": .object(seconds),
            "total_seconds": Self.seconds(total),
        ]
    }

    private static func text(_ time: WallTime?) -> JSONValue { JSONValue(time?.description) }

    private static func seconds(_ duration: Duration?) -> JSONValue {
        duration.map { .number(Double($0.nanoseconds / 1_000_000) / 1000) } ?? .null
    }
}

extension RepairTally {
    /// The member `repairs` of a group in the status.
    public var json: JSONValue {
        let mean = meanTimeToRepair.map { Double($0.nanoseconds / 1_000_000) / 1000 }
        let ends = EndCause.Kind.allCases.map {
            JSONValue.Member($0.rawValue, .integer(Int64(self.ends(by: $0))))
        }
        return [
            "count": .integer(Int64(repairs)), "mttr_seconds": mean.map { .number($0) } ?? .null,
            "ends": .object(ends),
        ]
    }
}

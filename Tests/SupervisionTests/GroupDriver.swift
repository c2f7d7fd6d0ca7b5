// One group under test, as its leader sees it: two ranks by default, changed as a test needs.

import Base
import Diagnosis
import Supervision

struct GroupDriver {
    static let policy = SupervisionPolicy()
    static let wallStart: Int64 = 1_795_547_128_120

    private var machine: GroupMachine
    private var generator: SeededGenerator
    var now = Instant.zero + .seconds(1000)
    var view: GroupView

    init(_ phase: GroupView.Phase, ranks: Int = 2, failures: Int = 0, seed: UInt64 = 1) {
        machine = GroupMachine(policy: Self.policy)
        generator = SeededGenerator(seed: seed)
        view = GroupView(
            phase: phase, generation: Generation(phase == .idle ? 0 : 3), failures: failures,
            isWanted: true, launchDiffers: false, prerequisite: nil,
            ranks: (0..<ranks).map { Self.rank($0, nil) }, leftovers: [])
    }

    /// A generation that serves, looked at once.
    static func serving(ranks: Int = 2, failures: Int = 0) -> GroupDriver {
        var group = GroupDriver(.running, ranks: ranks, failures: failures)
        group.view.hasServed = true
        for index in 0..<ranks { group.set(index, index == 0 ? .ready : .loading) }
        _ = group.decide()
        return group
    }

    static func rank(
        _ index: Int, _ state: ShardState?, since: Int64 = wallStart, absentSince: Instant? = nil,
        hostAnsweredAt: Instant? = nil, hasReported: Bool = true, why: String = "",
        logTail: [String] = [],
        endedAt: EndTime? = nil, progress: LoadingProgress? = nil, still: Sighting? = nil,
        clockAhead: Duration = .zero
    ) -> RankView {
        let shard = ShardID(
            group: GroupName("prefill-0"), generation: Generation(3), rank: NodeRank(index))
        let report = state.map {
            ShardReport(
                shard: shard, state: $0, processID: 1,
                since: WallTime(millisecondsSinceEpoch: since), why: why, logTail: logTail,
                endedAt: endedAt, progress: progress)
        }
        return RankView(
            node: NodeID("node-\(index + 1)"), rank: NodeRank(index), absentSince: absentSince,
            hostAnsweredAt: hostAnsweredAt, hasReported: hasReported, report: report,
            still: still, clockAhead: clockAhead)
    }

    mutating func set(
        _ index: Int, _ state: ShardState?, after: Duration = .zero, hasReported: Bool = true,
        why: String = "", logTail: [String] = [], endedAfterMicroseconds: Int64? = nil,
        progress: LoadingProgress? = nil, clockAhead: Duration = .zero
    ) {
        view.ranks[index] = Self.rank(
            index, state, since: Self.wallStart + after.nanoseconds / 1_000_000,
            hasReported: hasReported, why: why, logTail: logTail,
            endedAt: endedAfterMicroseconds.map {
                EndTime(microsecondsSinceEpoch: Self.wallStart * 1000 + $0)
            }, progress: progress, clockAhead: clockAhead)
    }

    /// The node of a rank is gone; its last report goes with it, as the leader forgets it.
    mutating func lose(_ index: Int, since: Instant? = nil, hostAnswers: Bool = false) {
        view.ranks[index] = Self.rank(
            index, nil, absentSince: since ?? now, hostAnsweredAt: hostAnswers ? now : nil,
            hasReported: false)
    }

    /// Its agent is gone as before, and its host says so again.
    mutating func hostAnswers(_ index: Int) {
        lose(index, since: view.ranks[index].absentSince, hostAnswers: true)
    }

    mutating func decide() -> GroupDecision {
        machine.decide(view, at: now, using: &generator)
    }

    mutating func decide(after duration: Duration) -> GroupDecision {
        now = now + duration
        return decide()
    }

    mutating func engineAnswers(_ result: ProbeResult) {
        machine.masterProbed(result, at: now)
    }

    var nextDeadline: Instant? { machine.nextDeadline }

    /// A new leader has an empty memory.
    mutating func changeLeader(to policy: SupervisionPolicy = Self.policy) {
        machine = GroupMachine(policy: policy)
    }
}

extension GroupDecision {
    /// The cause, where the decision is to end the generation.
    var end: EndCause? {
        if case .end(let cause, _) = proposal { cause } else { nil }
    }

    var isTerminal: Bool {
        if case .end(_, let isTerminal) = proposal { isTerminal } else { false }
    }

    var isLaunch: Bool {
        if case .launch = proposal { true } else { false }
    }
}

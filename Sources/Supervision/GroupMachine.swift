// The leader's judgement of one group: launch it, end it, or leave it alone. It is a gang: one rank
// lost ends the generation on every node, and the next starts on all of them together. Between
// "a node is gone" and the end of a generation stands the stable-view gate: while the engine still
// answers, only the agent is gone, and a wrong restart would cost half an hour.

public import Base
import Diagnosis

/// What a leader remembers of one group. A new leader starts with an empty memory and learns the rest
/// from reports; what must survive it (generation, failures) is agreed on, not remembered.
public struct GroupMachine: Hashable, Sendable {
    let policy: SupervisionPolicy
    /// Which generation the rest of this memory is about.
    private var generation = Generation.none
    private var firstFailureSeen: Instant?
    private var servingSince: Instant?
    private var launchAt: Instant?
    /// How far each rank's load was when one last moved.
    private var loads: [LoadingProgress?] = []
    private(set) var movedAt: Instant?
    private var obstructedSince: Instant?
    /// Since when no shard of the generation before is left, as far as this leader knows.
    public private(set) var goneSince: Instant?
    private(set) var masterAnswered: Instant?
    var masterAsked: Instant?
    /// What came of the last question to rank 0; nil before the first, and while one is under way.
    var masterResult: ProbeResult?
    /// Since when a node is gone without a word from rank 0 that it serves.
    var doubtedSince: Instant?
    /// When to look again though nothing happens.
    public private(set) var nextDeadline: Instant?

    public init(policy: SupervisionPolicy) {
        self.policy = policy
    }

    /// The engine answered, or not, when asked from the leader's own node.
    public mutating func masterProbed(_ result: ProbeResult, at now: Instant) {
        masterResult = result
        switch result {
        case .answers, .idle: masterAnswered = now
        case .starting, .failing, .unreachable: break
        }
    }

    public mutating func decide(
        _ view: GroupView, at now: Instant, using generator: inout SeededGenerator
    ) -> GroupDecision {
        if view.generation != generation {
            self = GroupMachine(policy: policy)
            generation = view.generation
        }
        nextDeadline = nil
        switch view.phase {
        case .running: return decideRunning(view, at: now)
        case .failed(let cause):
            return GroupDecision(
                .failed,
                why: "given up after \(view.failures) failures: \(cause.why); "
                    + "an operator must restart it")
        case .idle: return decideLaunch(view, after: nil, at: now, using: &generator)
        case .ended(let cause):
            return decideLaunch(view, after: cause, at: now, using: &generator)
        }
    }

    mutating func lookAgain(at instant: Instant) {
        nextDeadline = min(nextDeadline ?? instant, instant)
    }

    // MARK: - A generation that runs

    private mutating func decideRunning(_ view: GroupView, at now: Instant) -> GroupDecision {
        // A group that has left the plan is unwanted too, but not by the operator's word.
        if view.launchDiffers, view.heldBack == nil {
            return end(view, EndCause(.planChanged, why: view.whyDiffers ?? "the plan has changed"))
        }
        if !view.isWanted {
            return end(view, EndCause(.byOperator, why: "stopped by the operator"))
        }
        if let lost = view.lostDependency { return end(view, lost) }
        let absent = view.ranks.filter { $0.absentSince != nil }
        if view.ranks.contains(where: \.hasFallen) {
            return decideFailed(view, absent: absent, at: now)
        }
        if let stuck = view.ranks.first(where: { $0.report?.state == .unresponsive }) {
            return end(view, cause(ofHang: stuck, in: view, absent: absent, at: now))
        }
        if !absent.isEmpty { return decideAbsent(view, absent, at: now) }
        doubtedSince = nil
        let master = view.ranks.first
        if let master, !master.hasReported {
            var decision = GroupDecision(
                .waiting, why: "for the first report of \(master.node)")
            decision.mayServe = true
            return decision
        }
        guard master?.report?.state == .ready else {
            servingSince = nil
            return decideStarting(view, at: now)
        }
        return decideServing(view, at: now)
    }

    /// A load that moves on any rank is left alone up to the limit that its own node keeps, and not
    /// beyond: whoever reads the configuration must be able to rely on that limit. One that has moved and
    /// does not any more is stuck.
    private mutating func decideStarting(_ view: GroupView, at now: Instant) -> GroupDecision {
        let starting = GroupDecision(.starting, why: startingText(view))
        noteLoads(view, at: now)
        guard let stuck = view.ranks.laggard, let movedAt else { return starting }
        let limit = movedAt + policy.loadStall
        guard limit <= now else { return decideStanding(starting, stuck, since: movedAt, at: now) }
        let culprit = view.ranks.still ?? stuck
        let how =
            culprit.stillText
            ?? "rank \(stuck.rank) on \(stuck.node) is stuck in its load: "
            + (stuck.report?.progress?.text ?? "no word of it")
        return end(
            view,
            EndCause(
                .failure,
                why: "\(how), and no rank has moved for \(policy.loadStall.wholeSeconds)",
                node: culprit.node, rank: culprit.rank, logTail: culprit.report?.logTail ?? []))
    }

    /// Half of the limit without a step is worth a word, and a look into every log.
    private mutating func decideStanding(
        _ starting: GroupDecision, _ stuck: RankView, since moved: Instant, at now: Instant
    ) -> GroupDecision {
        let limit = moved + policy.loadStall
        let worthTelling = moved + policy.loadStall / 2
        guard worthTelling <= now else {
            lookAgain(at: worthTelling)
            return starting
        }
        lookAgain(at: limit)
        var decision = GroupDecision(
            .degraded,
            why: "no rank has moved for a while; rank \(stuck.rank) on \(stuck.node) is least far "
                + "(\(stuck.report?.progress?.text ?? "no word of it")), and is waited for")
        decision.until = limit
        return decision
    }

    mutating func noteLoads(_ view: GroupView, at now: Instant) {
        let loads = view.ranks.map { $0.report?.progress }
        guard loads != self.loads || movedAt == nil else { return }
        self.loads = loads
        movedAt = now
    }

    private mutating func decideServing(_ view: GroupView, at now: Instant) -> GroupDecision {
        let since = servingSince ?? now
        servingSince = since
        let held = view.launchDiffers ? view.heldBack : nil
        var decision = GroupDecision(.ready, why: held.map { "its change waits: \($0)" } ?? "")
        decision.serves = true
        if let master = view.ranks.first, let why = master.report?.why, !why.isEmpty {
            // Who does not answer may have nothing wrong with it.
            guard let still = view.ranks.still, let text = still.stillText else {
                return GroupDecision(.degraded, why: "rank 0 on \(master.node) \(why)")
            }
            // Before it fails to answer, it says the same of itself.
            let silence = still.still?.line == why ? "" : "; rank 0 on \(master.node) \(why)"
            return GroupDecision(.degraded, why: text + silence)
        }
        guard view.failures > 0 else { return decision }
        let settles = since + policy.settleAfter
        if settles <= now { decision.proposal = .settle } else { lookAgain(at: settles) }
        return decision
    }

    /// A rank has ended. The first one is waited out for a moment, since the ranks that fall after
    /// it may be heard of before it.
    private mutating func decideFailed(
        _ view: GroupView, absent: [RankView], at now: Instant
    ) -> GroupDecision {
        let since = firstFailureSeen ?? now
        firstFailureSeen = since
        let collected = since + policy.collectWindow
        let ended = view.ranks.filter(\.hasFallen)
        guard collected <= now || ended.count + absent.count == view.ranks.count else {
            lookAgain(at: collected)
            return GroupDecision(.stopping, why: "a rank has ended; the others are looked at")
        }
        let first = ended.min { ($0.fellAt, $0.rank) < ($1.fellAt, $1.rank) }
        return end(view, cause(of: first ?? view.ranks[0], absent: absent, at: now))
    }

    func end(_ view: GroupView, _ cause: EndCause) -> GroupDecision {
        let isTerminal = cause.isFailure && view.failures + 1 >= policy.restartBudget
        return GroupDecision(
            .stopping, why: cause.why, proposal: .end(cause, isTerminal: isTerminal))
    }

    private func startingText(_ view: GroupView) -> String {
        if let blocked = view.ranks.first(where: { $0.report?.state == .waiting }) {
            let why = blocked.report?.why ?? ""
            return "rank \(blocked.rank) on \(blocked.node) waits" + (why.isEmpty ? "" : ": \(why)")
        }
        return view.ranks.first?.report?.why ?? ""
    }

    // MARK: - Before a launch

    private mutating func decideLaunch(
        _ view: GroupView, after cause: EndCause?, at now: Instant,
        using generator: inout SeededGenerator
    ) -> GroupDecision {
        let reason = reason(after: cause)
        if !view.leftovers.isEmpty {
            goneSince = nil
            let shards = view.leftovers.joined(separator: ", ")
            return GroupDecision(.stopping, why: "\(shards) still to end\(reason)")
        }
        let gone = goneSince ?? now
        goneSince = gone
        guard view.isWanted else { return GroupDecision(.stopped) }
        if let absent = view.ranks.first(where: { $0.absentSince != nil }) {
            let takeover = view.takeover.map { "; \($0)" } ?? ""
            return GroupDecision(
                .waiting,
                why: "for \(absent.node), which holds rank \(absent.rank)\(takeover)\(reason)")
        }
        if let silent = view.ranks.first(where: { !$0.hasReported }) {
            return GroupDecision(.waiting, why: "for the first report of \(silent.node)\(reason)")
        }
        if view.failures > 0 {
            let due =
                launchAt
                ?? now + policy.backoff.delay(attempt: view.failures, using: &generator)
            launchAt = due
            if now < due {
                var decision = GroupDecision(
                    .backoff, why: backoffText(view.failures, after: cause))
                decision.launchAt = due
                let wait = due - now
                decision.isLaunchNear = wait <= policy.gateLead
                lookAgain(at: wait <= policy.gateLead ? due : now + (wait - policy.gateLead))
                return decision
            }
        }
        var decision = decideUnhindered(view, after: cause, goneSince: gone, at: now)
        decision.isLaunchNear = true
        return decision
    }

    /// What was meant, or befell another, is no failure, though those before it still delay the launch.
    private func backoffText(_ failures: Int, after cause: EndCause?) -> String {
        let count = "failure \(failures) of \(policy.restartBudget)"
        guard let cause, !cause.isFailure else { return count + reason(after: cause) }
        return "\(count) before; ended since: \(cause.why)"
    }

    private func reason(after cause: EndCause?) -> String {
        cause.map { " after: \($0.why)" } ?? ""
    }

    /// Everybody is there, and no failure delays it.
    private mutating func decideUnhindered(
        _ view: GroupView, after cause: EndCause?, goneSince gone: Instant, at now: Instant
    ) -> GroupDecision {
        if let prerequisite = view.prerequisite {
            return GroupDecision(.waiting, why: prerequisite)
        }
        if let silence = view.silence, now < gone + silence {
            lookAgain(at: gone + silence)
            return GroupDecision(
                .waiting,
                why: "until decode has noticed that the generation before is gone, "
                    + "\(silence.wholeSeconds) after its end" + reason(after: cause))
        }
        if let obstacle = view.obstacle { return decideObstructed(obstacle, at: now) }
        obstructedSince = nil
        return GroupDecision(.starting, proposal: .launch(why: launchText(after: cause)))
    }

    /// Dies and ports that an engine has let go of are free within moments. What is longer in the way
    /// is not ours, or hangs in the driver: it is waited for all the same, but told as what it is.
    private mutating func decideObstructed(
        _ obstacle: String, at now: Instant
    ) -> GroupDecision {
        let since = obstructedSince ?? now
        obstructedSince = since
        let problem = since + policy.obstacleLimit
        guard problem <= now else {
            lookAgain(at: problem)
            return GroupDecision(.waiting, why: obstacle)
        }
        var decision = GroupDecision(
            .waiting,
            why: "\(obstacle); this does not clear by itself, an operator must see to it "
                + "(in the way for over \(policy.obstacleLimit.wholeSeconds))")
        decision.needsOperator = true
        return decision
    }

    private func launchText(after cause: EndCause?) -> String {
        guard let cause else { return "first launch" }
        return cause.kind == .byOperator
            ? "launched again by the operator's order" : "launched again after: \(cause.why)"
    }
}

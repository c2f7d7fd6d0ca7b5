// A node of a group is out of sight. Mostly only its agent is gone, is upgraded or restarted, and its
// engine goes on; a wrong end costs half an hour of loading, and a late one a minute. So what is known
// decides how long it is waited for: whether the engine answers, whether it has ever served, and whether
// the node's host says that only the agent is gone. And a rank that falls meanwhile is judged by its own
// log, unless the absence is fresh and nobody answers there.

import Base
import Diagnosis

extension GroupMachine {
    /// Nodes are gone, but no rank has ended. The gate opens only after this leader itself has doubted for
    /// the whole time: when a new leader first looks, or the agent of rank 0 has just come back, a node
    /// may be gone for hours and the engine serve. Where the agent of rank 0 does not say that it serves,
    /// the engine itself is asked.
    mutating func decideAbsent(
        _ view: GroupView, _ absent: [RankView], at now: Instant
    ) -> GroupDecision {
        let master = view.ranks.first
        let nodes = absent.map(\.node.name).joined(separator: ", ")
        var answers = GroupDecision(
            .degraded, why: "the agent of \(nodes) is out of reach; \(GroupDecision.answers)")
        answers.serves = true
        if master?.absentSince == nil, master?.report?.state == .ready {
            doubtedSince = nil
            guard let why = master?.report?.why, !why.isEmpty else { return answers }
            return GroupDecision(
                .degraded, why: "the agent of \(nodes) is out of reach; rank 0 \(why)")
        }
        let doubted = doubtedSince ?? now
        doubtedSince = doubted
        noteLoads(view, at: now)
        if let answered = masterAnswered, now - answered < policy.stableView {
            answers.probesMaster = asks(at: now)
            return answers
        }
        let waits = absent.map {
            view.hasServed
                ? servingWait(for: $0, doubted) : loadWait(for: $0, view, doubted, at: now)
        }
        guard let wait = waits.min(by: { $0.gate < $1.gate }) else { return answers }
        guard wait.gate <= now else {
            lookAgain(at: wait.gate)
            var decision = GroupDecision(
                .degraded, why: wait.why, probesMaster: asks(at: now))
            decision.until = wait.limit
            decision.then = view.takeover
            decision.mayServe = masterResult == nil
            return decision
        }
        let stall = " and no rank has moved for \(policy.loadStall.wholeSeconds)"
        return end(view, loss(of: wait.rank, wait.isStuck ? stall : ""))
    }

    /// What an absent node is waited for.
    private struct Wait {
        let rank: RankView
        /// When to judge it.
        let gate: Instant
        /// The latest at which its generation ends, as things stand.
        let limit: Instant
        let why: String
        var isStuck = false
    }

    /// When a node that is gone ends a generation that has served. Where somebody takes connections at
    /// rank 0 but does not answer well, the engine lives and is busy or sick: it has as long as it would
    /// have with its agent beside it. A question under way is waited out.
    private func servingWait(for lost: RankView, _ doubted: Instant) -> Wait {
        let since = max(lost.absentSince ?? doubted, doubted)
        let silent = max(since, masterAnswered ?? since)
        let gate =
            switch masterResult {
            case .answers, .unreachable: silent + policy.stableView
            case .starting, .failing, .idle: silent + policy.unresponsiveAfter
            case nil:
                max(silent + policy.stableView, (masterAsked ?? doubted) + policy.probeLimit * 2)
            }
        let engine =
            masterResult == nil ? "the engine is being asked" : "the engine does not answer"
        return Wait(
            rank: lost, gate: gate, limit: gate,
            why: "\(lost.node) is out of reach, and \(engine); it is waited for")
    }

    /// When it ends a load. An engine that loads answers nobody, so its silence says nothing. Where its
    /// host says that only the agent is gone, the load is waited for as if the agent were there: while
    /// it moves on the ranks that are heard, and no longer than the load limit. A node that says nothing
    /// at all has as long as an engine that says nothing.
    private mutating func loadWait(
        for lost: RankView, _ view: GroupView, _ doubted: Instant, at now: Instant
    ) -> Wait {
        let since = max(lost.absentSince ?? doubted, doubted)
        let silent = max(since, lost.hostAnsweredAt ?? since) + policy.unresponsiveAfter
        let heard = view.ranks.filter { $0.absentSince == nil }
        let moved = max(movedAt ?? doubted, doubted)
        let stalls = heard.laggard.map { _ in moved + policy.loadStall }
        let limit = min(doubted + policy.loadLimit, stalls ?? doubted + policy.loadLimit)
        guard lost.hostAnswers(at: now) else {
            let gate = min(silent, limit)
            return Wait(
                rank: lost, gate: gate, limit: gate,
                why: "\(lost.node) says nothing while the engine loads; it is waited for",
                isStuck: silent > limit)
        }
        lookAgain(at: now + RankView.hostWord)
        return Wait(
            rank: lost, gate: min(silent, limit), limit: limit,
            why: "the agent of \(lost.node) is gone, its host answers; the load is waited for"
                + (stalls == nil ? "" : " while it moves"),
            isStuck: stalls == limit)
    }

    /// Whether the engine should be asked now; it is asked again an interval later, and at least twice
    /// while an answer counts. A question that got no answer at all is given up in the end.
    private mutating func asks(at now: Instant) -> Bool {
        let interval = min(policy.livenessInterval, policy.stableView / 2)
        let patience = masterResult == nil ? policy.probeLimit * 2 : interval
        let due = masterAsked.map { $0 + patience } ?? now
        guard due <= now else {
            lookAgain(at: due)
            return false
        }
        masterAsked = now
        masterResult = nil
        lookAgain(at: now + interval)
        return true
    }

    // MARK: - Who is blamed

    /// Why a generation ends in which this rank fell. Nodes that are out of sight are blamed for it only
    /// where that can be: not one whose host says that its agent alone is gone, and not one without which
    /// the engine went on for longer than a hang takes to be seen.
    func cause(of fallen: RankView, absent: [RankView], at now: Instant) -> EndCause {
        let limit = policy.unresponsiveAfter + policy.probeLimit
        let suspect = absent.first { rank in
            guard let since = rank.absentSince, now - since <= limit else { return false }
            return !rank.hostAnswers(at: now)
        }
        if let suspect { return loss(of: suspect, "; " + text(of: fallen)) }
        let others = absent.map { rank in
            let since = rank.absentSince.map { " for \((now - $0).wholeSeconds)" } ?? ""
            return "; the agent of \(rank.node) (rank \(rank.rank)) is out of reach\(since)"
        }
        return EndCause(
            .failure, why: text(of: fallen) + others.joined(), node: fallen.node,
            rank: fallen.rank, logTail: fallen.report?.logTail ?? [])
    }

    private func text(of fallen: RankView) -> String {
        let why = fallen.report?.why ?? ""
        let happened = fallen.report?.state == .unresponsive ? why : "ended: \(why)"
        return "rank \(fallen.rank) on \(fallen.node) \(happened)"
    }

    private func loss(of rank: RankView, _ more: String) -> EndCause {
        EndCause(
            .nodeLost, why: "\(rank.node), which held rank \(rank.rank), is gone" + more,
            node: rank.node, rank: rank.rank)
    }
}

extension [RankView] {
    /// The rank whose load is least far; nil while the silence of the logs says nothing: before they
    /// have told anything, while a rank has not begun, and once rank 0 warms up, which SGLang limits.
    var laggard: RankView? {
        let master = first { $0.rank == .master }
        guard contains(where: { $0.report?.progress != nil }),
            allSatisfy({ $0.report?.state == .loading }),
            master?.report?.progress.map({ $0.phase < .warmup }) ?? true
        else { return nil }
        return self.min { one, other in
            guard let other = other.report?.progress else { return false }
            guard let one = one.report?.progress else { return true }
            return (one.phase, one.fraction ?? 0) < (other.phase, other.fraction ?? 0)
        }
    }
}

// How a group is, as this node can say it. The leader's word is repeated only while there is one: an engine
// that answered a minute ago may be dead, and then whoever reads must see that nobody asks any more.

import Base
import ClusterState
import Consensus
import Supervision
import WireProtocol

/// What a node tells of a group.
struct GroupJudgement {
    var condition: GroupCondition
    var why: String
    var standing: ClusterStatus.Standing
}

extension NodeMachine {
    func judgement(of record: GroupRecord, at now: Instant) -> GroupJudgement {
        let summary = view.groups.first { $0.group == record.name }
        var judgement = summary.map { told($0) } ?? unseen(record)
        judgement.standing.isStale = !consensus.hasQuorum
        guard let summary else { return judgement }
        judgement.standing.ageSeconds = viewReceivedAt.map { (now - $0).inSeconds }
        if judgement.standing.isStale { grow(&judgement, old: summary, record, at: now) }
        return judgement
    }

    private func told(_ summary: GroupSummary) -> GroupJudgement {
        // A leader of an older version tells no more than the condition.
        let serves = summary.serves ?? (summary.condition == .ready ? true : nil)
        return GroupJudgement(
            condition: summary.condition, why: summary.why,
            standing: ClusterStatus.Standing(serving: serves, nextLaunch: summary.launchAt))
    }

    private func unseen(_ record: GroupRecord) -> GroupJudgement {
        let (condition, why): (GroupCondition, String) =
            switch record.phase {
            case .idle: (.waiting, "for the leader")
            case .running: (.starting, "not seen by a leader yet")
            case .ended(let cause): (.stopping, cause.why)
            case .failed(let cause): (.failed, cause.why)
            }
        return GroupJudgement(
            condition: condition, why: why,
            standing: ClusterStatus.Standing(serving: record.phase == .running ? nil : false))
    }

    /// What was seen of a generation that runs is old. Its own rank 0 a node goes on asking.
    private func grow(
        _ judgement: inout GroupJudgement, old summary: GroupSummary, _ record: GroupRecord,
        at now: Instant
    ) {
        judgement.standing.nextLaunch = nil
        guard record.phase == .running else { return }
        let age = viewReceivedAt.map { (now - $0).wholeSeconds } ?? "some time"
        let answered = "it answered \(age) ago, nobody asks now"
        judgement.standing.serving = nil
        let master = ShardID(
            group: record.name, generation: record.generation, rank: .master)
        if let own = shards[master]?.report, own.state == .ready || own.state == .unresponsive {
            let answers = own.state == .ready && own.why.isEmpty
            judgement.standing.serving = answers
            judgement.why =
                answers ? "rank 0 is here and answers; no leader looks" : "rank 0 \(own.why)"
        } else if summary.condition == .ready {
            judgement.why = answered
        } else if let place = judgement.why.firstRange(of: GroupDecision.answers) {
            judgement.why.replaceSubrange(place, with: answered)
        } else {
            let why = judgement.why.isEmpty ? "" : "\(judgement.why); "
            judgement.why = "\(why)seen \(age) ago, nobody looks now"
        }
    }

    /// Whether requests are answered: by the router, and by a group of every role. A store alone answers none.
    func serving(_ groups: [ClusterStatus.Group], _ router: ClusterStatus.Router?) -> Bool? {
        let engines = groups.filter { $0.role != "store" }
        guard !engines.isEmpty else { return false }
        let ofRoles = engines.map { group in
            engines.filter { $0.role == group.role }.map(\.standing.serving).anyHolds
        }
        return (ofRoles + (router.map { [$0.standing.serving] } ?? [])).allHold
    }

    /// Whether the engine of a group answers, as its leader can tell.
    func serves(_ decision: GroupDecision, _ group: GroupName) -> Bool? {
        decision.serves ? true : decision.mayServe && hasServed(group) ? nil : false
    }
}

extension [Bool?] {
    /// True where one is, and not known where one may be.
    fileprivate var anyHolds: Bool? { contains(true) ? true : contains(nil) ? nil : false }

    /// False where one is, and not known where one may be.
    fileprivate var allHold: Bool? { contains(false) ? false : contains(nil) ? nil : true }
}

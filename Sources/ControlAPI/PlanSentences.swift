// The reasons of a plan in words, one sentence for each rank and each node without one.

import Base
import Planning

extension PlanExplanation {
    /// The member `explanation` of `GET /v1/plan`.
    var sentences: [String] {
        ranks.flatMap(\.sentences) + idle.map(\.sentence)
            + ended.map { "\($0) ends: the profile has it no longer" }
    }
}

extension PlanExplanation.Rank {
    fileprivate var sentences: [String] {
        let what = role.isEngine ? "\(group) rank \(rank)" : "\(group)"
        let told = "\(what): \(why)"
        guard isWaitedFor else { return [told] }
        return [told, "\(what) waits for \(node), which is gone, or for a spare"]
    }

    private var why: String {
        switch reason {
        case .configuredOrder: "\(node), the next in the configured order with room"
        case .besideMaster(let master): "\(node), beside rank 0 of \(master)"
        case .kept: "\(node) keeps it"
        case .moved(let before, let loss): "\(node) takes it from \(before), \(loss.text)"
        case .forgotten: "\(node); why is forgotten, its events may tell"
        }
    }
}

extension PlanExplanation.Loss {
    fileprivate var text: String {
        switch self {
        case .notConfigured: "which is not configured any more"
        case .unusable: "which was not usable"
        case .drained: "which is drained"
        case .noRoom: "which has no room for it any more"
        }
    }
}

extension PlanExplanation.IdleNode {
    fileprivate var sentence: String {
        if isCordoned {
            return "\(node) has no rank: an operator keeps it out (glm-agent uncordon \(node))"
        }
        return isSpare
            ? "\(node) is a spare: every rank has a node"
            : "\(node) has no rank: it was not usable when this was planned"
    }
}

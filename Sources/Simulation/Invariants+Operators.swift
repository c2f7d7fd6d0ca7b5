// What operators ask, and what they are answered.

import Base
import ClusterState
import Consensus
import Node
import Planning
import WireProtocol

extension Invariants {
    mutating func operatorTouched(_ group: GroupName?) {
        guard let group else {
            everythingTouched = true
            return
        }
        touched.insert(group)
    }

    /// Everything has found together since: what operators have asked until now excuses nothing that comes.
    mutating func excusesNothingMore() {
        touched = []
        everythingTouched = false
        oneFileIsEnough = false
        filesHaveChanged = false
        maintenance.drained = []
    }

    /// An operator asks that a node be emptied.
    mutating func drains(_ node: NodeID) { maintenance.drained.insert(node) }

    mutating func asked(
        _ id: RequestID, _ request: OperatorRequest, of node: NodeID, at now: Instant
    ) {
        questions[id] = Question(
            node: node, askedAt: now, request: request, after: highestAgreed)
        if request == .apply { oneFileIsEnough = true }
        if case .propose(.apply) = request { oneFileIsEnough = true }
    }

    /// A request is answered once, and with what it asked for.
    mutating func answered(_ id: RequestID, _ answer: PeerAnswer) {
        guard let question = questions.removeValue(forKey: id) else {
            broken("request \(id.value) is answered twice")
            return
        }
        switch (question.request, answer) {
        case (_, .refused): break
        case (.log(let shard, _, _), .log(let text, _)):
            let group = shard.prefix { $0 != "/" }
            guard !text.hasPrefix("log of \(group)") else { return }
            broken("request \(id.value) for the log of \(shard) is answered with another: \(text)")
        case (.propose(let action), .accepted(let text)):
            let isAgreed = committed.values.contains {
                $0.index > question.after && $0.action == action
            }
            if case .restart(let group) = action,
                !plans.values.contains(where: { $0.group(group) != nil })
            {
                broken("request \(id.value) to restart \(group) is answered as accepted (\(text))")
            }
            if !isAgreed {
                broken(
                    "request \(id.value) is answered as accepted (\(text)), and nothing is agreed")
            }
        case (.members(let order), .accepted(let text)):
            guard let action = order.action else { return }
            let isAgreed = committed.values.contains {
                $0.index > question.after && $0.action == action
            }
            if !isAgreed {
                broken(
                    "request \(id.value), \(order), is answered (\(text)), and nothing is agreed")
            }
        case (.apply, .accepted), (.examine, .document), (.inventory, .document),
            (.compare, .document):
            break
        case (.confirm, .confirmed(let index)):
            guard index < question.after else { return }
            broken(
                "request \(id.value) is confirmed up to \(index), and \(question.after) was agreed on "
                    + "when it was asked")
        case (.log, _), (.propose, _), (.apply, _), (.examine, _), (.inventory, _), (.compare, _),
            (.members, _), (.confirm, _):
            broken("request \(id.value) is answered with another's answer")
        }
    }

    mutating func lifeEnded(_ node: NodeID) {
        questions = questions.filter { $0.value.node != node }
    }
}

// What the maintenance of nodes must never do, read off the log as it is agreed on: the same commands in the
// same order that every node applies.

import Base
import ClusterState
import Planning

struct MaintenanceWatch {
    /// Nodes that an operator has ever asked to be drained: what they held may end for it.
    var drained: Set<NodeID> = []
    private var cordoned: Set<NodeID> = []
    private var turns = TurnWatch()
    private var plan: Plan?
    /// The nodes of the cluster; nil as long as the files rule.
    private var members: Set<NodeID>?
    /// Every node that was ever removed: what it held ends for it, whatever else changes.
    private var departed: Set<NodeID> = []
    /// Plans in the log that must not have taken effect, and why.
    private var forbidden: [Plan: String] = [:]

    /// A command is agreed on. Each is noted once, in the order of the log.
    /// - Returns: what it breaks.
    mutating func agreed(_ action: Command.Action?) -> String? {
        let sentence = turns.agreed(action, plan, departed)
        switch action {
        case .cordon(let node, _): cordoned.insert(node)
        case .uncordon(let node): cordoned.remove(node)
        case .enrol(let nodes): members = members ?? Set(nodes.map(\.node))
        case .admit(let node): members?.insert(node.node)
        case .dismiss(let node):
            members?.remove(node)
            departed.insert(node)
            cordoned.remove(node)
        case .plan(let next): planned(next)
        default: break
        }
        return sentence
    }

    private mutating func planned(_ next: Plan) {
        let epoch = plan?.epoch ?? .none
        // One that comes too late changes nothing; where a part of the log was not seen, nothing is known.
        guard next.epoch > epoch else { return }
        // One with a node that was removed changes nothing either.
        let ranks = next.groups.flatMap(\.ranks)
        if let members, ranks.contains(where: { !members.contains($0.node) }) { return }
        if next.epoch == epoch.next, let sentence = newRank(in: next) {
            forbidden[next] = sentence
        } else {
            plan = next
        }
    }

    /// A cordoned node gets no rank that it does not hold; so a drained node that holds none gets none.
    private func newRank(in next: Plan) -> String? {
        for node in cordoned.sorted() {
            for group in next.groups where group.role != .store {
                guard let rank = group.rank(of: node),
                    plan?.group(group.name)?.rank(of: node) != rank
                else { continue }
                return "\(node) is cordoned, and epoch \(next.epoch) gives it rank \(rank) of "
                    + "\(group.name)"
            }
        }
        return nil
    }

    /// Why the plan that is in force must not be.
    func violation(of plan: Plan) -> String? { forbidden[plan] }

    /// Whether a generation may end because of an operator's drain.
    func excuses(_ launched: PlannedGroup?) -> Bool {
        launched?.ranks.contains { drained.contains($0.node) } ?? false
    }
}

// Why a plan is as it is: for every rank the rule of `Planner` that gave it its node, and for every
// node without a rank why it has none. It is found by comparing the plan with the one before it and
// with the configured nodes, so whoever knows these three knows it.

public import Base

/// The reasons of a plan.
public struct PlanExplanation: Hashable, Sendable {
    /// Which rule gave a rank its node.
    public enum Reason: Hashable, Sendable {
        /// The first usable node with room, in the configured order.
        case configuredOrder
        /// The router or the store, on a node of this group's rank 0.
        case besideMaster(of: GroupName)
        /// It held the rank in the plan before.
        case kept
        case moved(from: NodeID, because: Loss)
        /// There was a plan before, and it is not known here any more.
        case forgotten
    }

    /// Why a node has lost a rank.
    public enum Loss: Hashable, Sendable {
        case notConfigured
        /// It was not usable when this was planned.
        case unusable
        case drained
        /// Other ranks of it have taken the devices or the ports.
        case noRoom
    }

    /// One rank, or the router.
    public struct Rank: Hashable, Sendable {
        public let group: GroupName
        public let role: Role
        public let rank: NodeRank
        public let node: NodeID
        public let reason: Reason
        /// The node is not usable now: the group waits for it, or for a spare.
        public let isWaitedFor: Bool
    }

    /// A configured node without an engine.
    public struct IdleNode: Hashable, Sendable {
        public let node: NodeID
        /// False where it was not usable when this was planned.
        public let isSpare: Bool
        /// An operator keeps it out now.
        public let isCordoned: Bool
    }

    /// In the order of the plan.
    public let ranks: [Rank]
    /// In the configured order.
    public let idle: [IdleNode]
    /// Groups of the plan before that this one has no more.
    public let ended: [GroupName]

    /// Compares the three.
    ///
    /// - Parameters:
    ///   - plan: what to explain.
    ///   - previous: the plan before it; nil where there was none or it is not known.
    ///   - candidates: the configured nodes in their order, and whether each is usable now.
    public init(plan: Plan, previous: Plan?, candidates: [Candidate]) {
        let comparison = Comparison(
            plan: plan, previous: previous, configured: Set(candidates.map(\.node)),
            drained: Set(candidates.filter { $0.standing == .draining }.map(\.node)))
        let closed = Set(candidates.filter { $0.standing != .open }.map(\.node))
        let usable = Set(candidates.filter(\.isUsable).map(\.node))
        ranks = plan.groups.flatMap { group in
            group.ranks.enumerated().map { rank, holder in
                Rank(
                    group: group.name, role: group.role, rank: NodeRank(rank), node: holder.node,
                    reason: comparison.reason(group, rank),
                    isWaitedFor: !usable.contains(holder.node))
            }
        }
        let holders = Set(plan.groups.filter { $0.role.isEngine }.flatMap(\.nodes))
        idle = candidates.map(\.node).filter { !holders.contains($0) }.map { node in
            IdleNode(
                node: node, isSpare: plan.spares.contains(node), isCordoned: closed.contains(node))
        }
        ended = (previous?.groups ?? []).map(\.name).filter { plan.group($0) == nil }
    }
}

private struct Comparison {
    let plan: Plan
    let previous: Plan?
    let configured: Set<NodeID>
    let drained: Set<NodeID>

    func reason(_ group: PlannedGroup, _ rank: Int) -> PlanExplanation.Reason {
        let node = group.ranks[rank].node
        guard let before = holder(of: group.name, rank) else {
            if previous == nil, plan.epoch != Epoch.none.next { return .forgotten }
            return group.role.isEngine ? .configuredOrder : placeBesideMaster(node)
        }
        return before == node ? .kept : .moved(from: before, because: loss(of: before))
    }

    private func holder(of group: GroupName, _ rank: Int) -> NodeID? {
        guard let nodes = previous?.group(group)?.nodes, rank < nodes.count else { return nil }
        return nodes[rank]
    }

    private func placeBesideMaster(_ node: NodeID) -> PlanExplanation.Reason {
        let master = plan.groups.first { $0.role == .prefill && $0.nodes.first == node }
        return master.map { .besideMaster(of: $0.name) } ?? .configuredOrder
    }

    /// A usable node loses a rank only to other ranks of its own.
    private func loss(of node: NodeID) -> PlanExplanation.Loss {
        guard configured.contains(node) else { return .notConfigured }
        if drained.contains(node) { return .drained }
        let held = Set(previous?.engineGroups(on: node) ?? [])
        return plan.engineGroups(on: node).contains { !held.contains($0) } ? .noRoom : .unusable
    }
}

extension Plan {
    fileprivate func engineGroups(on node: NodeID) -> [GroupName] {
        groups.filter { $0.role.isEngine && $0.nodes.contains(node) }.map(\.name)
    }
}

extension PlannedGroup {
    fileprivate var nodes: [NodeID] { ranks.map(\.node) }
}

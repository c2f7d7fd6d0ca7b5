// Nodes that an operator keeps out of plans to come. It is agreed on, so that whoever leads keeps to it.
// A cordon alone moves nothing: what the node holds it keeps. A drain is a cordon that also gives away
// what the node holds; it lasts until it is taken back, so a drained node that returns gets nothing.

public import Base
public import Planning

/// One node that is kept out.
public struct Cordon: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// It takes no new rank.
        case cordon
        /// It gives its ranks to spares, too.
        case drain
        /// A rank that no spare can take is not left on it: its group stops.
        case force
    }

    public let node: NodeID
    public internal(set) var kind: Kind
    public let since: WallTime

    public init(node: NodeID, kind: Kind, since: WallTime) {
        self.node = node
        self.kind = kind
        self.since = since
    }

    public var isDraining: Bool { kind != .cordon }
}

extension ReplicatedState {
    public func cordon(of node: NodeID) -> Cordon? { cordons.first { $0.node == node } }

    /// How the planner is to take a node.
    public func standing(of node: NodeID) -> Candidate.Standing {
        guard let cordon = cordon(of: node) else { return .open }
        return cordon.isDraining ? .draining : .cordoned
    }

    /// The ranks that the plan gives to a node, the router's among them.
    public func ranks(of node: NodeID) -> [(group: GroupName, rank: NodeRank)] {
        (plan?.groups ?? []).compactMap { group in
            group.rank(of: node).map { (group.name, $0) }
        }
    }

    /// The first rank of a group on a node that is being drained.
    func drainedRank(of group: PlannedGroup?) -> (node: NodeID, rank: NodeRank)? {
        for (index, planned) in (group?.ranks ?? []).enumerated()
        where standing(of: planned.node) == .draining {
            return (planned.node, NodeRank(index))
        }
        return nil
    }

    /// Why a plan is refused: it gives a cordoned node what it does not hold. It may have been proposed
    /// before the cordon was agreed.
    func newRankOnCordoned(in new: Plan) -> String? {
        for cordon in cordons {
            // A store is where its address is.
            for group in new.groups where group.role != .store {
                guard let rank = group.rank(of: cordon.node),
                    plan?.group(group.name)?.rank(of: cordon.node) != rank
                else { continue }
                return "\(cordon.node) is cordoned, and would get rank \(rank) of \(group.name)"
            }
        }
        return nil
    }

    // MARK: - Commands
    // One that asks for what is so already changes nothing, and is no mistake: scripts repeat themselves.

    private func isCordoned(_ node: NodeID, asMuchAs kind: Cordon.Kind) -> Bool {
        cordon(of: node).map { $0.kind >= kind } ?? false
    }

    mutating func cordon(_ command: Command, _ node: NodeID, _ kind: Cordon.Kind) -> String? {
        if isCordoned(node, asMuchAs: kind) { return nil }
        cordons.removeAll { $0.node == node }
        let index = cordons.firstIndex { $0.node > node } ?? cordons.endIndex
        cordons.insert(Cordon(node: node, kind: kind, since: command.time), at: index)
        let how = kind == .force ? ", by force" : ""
        note(
            command, kind == .cordon ? .cordoned : .draining, node: node,
            text: "the operator \(kind == .cordon ? "cordons" : "drains") \(node)\(how)")
        return nil
    }

    mutating func uncordon(_ command: Command, _ node: NodeID) -> String? {
        guard cordon(of: node) != nil else { return nil }
        cordons.removeAll { $0.node == node }
        note(command, .uncordoned, node: node, text: "the operator uncordons \(node)")
        return nil
    }

    // MARK: - What follows

    func cordonText(_ node: NodeID, _ kind: Cordon.Kind) -> String {
        if let before = cordon(of: node), isCordoned(node, asMuchAs: kind) {
            return "\(node) is \(before.kind.told); nothing changes"
        }
        let held = ranks(of: node).map { "\($0.group) rank \($0.rank)" }.joined(separator: ", ")
        switch kind {
        case .cordon:
            return "\(node): cordon agreed; it gets no rank until: glm-agent uncordon \(node)"
                + (held.isEmpty ? "" : "; it keeps \(held) as long as it serves")
        case .drain, .force:
            let next = held.isEmpty ? "it holds no rank" : "\(held) moves to a spare"
            return "\(node): drain agreed; \(next), and it gets no other until: glm-agent uncordon "
                + "\(node)"
        }
    }

    func uncordonText(_ node: NodeID) -> String {
        guard cordon(of: node) != nil else { return "\(node) is not cordoned; nothing changes" }
        let held = ranks(of: node).map { "\($0.group) rank \($0.rank)" }.joined(separator: ", ")
        return "\(node): uncordon agreed; "
            + (held.isEmpty ? "it is a spare while it is there" : "it keeps \(held)")
    }
}

extension Cordon.Kind: Comparable {
    public static func < (left: Self, right: Self) -> Bool { left.order < right.order }

    private var order: Int {
        switch self {
        case .cordon: 0
        case .drain: 1
        case .force: 2
        }
    }

    var told: String {
        switch self {
        case .cordon: "cordoned already"
        case .drain: "drained already, or being drained"
        case .force: "drained by force already, or being drained"
        }
    }
}

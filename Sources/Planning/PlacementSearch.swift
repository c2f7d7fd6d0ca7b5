// Finds a placement group by group. The only real choice is which super pod a group goes to; where a
// later group then finds no room, the next best super pod is tried. Without known super pods there
// is one choice and no search.

import Base
import Profiles

struct PlacementSearch {
    let shapes: [GroupShape]
    let candidates: [Candidate]
    private let ignoresPorts: Bool
    /// The known super pods in the order of the candidates, or one unknown.
    private let pods: [String?]

    init(shapes: [GroupShape], candidates: [Candidate], ignoresPorts: Bool = false) {
        self.shapes = shapes
        self.candidates = candidates
        self.ignoresPorts = ignoresPorts
        var pods: [String?] = []
        for case let pod? in candidates.map(\.superPod) where !pods.contains(pod) {
            pods.append(pod)
        }
        self.pods = pods.isEmpty ? [nil] : pods
    }

    /// A complete placement, nil where there is none.
    func place(keeping previous: Plan?) -> Placement? {
        var placement = Placement(
            shapes: shapes, candidates: candidates, ignoresPorts: ignoresPorts)
        let indices = Dictionary(
            candidates.enumerated().map { ($1.node, $0) }, uniquingKeysWith: { first, _ in first })
        for (group, shape) in shapes.enumerated() {
            guard let held = previous?.group(shape.name), held.role == shape.role else { continue }
            for (rank, holder) in held.ranks.prefix(shape.nodes).enumerated() {
                guard let candidate = indices[holder.node] else { continue }
                if placement.hasRoom(candidate, for: group) {
                    placement.assign(candidate, to: rank, of: group)
                }
            }
        }
        if opened.groupThatNeverFits != nil { return nil }
        var tries = Self.maximumTries
        return complete(placement, from: 0, tries: &tries)
    }

    /// Bounds the search: super pods to the power of groups would be too many to try.
    private static let maximumTries = 128

    /// The same search without cordons: what holds its ranks already needs no open node.
    private var opened: PlacementSearch {
        PlacementSearch(
            shapes: shapes,
            candidates: candidates.map {
                Candidate(
                    node: $0.node, address: $0.address, isUsable: $0.isUsable,
                    superPod: $0.superPod)
            }, ignoresPorts: ignoresPorts)
    }

    /// A group for which there are not enough nodes even if it has them all to itself.
    private var groupThatNeverFits: GroupShape? {
        let empty = Placement(shapes: shapes, candidates: candidates)
        return shapes.enumerated().first { group, _ in
            pods.allSatisfy { filled(empty, group, pod: $0) == nil }
        }?.element
    }

    private func complete(
        _ placement: Placement, from group: Int, tries: inout Int
    ) -> Placement? {
        guard group < shapes.count else { return placement }
        tries -= 1
        if tries < 0 { return nil }
        let options = podOptions(placement, group).compactMap { pod in
            filled(placement, group, pod: pod)
        }
        let best = options.enumerated().sorted { left, right in
            let (a, b) = (left.element, right.element)
            if a.usable != b.usable { return a.usable > b.usable }
            if a.kept != b.kept { return a.kept > b.kept }
            return left.offset < right.offset
        }
        for option in best {
            let next = option.element.placement
            if let done = complete(next, from: group + 1, tries: &tries) { return done }
        }
        return nil
    }

    /// A group that still has a usable node, one that keeps its rank, stays in that node's super pod.
    private func podOptions(_ placement: Placement, _ group: Int) -> [String?] {
        for case let holder? in placement.holders[group] where candidates[holder].keepsRanks {
            if let pod = candidates[holder].superPod { return [pod] }
        }
        return pods
    }

    private typealias Filled = (placement: Placement, usable: Int, kept: Int)

    /// The placement with every rank of the group held by a node of the pod; nil where there are
    /// not enough.
    private func filled(_ placement: Placement, _ group: Int, pod: String?) -> Filled? {
        let before = placement.holders[group]
        let isNew = before.allSatisfy { $0 == nil }
        var placement = placement
        for (rank, holder) in before.enumerated() {
            if let holder, !candidates[holder].keepsRanks {
                replace(holder, rank, group, pod, &placement)
            }
        }
        for usable in [true, false] {
            for rank in before.indices where placement.holders[group][rank] == nil {
                let found = firstFree(placement, group, pod: pod, usable: usable)
                if let found { placement.assign(found, to: rank, of: group) }
            }
        }
        if placement.holders[group].contains(nil) { return nil }
        if isNew { placement.sortRanks(of: group) }
        let kept = zip(before, placement.holders[group]).count { $0 == $1 }
        return (placement, placement.usableRanks(of: group), kept)
    }

    /// Moves the rank to a usable node; without one it stays, unless its super pod is another.
    private func replace(
        _ holder: Int, _ rank: Int, _ group: Int, _ pod: String?, _ placement: inout Placement
    ) {
        let spare = firstFree(placement, group, pod: pod, usable: true)
        guard spare != nil || !isIn(pod, holder) else { return }
        placement.release(rank: rank, of: group)
        if let spare { placement.assign(spare, to: rank, of: group) }
    }

    private func firstFree(
        _ placement: Placement, _ group: Int, pod: String?, usable: Bool
    ) -> Int? {
        candidates.indices.first { candidate in
            candidates[candidate].isUsable == usable && candidates[candidate].standing == .open
                && isIn(pod, candidate) && placement.hasRoom(candidate, for: group)
        }
    }

    private func isIn(_ pod: String?, _ candidate: Int) -> Bool {
        pod == nil || candidates[candidate].superPod == nil || candidates[candidate].superPod == pod
    }

    // MARK: Why not

    /// Why `place` found nothing.
    func failure() -> PlanFailure {
        let closed = candidates.filter { $0.standing != .open }.map(\.node)
        if !closed.isEmpty, opened.place(keeping: nil) != nil { return .cordoned(closed) }
        let free = candidates.map { Candidate(node: $0.node, address: $0.address, isUsable: true) }
        if PlacementSearch(shapes: shapes, candidates: free).place(keeping: nil) != nil {
            guard let group = groupThatNeverFits ?? shapes.max(by: { $0.nodes < $1.nodes }) else {
                fatalError("a profile without groups")
            }
            return .noSuperPodFits(group: group.name, nodes: group.nodes)
        }
        let together = PlacementSearch(shapes: shapes, candidates: free, ignoresPorts: true)
        if together.place(keeping: nil) != nil, let collision = collisionOfSharers {
            return collision
        }
        return .notEnoughNodes(needed: nodesNeeded, configured: candidates.count)
    }

    /// The nodes that the groups take, with those that can share one on one.
    private var nodesNeeded: Int {
        let count = shapes.map(\.nodes).reduce(0, +)
        let unlimited = (0..<count).map { index in
            Candidate(node: NodeID(String(index)), address: "", isUsable: true)
        }
        let packed = PlacementSearch(shapes: shapes, candidates: unlimited).place(keeping: nil)
        return packed?.occupied.count ?? count
    }

    /// The first two groups that could share a node by their devices but not by their ports.
    private var collisionOfSharers: PlanFailure? {
        for (index, shape) in shapes.enumerated() {
            for other in shapes[..<index] where Set(shape.devices).isDisjoint(with: other.devices) {
                let claims = other.claims(ofMaster: true)
                if let found = claims.collision(with: shape.claims(ofMaster: true)) {
                    return PlanFailure(found)
                }
            }
        }
        return nil
    }
}

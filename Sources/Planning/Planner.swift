// Who holds which rank. The rules, in the order in which they win (Protocols/planning.md):
//  1. A rank stays where it is while its node is usable.
//  2. A rank whose node is not usable moves to a usable node with room, and no other rank moves.
//  3. Open ranks go to usable nodes in the configured order, then to unusable ones, which the
//     group then waits for.
//  4. Nodes of a group share a super pod, as far as that is known.
// It is a function: the same profile, candidates and last plan give the same plan on every node.

public import Base
public import Profiles

/// Places a profile on nodes.
public enum Planner {
    /// The plan for these candidates.
    ///
    /// - Parameters:
    ///   - profile: what to place.
    ///   - candidates: the configured nodes, in the configured order.
    ///   - previous: the plan in force, whatever its profile; what fits of it is kept.
    ///   - epoch: the epoch of a changed plan.
    ///   - agentPorts: what the agent itself binds on every node.
    /// - Returns: `previous` itself where nothing changes, a plan of `epoch` otherwise, or why
    ///   there is none.
    public static func plan(
        profile: Profile, candidates: [Candidate], previous: Plan?, epoch: Epoch,
        agentPorts: [UInt16] = [7600, 7601]
    ) -> Result<Plan, PlanFailure> {
        let shapes = profile.groupShapes
        if let failure = agentCollision(profile, shapes, agentPorts) { return .failure(failure) }
        let search = PlacementSearch(shapes: shapes, candidates: candidates)
        guard let placement = search.place(keeping: previous) else {
            return .failure(search.failure())
        }
        let draft = PlanDraft(profile: profile, shapes: shapes, placement: placement)
        let engines = draft.engineGroups
        var groups = engines + [draft.storeGroup(of: engines)].compactMap { $0 }
        if let router = profile.router {
            switch draft.routerGroup(router, workers: engines, previous: previous) {
            case .success(let group): groups.append(group)
            case .failure(let failure): return .failure(failure)
            }
        }
        if let previous, previous.groups == groups, previous.spares == draft.spares {
            return .success(previous)
        }
        return .success(Plan(epoch: epoch, groups: groups, spares: draft.spares))
    }

    private static func agentCollision(
        _ profile: Profile, _ shapes: [GroupShape], _ agentPorts: [UInt16]
    ) -> PlanFailure? {
        let agent = agentPorts.map { PortClaim(Int($0)...Int($0), "the agent") }
        let claims = shapes.flatMap { $0.claims(ofMaster: true) } + profile.routerClaims
        return claims.collision(with: agent).map(PlanFailure.init)
    }
}

extension PlanFailure {
    init(_ claims: (PortClaim, PortClaim)) {
        self = .portCollision(
            first: claims.0.purpose, second: claims.1.purpose, port: claims.0.meets(claims.1))
    }
}

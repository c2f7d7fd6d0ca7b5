// A placement turned into planned groups: every address and port filled in, and the router placed.

import Base
import Profiles

struct PlanDraft {
    let profile: Profile
    let shapes: [GroupShape]
    let placement: Placement

    private var candidates: [Candidate] { placement.candidates }

    var engineGroups: [PlannedGroup] {
        let holders = placement.holders.map { group in
            group.compactMap { $0.map { candidates[$0] } }
        }
        let store = shapes.first?.storePort.map { endpoint(holders[0][0].address, $0) }
        return zip(shapes, holders).map { shape, nodes in
            let master = nodes[0].address
            return PlannedGroup(
                name: shape.name, role: shape.role, index: shape.index,
                ranks: nodes.map { PlannedRank(node: $0.node, address: $0.address) },
                distInit: shape.distInitPort.map { endpoint(master, $0) },
                http: endpoint(master, shape.httpPort),
                bootstrap: shape.bootstrapPort.map { endpoint(master, $0) }, store: store)
        }
    }

    /// The transfer store as a group of its own, on the node that its address names.
    func storeGroup(of engines: [PlannedGroup]) -> PlannedGroup? {
        guard profile.store?.process == .standalone, let first = engines.first,
            let store = first.store
        else { return nil }
        return PlannedGroup(
            name: GroupName(Role.store.rawValue), role: .store, index: 0,
            ranks: [first.ranks[0]], distInit: nil, http: store, bootstrap: nil, store: store)
    }

    /// Usable nodes without an engine that nobody keeps out, in the configured order. A node that has only the router
    /// counts: its devices are free.
    var spares: [NodeID] {
        let occupied = placement.occupied
        return candidates.indices.filter {
            candidates[$0].isUsable && candidates[$0].standing == .open && !occupied.contains($0)
        }
        .map { candidates[$0].node }
    }

    func routerGroup(
        _ router: RouterProfile, workers: [PlannedGroup], previous: Plan?
    ) -> Result<PlannedGroup, PlanFailure> {
        let preferred = routerNodes(previous)
        let claims = profile.routerClaims
        let free = preferred.first { claims.collision(with: placement.claims(on: $0)) == nil }
        guard let node = free else {
            let first = preferred.first.flatMap { claims.collision(with: placement.claims(on: $0)) }
            guard let first else { fatalError("a plan without candidates") }
            return .failure(PlanFailure(first))
        }
        let candidate = candidates[node]
        let bound = Template(router.host).expanded(["address": candidate.address])
        let isWildcard = ["0.0.0.0", "::", ""].contains(bound)
        return .success(
            PlannedGroup(
                name: GroupName(Role.router.rawValue), role: .router, index: 0,
                ranks: [PlannedRank(node: candidate.node, address: candidate.address)],
                distInit: nil,
                http: endpoint(isWildcard ? candidate.address : bound, router.port),
                bootstrap: nil, store: nil,
                workers: workers.map { group in
                    PlannedWorker(
                        group: group.name, role: group.role, http: group.http,
                        bootstrapPort: group.bootstrap?.port)
                }))
    }

    /// Where the router may go, best first: where it is, beside rank 0 of a prefill group, any
    /// usable node that is open; and where none is usable, where it is or would first have gone.
    private func routerNodes(_ previous: Plan?) -> [Int] {
        let held = previous?.groups.first { $0.role == .router }?.ranks.first?.node
        let current = candidates.indices.filter { candidates[$0].node == held }
        let masters = zip(shapes, placement.holders).compactMap { shape, holders in
            shape.role == .prefill ? holders[0] : nil
        }
        let usable =
            current.filter { candidates[$0].keepsRanks }
            + (masters + Array(candidates.indices)).filter {
                candidates[$0].isUsable && candidates[$0].standing == .open
            }
        return usable.isEmpty ? current + masters : usable
    }

    private func endpoint(_ host: String, _ port: Int) -> Endpoint {
        guard let port = UInt16(exactly: port) else {
            fatalError("port \(port) of \(profile.name) was not checked")
        }
        return Endpoint(host: host, port: port)
    }
}

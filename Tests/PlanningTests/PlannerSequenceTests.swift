// Random sequences of nodes going and returning. Whatever happens, the rules of the planner hold
// between each plan and the next.

import Base
import Planning
import Profiles
import Testing

@Suite struct PlannerSequenceTests {
    @Test(arguments: UInt64(1)...24)
    func `the rules hold through any sequence of failures`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let profile = try profile(&random)
        let needed = profile.groupShapes.map(\.nodes).reduce(0, +)
        let count = needed + Int.random(in: 0...3, using: &random)
        var previous: Plan?
        var down: Set<Int> = []
        for epoch in 1...60 {
            let node = Int.random(in: 1...count, using: &random)
            if down.remove(node) == nil { down.insert(node) }
            let candidates = nodes(count, down: down)
            let next = try plan(profile, candidates, after: previous, epoch: UInt64(epoch))
            let again = try plan(profile, candidates, after: previous, epoch: UInt64(epoch))
            let context = "seed \(seed), step \(epoch): \(told(next)), down \(down.sorted())"
            #expect(next == again, "\(context)")
            checkPlan(next, profile, candidates, context)
            if let previous { checkStep(previous, next, candidates, epoch, context) }
            previous = next
        }
    }

    private func profile(_ random: inout SeededGenerator) throws -> Profile {
        let halves = "[[0, 1, 2, 3], [4, 5, 6, 7]]"
        switch Int.random(in: 0..<6, using: &random) {
        case 0: return try ProfileCatalog.profile(named: ProfileCatalog.names[2])
        case 1: return try ProfileCatalog.profile(named: ProfileCatalog.names[0])
        case 2: return try ProfileCatalog.profile(named: ProfileCatalog.names[7])
        case 3: return try ProfileCatalog.profile(named: ProfileCatalog.names[8])
        case 4: return try shape(prefill: (3, 1), decode: (1, 2))
        default: return try shape(prefill: (2, 1), decode: (1, 1), devices: halves, step: 20)
        }
    }

    /// What every plan must meet by itself.
    private func checkPlan(
        _ plan: Plan, _ profile: Profile, _ candidates: [Candidate], _ context: String
    ) {
        let usable = candidates.filter(\.isUsable).map(\.node)
        var devices: [NodeID: Set<Int>] = [:]
        var ports: [NodeID: [PortClaim]] = [:]
        for shape in profile.groupShapes {
            let group = plan.group(shape.name)
            #expect(group?.ranks.count == shape.nodes, "\(context)")
            for (rank, holder) in (group?.ranks ?? []).enumerated() {
                #expect(
                    devices[holder.node, default: []].isDisjoint(with: shape.devices), "\(context)")
                devices[holder.node, default: []].formUnion(shape.devices)
                let claims = shape.claims(ofMaster: rank == 0)
                #expect(
                    ports[holder.node, default: []].collision(with: claims) == nil, "\(context)")
                ports[holder.node, default: []] += claims
            }
        }
        #expect(plan.spares == usable.filter { devices[$0] == nil }, "\(context)")
        let waits = plan.groups.contains { group in
            group.role != .router && group.ranks.contains { !usable.contains($0.node) }
        }
        #expect(!waits || plan.spares.isEmpty, "a group waits beside a spare; \(context)")
        if let router = plan.group(GroupName("router")) {
            #expect(usable.isEmpty || usable.contains(router.ranks[0].node), "\(context)")
            #expect(router.workers.map(\.http) == plan.groups.dropLast().map(\.http), "\(context)")
        }
    }

    /// What one plan and the next must meet.
    private func checkStep(
        _ previous: Plan, _ next: Plan, _ candidates: [Candidate], _ epoch: Int, _ context: String
    ) {
        let usable = Set(candidates.filter(\.isUsable).map(\.node))
        let isSame = previous.groups == next.groups && previous.spares == next.spares
        #expect(next.epoch == (isSame ? previous.epoch : Epoch(UInt64(epoch))), "\(context)")
        for (before, after) in zip(previous.groups, next.groups) where before.role != .router {
            if before.ranks.allSatisfy({ usable.contains($0.node) }) {
                var expected = before
                // The store is on the first group's node and follows it.
                expected.store = after.store
                #expect(after == expected, "\(before.name) was not affected; \(context)")
            }
            for (held, holds) in zip(before.ranks, after.ranks) where held != holds {
                #expect(!usable.contains(held.node), "\(before.name) moved needlessly; \(context)")
                #expect(usable.contains(holds.node), "\(before.name) moved in vain; \(context)")
            }
        }
        let routers = [previous, next].compactMap { $0.group(GroupName("router"))?.ranks[0] }
        if routers.count == 2, usable.contains(routers[0].node) {
            #expect(routers[0] == routers[1], "the router moved needlessly; \(context)")
        }
    }
}

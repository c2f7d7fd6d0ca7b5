// Nodes that an operator keeps out: they get nothing new, and where they are drained they give what they have.

import Base
import Planning
import Profiles
import Testing

@Suite struct CordonTests {
    private let profile: Profile

    init() throws {
        profile = try shape(prefill: (1, 2), decode: (1, 2))
    }

    private func candidates(
        _ count: Int, cordoned: Set<Int> = [], draining: Set<Int> = [], down: Set<Int> = [],
        pods: [String?] = []
    ) -> [Candidate] {
        nodes(count, down: down, pods: pods).enumerated().map { index, node in
            Candidate(
                node: node.node, address: node.address, isUsable: node.isUsable,
                superPod: node.superPod,
                standing: draining.contains(index + 1)
                    ? .draining : cordoned.contains(index + 1) ? .cordoned : .open)
        }
    }

    @Test func `a cordoned node is passed over, and is no spare`() throws {
        let made = try plan(profile, candidates(6, cordoned: [2]))
        #expect(told(made) == "prefill-0: n1 n3; decode-0: n4 n5; router: n1; spares: n6")
    }

    @Test func `a cordoned node keeps what it holds`() throws {
        let before = try plan(profile, nodes(5))
        let after = try plan(profile, candidates(5, cordoned: [1, 2, 3, 4, 5]), after: before)
        #expect(after.groups == before.groups)
    }

    @Test func `a drained node gives each rank to a spare, and no other rank moves`() throws {
        let before = try plan(profile, nodes(6))
        let after = try plan(profile, candidates(6, draining: [2]), after: before, epoch: 2)
        #expect(told(after) == "prefill-0: n1 n5; decode-0: n3 n4; router: n1; spares: n6")
    }

    @Test func `the router leaves a drained node, too`() throws {
        let before = try plan(profile, nodes(5))
        let after = try plan(profile, candidates(5, draining: [1]), after: before, epoch: 2)
        #expect(told(after) == "prefill-0: n5 n2; decode-0: n3 n4; router: n5")
    }

    @Test func `without a spare a rank stays on a drained node`() throws {
        let before = try plan(profile, nodes(4))
        for candidates in [
            candidates(4, draining: [2]), candidates(5, cordoned: [5], draining: [2]),
            candidates(5, draining: [2], down: [5]),
            candidates(5, draining: [2], pods: ["a", "a", "a", "a", "b"]),
        ] {
            #expect(try plan(profile, candidates, after: before, epoch: 2).groups == before.groups)
        }
    }

    @Test func `a lost rank goes to no cordoned node`() throws {
        let before = try plan(profile, nodes(6))
        let after = try plan(
            profile, candidates(6, cordoned: [5], down: [3]), after: before, epoch: 2)
        #expect(told(after) == "prefill-0: n1 n2; decode-0: n6 n4; router: n1")
    }

    @Test func `with too few open nodes there is no plan, and the cordons are named`() throws {
        let told = failure(profile, candidates(5, cordoned: [2], draining: [4]))
        #expect(
            told == "too few nodes are open: n2, n4 are cordoned; take that back "
                + "(glm-agent uncordon n2), or add nodes")
        #expect(failure(profile, candidates(3, cordoned: [2])).hasPrefix("needs 4 nodes"))
    }

    @Test func `a node that comes back from a drain is a spare`() throws {
        let before = try plan(profile, nodes(5))
        let drained = try plan(profile, candidates(5, draining: [2]), after: before, epoch: 2)
        let after = try plan(profile, nodes(5), after: drained, epoch: 3)
        #expect(after.groups == drained.groups)
        #expect(after.spares == [NodeID("n2")])
    }

    @Test func `the plan tells that a rank was taken from a drained node`() throws {
        let before = try plan(profile, nodes(5))
        let drained = candidates(5, draining: [2])
        let after = try plan(profile, drained, after: before, epoch: 2)
        let told = PlanExplanation(plan: after, previous: before, candidates: drained)
        #expect(told.ranks[1].reason == .moved(from: NodeID("n2"), because: .drained))
        #expect(told.idle.map(\.isCordoned) == [true])
    }
}

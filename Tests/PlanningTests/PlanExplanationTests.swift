// Every reason that a rank can have for its node.

import Base
import Planning
import Profiles
import Testing

@Suite struct PlanExplanationTests {
    let profile: Profile

    init() throws {
        profile = try ProfileCatalog.profile(named: ProfileCatalog.names[0])
    }

    private func reasons(
        _ plan: Plan, after previous: Plan?, on candidates: [Candidate]
    ) -> [PlanExplanation.Reason] {
        PlanExplanation(plan: plan, previous: previous, candidates: candidates).ranks.map(\.reason)
    }

    @Test func `a first plan follows the configured order, and the router its prefill`() throws {
        let first = try plan(profile, nodes(5))
        let router = PlanExplanation.Reason.besideMaster(of: GroupName("prefill-0"))
        #expect(
            reasons(first, after: nil, on: nodes(5))
                == Array(repeating: .configuredOrder, count: 4) + [router])
    }

    @Test func `a plan whose forerunner is not known is not explained by guessing`() throws {
        let later = try plan(profile, nodes(4), epoch: 7)
        #expect(reasons(later, after: nil, on: nodes(4)) == Array(repeating: .forgotten, count: 5))
    }

    @Test func `a node that is not configured any more has lost its rank by that`() throws {
        let first = try plan(profile, nodes(4))
        let others = nodes(5).filter { $0.node != NodeID("n2") }
        let second = try plan(profile, others, after: first, epoch: 2)
        #expect(
            reasons(second, after: first, on: others)[1]
                == .moved(from: NodeID("n2"), because: .notConfigured))
    }

    @Test func `groups that a new profile has no more are named`() throws {
        let first = try plan(profile, nodes(4))
        let mixed = try ProfileCatalog.profile(named: "glm-5.1-w4a8-16p-in3k5-out1k5-50ms")
        let second = try plan(mixed, nodes(4), after: first, epoch: 2)
        let explanation = PlanExplanation(plan: second, previous: first, candidates: nodes(4))
        #expect(explanation.ended.map(\.name) == ["prefill-0", "decode-0", "router"])
        #expect(explanation.ranks.map(\.reason) == [.configuredOrder, .configuredOrder])
        #expect(explanation.idle.map(\.node.name) == ["n3", "n4"])
    }

    @Test func `a node that has taken other ranks has no room for its old one`() throws {
        let group = try plan(profile, nodes(4)).groups[0]
        func made(_ epoch: UInt64, _ names: [String: String]) -> Plan {
            let groups = names.keys.sorted().map { name in
                PlannedGroup(
                    name: GroupName(name), role: .prefill, index: 0,
                    ranks: [PlannedRank(node: NodeID(names[name] ?? ""), address: "10.0.0.1")],
                    distInit: nil, http: group.http, bootstrap: nil, store: nil)
            }
            return Plan(epoch: Epoch(epoch), groups: groups, spares: [])
        }
        let second = made(2, ["prefill-0": "n2", "prefill-1": "n1"])
        let first = made(1, ["prefill-0": "n1"])
        #expect(
            reasons(second, after: first, on: nodes(2)) == [
                .moved(from: NodeID("n1"), because: .noRoom), .configuredOrder,
            ])
    }
}

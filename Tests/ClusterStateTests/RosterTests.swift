// Who the nodes of the cluster are, as agreed.

import Base
import ClusterState
import Planning
import Testing

@Suite struct RosterTests {
    private let nodes = (1...4).map {
        ConfiguredNode(node: NodeID("node-\($0)"), address: "10.0.0.\($0)")
    }

    private func begun() -> ReplicatedState {
        var state = ReplicatedState()
        state.take(.enrol(nodes))
        return state
    }

    private func refusal(_ state: ReplicatedState, _ action: Command.Action) -> String? {
        var state = state
        return state.apply(Command(action, at: Fixture.time))
    }

    @Test func `a cluster begins once, with nodes of different names`() {
        let state = begun()
        #expect(state.roster.nodes == nodes)
        #expect(state.roster.serial == 1)
        #expect(refusal(state, .enrol(nodes)) != nil)
        #expect(refusal(ReplicatedState(), .enrol([])) != nil)
        #expect(refusal(ReplicatedState(), .enrol([nodes[0], nodes[0]])) != nil)
        #expect(refusal(ReplicatedState(), .admit(nodes[0])) != nil, "the files rule")
    }

    @Test func `a node is added at the end, under a name and an address of its own`() {
        var state = begun()
        let new = ConfiguredNode(node: NodeID("node-5"), address: "10.0.0.5", superPod: "1")
        state.take(.admit(new))
        #expect(state.roster.nodes == nodes + [new])
        #expect(state.roster.serial == 2)
        #expect(state.ledger.last?.kind == .added)
        let twin = ConfiguredNode(node: NodeID("node-6"), address: "10.0.0.5")
        #expect(refusal(state, .admit(twin))?.contains("address of node-5") == true)
        #expect(refusal(state, .admit(new))?.contains("already") == true)
    }

    @Test func `a node is removed, remembered, and may come again`() {
        var state = begun()
        state.take(.joined(nodes.map(\.node)))
        state.take(.dismiss(NodeID("node-2")))
        #expect(!state.roster.contains(NodeID("node-2")))
        #expect(!state.present.contains(NodeID("node-2")))
        #expect(state.roster.departures.map(\.serial) == [2])
        #expect(state.roster.knownNode(NodeID("node-2")) == nodes[1])
        #expect(refusal(state, .dismiss(NodeID("node-2"))) != nil)
        state.take(.admit(nodes[1]))
        #expect(state.roster.departures.isEmpty)
        for node in ["node-1", "node-3", "node-4"] { state.take(.dismiss(NodeID(node))) }
        #expect(refusal(state, .dismiss(NodeID("node-2"))) != nil, "the last stays")
    }

    @Test func `only the last that were removed are remembered`() {
        var state = begun()
        for number in 10..<50 {
            let node = ConfiguredNode(node: NodeID("n\(number)"), address: "10.0.1.\(number)")
            state.take(.admit(node))
            state.take(.dismiss(node.node))
        }
        #expect(state.roster.departures.count == Roster.departureLimit)
        #expect(state.roster.departures.last?.node.node == NodeID("n49"))
    }

    @Test func `somebody may always vote`() {
        var state = begun()
        for node in ["node-1", "node-2", "node-3"] {
            state.take(.seat(NodeID(node), mayVote: false))
            #expect(refusal(state, .seat(NodeID(node), mayVote: false)) != nil)
        }
        #expect(refusal(state, .seat(NodeID("node-4"), mayVote: false)) != nil)
        state.take(.seat(NodeID("node-1"), mayVote: true))
        #expect(state.ledger.suffix(2).map(\.kind) == [.demoted, .promoted])
    }

    @Test func `nothing is planned or launched on a node that was removed`() {
        var state = begun()
        state.take(.plan(Fixture.plan(1)))
        state.take(.dismiss(NodeID("node-2")))
        let launch = Command.Action.launch(
            Fixture.group("prefill-0"), Generation(1), why: "")
        #expect(refusal(state, launch)?.contains("node-2") == true)
        #expect(refusal(state, .plan(Fixture.plan(2)))?.contains("node-2") == true)
        state.take(.launch(Fixture.group("decode-0"), Generation(1), why: ""))
    }

    @Test
    func `who goes on alone leaves all others behind, above whatever they may have agreed on`() {
        var state = begun()
        state.take(.recoverAlone(nodes[2]))
        #expect(state.roster.nodes == [nodes[2]])
        #expect(state.roster.departures.count == 3)
        #expect(state.roster.serial > 1 << 20)
        #expect(state.ledger.last?.kind == .recovered)
    }
}

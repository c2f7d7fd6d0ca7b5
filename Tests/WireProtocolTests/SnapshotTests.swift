// A snapshot is the state again: a node that is sent one goes on as if it had applied every command.

import Base
import CBOR
import ClusterState
import Planning
import Supervision
import Testing
import WireProtocol

@Suite struct SnapshotTests {
    @Test(arguments: UInt64(0)..<4)
    func `a state after many commands survives its snapshot`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var state = ReplicatedState()
        for step in 0..<700 {
            let action = Self.action(about: state, using: &generator)
            let command = Command(
                action, at: WallTime(millisecondsSinceEpoch: Int64(step) * 1000))
            let replayed = try Command(cbor: try CBORValue(decoding: command.cbor.encoded))
            #expect(replayed == command, "seed \(seed), step \(step)")
            state.apply(replayed)
            guard step % 50 == 0 else { continue }
            let bytes = state.cbor.encoded
            let restored = try ReplicatedState(cbor: try CBORValue(decoding: bytes))
            #expect(restored == state, "seed \(seed), step \(step)")
            #expect(restored.cbor.encoded == bytes, "seed \(seed), step \(step)")
            state = restored
        }
        #expect(state.ledger.count > 100, "seed \(seed): too little happened")
    }

    private static func action(
        about state: ReplicatedState, using generator: inout SeededGenerator
    ) -> Command.Action {
        let number = Int.random(in: 0..<5, using: &generator)
        let group = PlannedGroup(
            name: GroupName("decode-\(number)"), role: .decode, index: number,
            ranks: [PlannedRank(node: NodeID("node-\(number)"), address: "10.0.0.\(number)")],
            distInit: nil, http: Endpoint(host: "10.0.0.\(number)", port: 8000), bootstrap: nil,
            store: nil)
        let record = state.record(of: group.name)
        guard state.plan?.group(group.name) == group else {
            let groups = (state.plan?.groups ?? []) + [group]
            return .plan(Plan(epoch: state.epoch.next, groups: groups, spares: []))
        }
        switch record.phase {
        case .running where generator.chance(0.2): return .settle(group.name, record.generation)
        case .running:
            let cause = EndCause(
                .failure, why: "rank 0 ended 🙂", node: NodeID("node-\(number)"), rank: .master,
                logTail: ["one", "two"])
            return .end(
                group.name, record.generation, cause, isTerminal: record.failures >= 4)
        case .idle, .ended: return .launch(group, record.generation.next, why: "")
        case .failed: return generator.chance(0.5) ? .restart(group.name) : .stop(group.name)
        }
    }
}

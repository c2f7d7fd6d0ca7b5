// What the ledger tells of restarts: each is one record, from its cause to the moment it serves again.

import Base
import ClusterState
import Diagnosis
import Planning
import Supervision
import Testing

@Suite struct RestartLedgerTests {
    private static let prefill = GroupName("prefill-0")
    private static let failure = EndCause(
        .failure, why: "rank 1 ended", node: NodeID("node-2"), rank: NodeRank(1))

    private var state = ReplicatedState()

    init() {
        take(.deploy(Fixture.deployment("a")), at: 0)
        take(.plan(Fixture.plan(1)), at: 0)
        take(.elected(NodeID("node-1"), term: 3), at: 0)
        launch(1, at: 1000)
    }

    private mutating func take(_ action: Command.Action, at milliseconds: Int64) {
        let command = Command(action, at: WallTime(millisecondsSinceEpoch: milliseconds))
        let refusal = state.apply(command)
        #expect(refusal == nil)
    }

    private mutating func launch(_ generation: UInt64, stopped: Int64? = nil, at time: Int64) {
        take(
            .launch(
                Fixture.group("prefill-0"), Generation(generation), why: "because",
                stoppedAt: stopped.map { WallTime(millisecondsSinceEpoch: $0) }), at: time)
    }

    private mutating func end(
        _ generation: UInt64, _ cause: EndCause = failure, failed: Int64? = nil, at time: Int64
    ) {
        take(
            .end(
                Self.prefill, Generation(generation), cause, isTerminal: false,
                failedAt: failed.map { WallTime(millisecondsSinceEpoch: $0) }), at: time)
    }

    private mutating func serves(_ generation: UInt64, at time: Int64) {
        take(.serves(Self.prefill, Generation(generation)), at: time)
    }

    private func seconds(_ part: RestartRecord.Part) -> Double? {
        state.restartLedger.last(of: Self.prefill)?.duration(of: part)?.inSeconds
    }

    @Test mutating func `a restart is one record with cause, leader, generations and times`() {
        serves(1, at: 2000)
        end(1, failed: 10_000, at: 10_300)
        launch(2, stopped: 10_400, at: 12_000)
        serves(2, at: 16_500)
        let record = state.restartLedger.last(of: Self.prefill)
        #expect(state.restartLedger.records.count == 1)
        #expect(record?.ended == Generation(1))
        #expect(record?.launched == Generation(2))
        #expect(record?.kind == .failure)
        #expect(record?.node == NodeID("node-2"))
        #expect(record?.rank == NodeRank(1))
        #expect(record?.asker == "leader node-1")
        #expect(record?.epoch == Epoch(1))
        let parts = RestartRecord.Part.allCases.map { seconds($0) }
        #expect(parts == [0.3, 0.1, 1.6, 4.5])
        #expect(record?.total == .milliseconds(6500))
        #expect(
            state.ledger.last?.text
                == "prefill-0 serves, 4.5 s after its launch; restart of generation 1 (failure): "
                + "detected after 0.3 s, stopped 0.1 s later, launched 1.6 s later, ready 4.5 s later"
        )
    }

    @Test mutating func `a repair lasts over all restarts that it takes`() {
        serves(1, at: 2000)
        end(1, failed: 10_000, at: 10_300)
        launch(2, at: 12_000)
        end(2, at: 13_000)
        launch(3, at: 14_000)
        serves(3, at: 15_000)
        let tally = state.restartLedger.tally(of: Self.prefill)
        #expect(tally.repairs == 1)
        #expect(tally.meanTimeToRepair == .seconds(5))
        #expect(tally.ends(by: .failure) == 2)
        let served = state.restartLedger.records.map(\.readyAt?.millisecondsSinceEpoch)
        #expect(served == [nil, 15_000])
    }

    @Test mutating func `what an operator orders is a restart and no repair`() {
        take(.restart(Self.prefill), at: 5000)
        launch(2, at: 6000)
        serves(2, at: 7000)
        let record = state.restartLedger.last(of: Self.prefill)
        #expect(record?.asker == "operator")
        #expect(record?.kind == .byOperator)
        #expect(seconds(.detect) == nil)
        #expect(seconds(.ready) == 1)
        let tally = state.restartLedger.tally(of: Self.prefill)
        #expect(tally.repairs == 0)
        #expect(tally.ends(by: .byOperator) == 1)
    }

    @Test mutating func `a verdict adds the kind of failure and the die`() {
        end(1, at: 5000)
        let verdict = FailureDiagnosis(
            kind: "npu-memory", rank: NodeRank(1), node: NodeID("node-2"), worldRank: nil, die: 3,
            line: "", time: TimeSpan(earliest: 0, latest: 0), accuser: nil, rivals: [], echoes: [])
        take(.amend(Self.prefill, Generation(1), verdict), at: 6000)
        #expect(state.restartLedger.last(of: Self.prefill)?.failure == "npu-memory")
        #expect(state.restartLedger.last(of: Self.prefill)?.die == 3)
    }

    @Test mutating func `a clock that went back makes no durations`() {
        end(1, failed: 9000, at: 5000)
        launch(2, stopped: 4000, at: 3000)
        let parts = RestartRecord.Part.allCases.map { seconds($0) }
        #expect(parts == [nil, nil, nil, nil])
    }

    @Test mutating func `the oldest records are forgotten, their sums are not`() {
        for generation in 1...UInt64(RestartLedger.limit + 5) {
            end(generation, at: 5000)
            launch(generation + 1, at: 6000)
        }
        #expect(state.restartLedger.records.count == RestartLedger.limit)
        #expect(state.restartLedger.records.first?.ended == Generation(6))
        #expect(
            state.restartLedger.tally(of: Self.prefill).ends(by: .failure)
                == RestartLedger.limit + 5)
    }
}

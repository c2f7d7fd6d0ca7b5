// Which rank failed first, told in little stories.

import Base
import Diagnosis
import Testing

@Suite struct DiagnoserTests {
    private static let nodes = (0..<4).map { NodeID("node-\($0 + 1)") }

    /// Something that a rank said so many milliseconds after the start, known so well.
    private func said(
        _ rank: Int, _ kind: String, _ milliseconds: Int64, width: Int64 = 0, die: Int? = nil,
        accused: Accused? = nil
    ) -> RankSighting {
        let time = TimeSpan(
            earliest: 1_000_000_000 + milliseconds * 1000,
            latest: 1_000_000_000 + (milliseconds + width) * 1000)
        return RankSighting(
            rank: NodeRank(rank), node: Self.nodes[rank],
            sighting: Sighting(
                kind: kind, line: "\(kind) of \(rank)", time: time, die: die, accused: accused),
            time: time)
    }

    private func judge(
        _ sightings: [RankSighting], addresses: [String: NodeRank] = [:]
    ) -> FailureDiagnosis? {
        let judged = Diagnoser.diagnose(sightings, nodes: Self.nodes, addresses: addresses)
        #expect(
            Diagnoser.diagnose(sightings.reversed(), nodes: Self.nodes, addresses: addresses)
                == judged, "the order of the reports must not matter")
        return judged
    }

    @Test func `nobody said anything`() {
        #expect(judge([]) == nil)
    }

    @Test func `the cause is named, its consequences are what the others said`() {
        let judged = judge([
            said(0, "peer-closed", 400), said(0, "ended", 600), said(2, "npu-memory", 300, die: 5),
            said(2, "child-failed", 310), said(2, "ended", 350), said(1, "peer-closed", 380),
        ])
        #expect(judged?.kind == "npu-memory" && judged?.rank == NodeRank(2) && judged?.die == 5)
        #expect(judged?.rivals == [])
        #expect(judged?.echoes.map(\.rank.value) == [1, 0])
        #expect(judged?.echoes.map(\.milliseconds) == [80, 100])
        #expect(
            judged?.summary == "rank 2 on node-3, die 5: out of memory on the NPU: npu-memory of 2")
    }

    @Test func `a process that ended without a word is the first, if all others tell consequences`()
    {
        let judged = judge([
            said(0, "peer-closed", 250), said(0, "ended", 400), said(1, "ended", 200),
            said(2, "stream-timeout", 390), said(2, "ended", 410),
        ])
        #expect(judged?.kind == "ended" && judged?.rank == NodeRank(1))
        #expect(judged?.summary == "")
    }

    @Test func `a silent end before a witness speaks is what the witness speaks of`() {
        let judged = judge([
            said(3, "ended", 100), said(0, "EI0006", 120_000), said(1, "EI0006", 120_100),
        ])
        #expect(judged?.kind == "ended" && judged?.rank == NodeRank(3))
    }

    @Test func `whom the witnesses blame is named, with who says so`() {
        let accused = Accused(worldRanks: [17], nodeRank: 1, die: 1)
        let judged = judge([
            said(0, "EI0015", 100), said(0, "EI0015", 101, accused: accused),
            said(2, "EI0015", 105),
        ])
        #expect(judged?.rank == NodeRank(1) && judged?.node == Self.nodes[1])
        #expect(judged?.die == 1 && judged?.accuser == NodeRank(0))
    }

    @Test func `an address that is blamed is looked up`() {
        let accused = Accused(worldRanks: [], nodeRank: nil, address: "10.0.0.3", die: 4)
        let seen = [said(0, "heartbeat-lost", 100, accused: accused)]
        let known = judge(seen, addresses: ["10.0.0.3": NodeRank(2)])
        #expect(known?.rank == NodeRank(2) && known?.die == 4)
        #expect(judge(seen)?.rank == NodeRank(0), "an address of nobody")
    }

    @Test(arguments: [-1, 4, 99]) func `a rank that does not exist is not blamed`(rank: Int) {
        let accused = Accused(worldRanks: [1], nodeRank: rank)
        #expect(judge([said(0, "EI0015", 1, accused: accused)])?.rank == NodeRank(0))
    }

    @Test func `of two whose times overlap, the one that says more is first`() {
        let judged = judge([
            said(0, "EI0006", 0, width: 999), said(3, "npu-memory", 500, width: 999),
        ])
        #expect(judged?.rank == NodeRank(3) && judged?.rivals == [])
    }

    @Test func `what cannot be told apart is said to be so`() throws {
        let judged = try #require(
            judge([said(1, "npu-memory", 0, width: 20), said(3, "npu-memory", 10, width: 20)]))
        #expect(judged.rank == NodeRank(1) && judged.rivals == [NodeRank(3)])
        #expect(judged.doubt.contains("rank 3") && judged.doubt.contains("±11 ms"))
    }

    @Test func `what was long ago is another story`() {
        let old = said(0, "npu-memory", -50 * 60_000)
        let survived = said(1, "exception", -10 * 60_000)
        let judged = judge([
            old, survived, said(1, "ended", 900), said(2, "exception", 0),
            said(2, "ended", 10),
        ])
        #expect(judged?.kind == "exception" && judged?.rank == NodeRank(2))
    }

    @Test(arguments: ["software", "port-in-use"])
    func `what was warned of long before the end was survived, and is no cause`(kind: String) {
        let judged = judge([
            said(0, kind, -10 * 60_000), said(0, "ended", 900), said(2, "npu-memory", 0),
            said(2, "ended", 10),
        ])
        #expect(judged?.kind == "npu-memory" && judged?.rank == NodeRank(2))
        #expect(judge([said(0, kind, -100), said(0, "ended", 0)])?.kind == kind)
    }

    @Test func `without a cause, the first consequence is all there is`() {
        #expect(judge([said(2, "peer-closed", 5), said(1, "peer-closed", 9)])?.rank == NodeRank(2))
    }

    @Test func `what is agreed on is short`() {
        let many = (0..<400).map { said($0 % 4, $0 % 2 == 0 ? "peer-closed" : "EI0006", Int64($0)) }
        #expect((judge(many)?.echoes.count ?? 99) <= FailureDiagnosis.echoLimit)
    }

    @Test func `times at the ends of the world do no harm`() {
        let wild = TimeSpan(earliest: .min, latest: .max)
        let seen = RankSighting(
            rank: .master, node: Self.nodes[0],
            sighting: Sighting(kind: "EI0006", line: "", time: wild), time: wild)
        let judged = judge([seen, said(1, "ended", 0), said(2, "peer-closed", 3)])
        #expect(judged != nil)
        _ = judged?.doubt
    }
}

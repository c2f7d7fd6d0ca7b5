// What of a diagnosis keeps a group from being launched.

import Ascend
import Base
import Testing

@testable import Doctor

@Suite struct LaunchGateTests {
    private func diagnosis(_ path: String, _ value: JSONValue) throws -> Diagnosis {
        Diagnosis(of: try Healthy.cluster(path, value))
    }

    private func alarms() throws -> Diagnosis {
        let node = [5, 6].reduce(try Healthy.node(1).json) { json, die in
            json.setting(["inventory", "dies", "\(die)", "health"], to: "Alarm")
        }
        let examined = ExaminedNode(NodeID("node-1"), .told(try NodeExamination(json: node)))
        return Diagnosis(of: ClusterExamination(nodes: [examined]))
    }

    @Test func `errors block, with node, die, evidence and remedy`() throws {
        let gate = try diagnosis("inventory.dies.5.health", "Alarm").gate()
        #expect(gate.map(\.standing) == [.blocks])
        #expect(gate[0].node == NodeID("node-3") && gate[0].dies == [DieID(5)])
        #expect(gate[0].check == .dies && gate[0].text == "die 5 health is Alarm")
        #expect(!gate[0].remedy.isEmpty)
    }

    @Test func `warnings do not`() throws {
        #expect(try diagnosis("inventory.kernel.parameters.1.value", "60").gate().isEmpty)
        #expect(try diagnosis("inventory.dies.5.health", "Warning").gate().isEmpty)
    }

    @Test func `what could not be found out does not, and is told`() throws {
        let gate = try diagnosis("inventory.dies", Illness.forbidden).gate()
        #expect(!gate.isEmpty && gate.allSatisfy { $0.standing == .unknown })
    }

    @Test func `an npu-smi that the driver keeps out blocks, unless that is accepted`() throws {
        let blind = try diagnosis("inventory.dies", Illness.refused)
        let blocking = blind.gate().filter { $0.standing == .blocks }
        #expect(Set(blocking.map(\.check)) == [.holders, .dies])
        let accepted = [AcceptedFinding(check: .holders), AcceptedFinding(check: .dies)]
        #expect(!blind.gate(accepting: accepted).contains { $0.standing == .blocks })
    }

    @Test func `a clock that is off, or another Python, fails no launch`() throws {
        let clock = Diagnosis(of: try Healthy.cluster(clockAhead: .seconds(4000)))
        #expect(clock.worst(of: .clock) == .warning && clock.gate().isEmpty)
    }

    @Test(arguments: [
        (AcceptedFinding(check: .dies), [5, 6]),
        (AcceptedFinding(check: .dies, node: NodeID("node-1")), [5, 6]),
        (AcceptedFinding(check: .dies, node: NodeID("node-1"), die: DieID(6)), [6]),
        (AcceptedFinding(check: .dies, node: NodeID("node-2")), []),
        (AcceptedFinding(check: .holders), []),
    ])
    func `what is accepted does not block, die by die`(
        accepted: AcceptedFinding, dies: [Int]
    ) throws {
        let gate = try alarms().gate(accepting: [accepted])
        let spared = gate.filter { $0.standing == .accepted }.flatMap(\.dies).map(\.value)
        let blocking = gate.filter { $0.standing == .blocks }.flatMap(\.dies).map(\.value)
        #expect(spared == dies && (spared + blocking).sorted() == [5, 6])
    }

    @Test func `a prefill group that has not the store is not accused of it`() throws {
        let nodes = try Healthy.cluster().nodes.suffix(2)
        let whole = Diagnosis(of: ClusterExamination(nodes: Array(nodes)))
        #expect(whole.worst(of: .store) == .error)
        let group = Diagnosis(of: ClusterExamination(nodes: Array(nodes), isOneGroup: true))
        #expect(group.worst(of: .store) == .ok)
    }

    @Test func `a command that SGLang refuses blocks, one that was not read does not`() throws {
        func gate(_ commands: Fact<[ReadCommand]>) throws -> [GateFinding] {
            let cluster = ClusterExamination(
                nodes: try Healthy.cluster().nodes,
                preflights: [NodePreflight(NodeID("node-2"), commands)])
            return Diagnosis(of: cluster).gate().filter { $0.check == .versions }
        }
        let gap = Gap(.timedOut, "python3", "gave no answer")
        #expect(try gate(.known([ReadCommand("decode-0/0", .known(nil))])).isEmpty)
        let refused = try gate(
            .known([ReadCommand("decode-0/0", .known("error: unrecognized arguments: --x"))]))
        #expect(refused.map(\.standing) == [.blocks] && refused[0].check == .versions)
        #expect(refused[0].node == NodeID("node-2") && !refused[0].remedy.isEmpty)
        #expect(
            refused[0].evidence
                == "SGLang refuses the command of decode-0/0: error: unrecognized arguments: --x")
        let silent = try gate(.known([ReadCommand("decode-0/0", .unknown(gap))]))
        #expect(try silent.map(\.standing) == [.unknown] && gate(.unknown(gap)).count == 1)
        for command in [
            ReadCommand("a", .known("no")), ReadCommand("a", .known(nil)),
            ReadCommand("a", .unknown(gap)),
        ] {
            #expect(try ReadCommand(json: JSONValue(parsing: command.json.compact)) == command)
        }
    }

    @Test func `what is accepted comes back from its document`() throws {
        for accepted in [
            AcceptedFinding(check: .tls),
            AcceptedFinding(check: .dies, node: NodeID("a"), die: DieID(3)),
        ] {
            #expect(
                try AcceptedFinding(json: JSONValue(parsing: accepted.json.compact)) == accepted)
        }
    }
}

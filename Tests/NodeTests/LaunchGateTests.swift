// The launch gate: a group with dies starts when every node of it is clean, and on none before.

import Ascend
import Base
import ClusterState
import Doctor
import Node
import Planning
import Supervision
import Testing

@testable import Simulation

@Suite struct LaunchGateTests {
    private static let held = "die 5 held by process 4711 (python3)"

    /// A cluster whose engine has dies; one node is obstructed before anything starts.
    private func cluster(
        obstructed: Int?, nodes: Int = 4, engine: EngineKind = .sglang, gatesCommands: Bool = false
    ) throws -> Cluster {
        var cluster = try Cluster(.onePrefill, nodes: nodes, starts: false) {
            $0.gatesCommands = gatesCommands
            let old = $0.deployment
            $0.deployment = Deployment(
                profileName: old.profileName, profileYAML: old.profileYAML,
                modelPath: old.modelPath, engine: engine)
        }
        if let obstructed { cluster.simulation.hosts[obstructed].obstacles = [Self.held] }
        cluster.simulation.start()
        return cluster
    }

    @Test func `nodes that are clean start`() throws {
        var cluster = try cluster(obstructed: nil)
        cluster.settle()
    }

    @Test func `one member that is not clean holds its whole group back, and status says why`()
        throws
    {
        var cluster = try cluster(obstructed: 3)
        // prefill-0 has the first two nodes, decode-0 the others.
        cluster.wait { (try? $0.group("prefill-0", by: 0).state) == "ready" }
        cluster.pass(.seconds(20))
        #expect(cluster.processes(of: "decode-0").isEmpty, "none starts, the clean one neither")
        for index in cluster.indices {
            let group = try cluster.group("decode-0", by: index)
            #expect(group.state == "waiting" && group.generation == 0)
            #expect(group.why.hasPrefix("for node-4: \(Self.held)"), "\(group.why)")
            #expect(try !cluster.status(index).ready)
            #expect(group.gate.map(\.node?.name) == ["node-4"])
            #expect(group.gate.map(\.evidence) == [Self.held])
        }

        cluster.simulation.hosts[3].obstacles = []
        cluster.settle()
        #expect(try cluster.group("decode-0", by: 0).generation == 1)
    }

    @Test func `nodes are examined for what serves their group already, too`() throws {
        var cluster = try cluster(obstructed: 3)
        cluster.wait { (try? $0.group("prefill-0", by: 0).state) == "ready" }
        let before = cluster.simulation.transcript.count
        cluster.pass(.seconds(10))
        let prefill = try #require(try cluster.machine(0).state.plan?.group(GroupName("prefill-0")))
        let served = try [#require(prefill.store), #require(prefill.bootstrap)].map {
            "for decode-0 \($0) of node-1 is dialled"
        }
        let later = cluster.simulation.transcript[before...]
        for text in served { #expect(later.contains { $0.hasSuffix(text) }, "\(text)") }
        // Nothing served when the first was examined.
        let first = cluster.simulation.transcript.filter { $0.contains("for prefill-0 ") }
        #expect(!first.contains { $0.hasSuffix("is dialled") }, "\(first)")
    }

    @Test func `a group that has failed is named to the doctor`() throws {
        var cluster = try cluster(obstructed: nil)
        cluster.settle()
        #expect(try cluster.machine(1).failedGroups.isEmpty)
        try cluster.killShard("decode-0", rank: 0)
        cluster.wait { (try? $0.machine(1).failedGroups) == [GroupName("decode-0")] }
        cluster.settle()
        #expect(try cluster.machine(1).failedGroups.isEmpty)
    }

    @Test func `what does not clear is a matter for an operator, and is waited for all the same`()
        throws
    {
        var cluster = try cluster(obstructed: 3)
        cluster.pass(.seconds(280))
        #expect(try !cluster.group("decode-0", by: 0).why.contains("operator"))
        cluster.pass(.seconds(60))
        let why = try cluster.group("decode-0", by: 0).why
        #expect(why.contains(Self.held) && why.contains("an operator must see to it"), "\(why)")
        let calls = cluster.simulation.transcript.filter { $0.contains("cannot be launched") }
        #expect(calls.count == 1, "\(calls)")

        cluster.simulation.hosts[3].obstacles = []
        cluster.settle()
    }

    @Test func `a rank that serves does not move to a node that cannot run it`() throws {
        var cluster = try cluster(obstructed: nil, nodes: 5)
        cluster.settle()
        let running = cluster.processes
        let spare = cluster.spare
        let drained = NodeID(cluster.name(try cluster.nodes(of: "decode-0")[1]))
        cluster.simulation.hosts[spare].obstacles = [Self.held]
        cluster.simulation.invariants.drains(drained)
        #expect(try cluster.ask(0, .propose(.cordon(drained, .drain))).isAccepted)
        cluster.pass(.seconds(3))
        #expect(cluster.processes == running)
        let told = try cluster.group("decode-0", by: 0)
        #expect(told.state == "ready" && told.why.contains(Self.held), "\(told.why)")
        cluster.pass(.seconds(20))
        #expect(cluster.processes == running)

        cluster.simulation.hosts[spare].obstacles = []
        cluster.pass(.seconds(600))
        let name = cluster.name(spare)
        cluster.wait { $0.processes(of: "decode-0").contains { $0.node == name } }
        cluster.settle()
        #expect(try cluster.group("decode-0", by: 0).generation == 2)
    }

    @Test func `a spare that does not go with the other node gets no rank that serves`() throws {
        var cluster = try cluster(obstructed: nil, nodes: 5)
        cluster.settle()
        let running = cluster.processes
        let spare = cluster.spare
        let drained = NodeID(cluster.name(try cluster.nodes(of: "decode-0")[1]))
        cluster.simulation.hosts[spare].misfit = "CANN: 9.0.0, while others have 8.5.1"
        cluster.simulation.invariants.drains(drained)
        #expect(try cluster.ask(0, .propose(.cordon(drained, .drain))).isAccepted)
        cluster.pass(.seconds(20))
        #expect(cluster.processes == running)
        #expect(try cluster.group("decode-0", by: 0).why.contains("CANN"))
    }

    @Test func `a change that came at once has no drain end what serves`() throws {
        var cluster = try cluster(obstructed: nil, nodes: 5)
        cluster.settle()
        let old = try cluster.machine(0).configuration.deployment
        let new = Deployment(
            profileName: old.profileName, profileYAML: old.profileYAML, modelPath: "/models/new",
            engine: old.engine)
        cluster.simulation.invariants.filesHaveChanged = true
        #expect(try cluster.ask(0, .propose(.apply(new, atOnce: true))).isAccepted)
        cluster.wait(.seconds(60)) { cluster in
            cluster.processes(outside: "router").allSatisfy {
                $0.shard.generation == Generation(2)
            } && (try? cluster.status(0).ready) == true
        }
        let running = cluster.processes
        let drained = NodeID(cluster.name(try cluster.nodes(of: "decode-0")[1]))
        cluster.simulation.hosts[cluster.spare].obstacles = [Self.held]
        cluster.simulation.invariants.drains(drained)
        #expect(try cluster.ask(0, .propose(.cordon(drained, .drain))).isAccepted)
        cluster.pass(.seconds(20))
        #expect(cluster.processes == running)
    }

    @Test func `what differs between nodes makes none of them one that is passed over`() throws {
        var cluster = try cluster(obstructed: nil, nodes: 5)
        cluster.settle()
        let before = try cluster.nodes(of: "decode-0")
        cluster.simulation.hosts[before[1]].misfit = "CANN: 9.0.0, while others have 8.5.1"
        try cluster.killShard("decode-0", rank: 0)
        cluster.pass(.seconds(120))
        #expect(try cluster.nodes(of: "decode-0") == before)
        #expect(cluster.processes(of: "decode-0").isEmpty)
    }

    @Test func `a node that cannot run its rank is passed over though the router runs there`()
        throws
    {
        var cluster = try cluster(obstructed: nil, nodes: 5)
        cluster.settle()
        let ill = try cluster.nodes(of: "router")[0]
        try #require(cluster.nodes(of: "prefill-0").contains(ill))
        let rank = try #require(try cluster.nodes(of: "prefill-0").firstIndex(of: ill))
        cluster.simulation.hosts[ill].obstacles = [Self.held]
        try cluster.killShard("prefill-0", rank: rank)
        cluster.wait(.seconds(120)) { (try? $0.nodes(of: "prefill-0").contains(ill)) == false }
        cluster.wait(.seconds(60)) { (try? $0.group("prefill-0", by: 0).state) == "ready" }
    }

    @Test func `a spare on which nothing can be launched is passed over for another`() throws {
        var cluster = try cluster(obstructed: nil, nodes: 6)
        cluster.settle()
        let spares = cluster.indices.filter { index in
            !cluster.processes.contains { $0.node == cluster.name(index) }
        }
        try #require(spares.count == 2)
        cluster.simulation.hosts[spares[0]].obstacles = [Self.held]
        let lost = try cluster.nodes(of: "decode-0")[1]
        cluster.simulation.crashHost(lost)
        cluster.wait(.seconds(60)) { (try? $0.nodes(of: "decode-0").contains(spares[0])) == true }
        cluster.wait(.seconds(60)) { (try? $0.nodes(of: "decode-0").contains(spares[1])) == true }
        cluster.wait { (try? $0.group("decode-0", by: spares[1]).state) == "ready" }
        cluster.pass(.seconds(60))
        #expect(try cluster.nodes(of: "decode-0").contains(spares[1]), "and it stays there")
        let told = cluster.simulation.transcript.filter { $0.contains("is passed over") }
        #expect(told.count == 1 && told[0].contains(Self.held), "\(told)")
    }

    @Test func `after an end every node of the group is looked at anew`() throws {
        var cluster = try cluster(obstructed: nil)
        cluster.settle()
        let memory = "die 0 60000 MB of memory in use that no process owns"
        let last = try cluster.nodes(of: "decode-0")[1]
        cluster.simulation.hosts[last].obstacles = [memory]
        try cluster.killShard("decode-0", rank: 0)
        cluster.pass(.seconds(20))
        #expect(cluster.processes(of: "decode-0").isEmpty)
        #expect(try cluster.group("decode-0", by: 0).why.contains(memory))
        cluster.simulation.hosts[last].obstacles = []
        cluster.settle()
        #expect(try cluster.group("decode-0", by: 0).generation == 2)
    }

    @Test(arguments: [EngineKind.rehearsal, .command(["/usr/local/bin/engine"])])
    func `an engine without dies waits for none`(engine: EngineKind) throws {
        var cluster = try cluster(obstructed: 0, engine: engine)
        cluster.settle()
    }

    @Test func `an operator's own command waits for its nodes where the file says so`() throws {
        let command = EngineKind.command(["/usr/local/bin/in-container"])
        var cluster = try cluster(obstructed: 3, engine: command, gatesCommands: true)
        cluster.wait { (try? $0.group("prefill-0", by: 0).state) == "ready" }
        cluster.pass(.seconds(20))
        #expect(cluster.processes(of: "decode-0").isEmpty)
        let why = try cluster.group("decode-0", by: 0).why
        #expect(why.hasPrefix("for node-4: \(Self.held)"), "\(why)")
        cluster.simulation.hosts[3].obstacles = []
        cluster.settle()
    }

    @Test func `what is accepted or not known keeps nothing back and is told`() throws {
        var cluster = try cluster(obstructed: 3)
        cluster.wait { (try? $0.group("decode-0", by: 0).gate.isEmpty) == false }
        let node = NodeID("node-4")
        let findings = [
            GateFinding(
                .accepted, .dies, node: node, dies: [DieID(5)], evidence: "health is Alarm"),
            GateFinding(.unknown, .holders, node: node, evidence: "npu-smi: not on PATH"),
            GateFinding(.unknown, .tls, node: NodeID("node-3"), evidence: "npu-smi: not on PATH"),
        ]
        let leader = try #require(cluster.leader)
        // The last round that was begun is answered so, before its own answer comes.
        for _ in 0..<200 where cluster.processes(of: "decode-0").isEmpty {
            let round = UInt64(cluster.simulation.counters["examinations"] ?? 0)
            cluster.simulation.invariants.foundClean(GroupName("decode-0"), after: .none)
            cluster.simulation.give(
                .groupExamined(GroupName("decode-0"), round: round, findings), to: leader)
            cluster.pass(.milliseconds(50))
        }
        #expect(!cluster.processes(of: "decode-0").isEmpty)
        let notes = try cluster.status(leader).notes
        #expect(
            notes == [
                "accepted by launch_gate: die 5 health is Alarm (node-4)",
                "the launch gate could not find out: npu-smi: not on PATH (node-4, node-3)",
            ], "\(notes)")
    }

    @Test func `an answer that belongs to no question launches nothing`() throws {
        var cluster = try cluster(obstructed: 3)
        cluster.wait { (try? $0.group("decode-0", by: 0).gate.isEmpty) == false }
        let leader = try #require(cluster.leader)
        cluster.simulation.give(
            .groupExamined(GroupName("decode-0"), round: 4711, []), to: leader)
        cluster.pass(.seconds(3))
        #expect(cluster.processes(of: "decode-0").isEmpty)
    }

    @Test func `nodes are examined while a failed group waits, so that no launch is later for it`()
        throws
    {
        var cluster = try cluster(obstructed: nil)
        cluster.settle()
        try cluster.killShard("decode-0", rank: 0)
        cluster.wait { (try? $0.group("decode-0", by: 0).state) == "backoff" }
        let began = cluster.simulation.now
        cluster.wait { (try? $0.group("decode-0", by: 0).generation) == 2 }
        // The backoff of the simulation is 500 ms at most, and an examination takes 400 ms.
        #expect(cluster.simulation.now - began < .seconds(1))
        cluster.settle()
    }
}

// What a failure costs: the group that it struck, and nothing else.

import Base
import ClusterState
import Node
import Planning
import Supervision
import Testing
import WireProtocol

@testable import Simulation

@Suite struct FailureTests {
    @Test func `a killed shard costs its own group a generation, and no other anything`() throws {
        var cluster = try Cluster(.twoPrefills, nodes: 6)
        cluster.settle()
        let others = cluster.processes(outside: "prefill-1")
        try cluster.killShard("prefill-1", rank: 1)
        cluster.wait { (try? $0.group("prefill-1", by: 0).generation) == 2 }
        cluster.settle()
        #expect(cluster.processes(outside: "prefill-1") == others)
        #expect(try cluster.group("prefill-1", by: 0).restarts == 1)
        let causes = try cluster.machine(0).state.ledger.filter { $0.kind == .ended }
        #expect(causes.count == 1)
        let lost = try cluster.nodes(of: "prefill-1")[1]
        let text = try #require(causes.first?.text)
        #expect(text.contains("rank 1 on \(cluster.name(lost))"), "\(text)")
    }

    @Test func `the last failure is told by every node after the group serves again`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        #expect(try cluster.group("prefill-0", by: 0).lastFailure == nil)
        try cluster.killShard("prefill-0", rank: 1)
        cluster.wait { (try? $0.group("prefill-0", by: 0).generation) == 2 }
        cluster.settle()
        #expect(try cluster.ask(2, .propose(.restart(GroupName("prefill-0")))).isAccepted)
        cluster.wait { (try? $0.group("prefill-0", by: 0).generation) == 3 }
        cluster.settle()
        for index in cluster.indices {
            let group = try cluster.group("prefill-0", by: index)
            let failure = try #require(group.lastFailure)
            #expect(failure.generation == 1 && failure.rank == 1 && failure.kind == "failure")
            #expect(failure.logTail == ["last words of prefill-0.g1.r1"])
            #expect(group.restarts == 1, "the operator's restart is not counted")
            #expect(
                try cluster.group("decode-0", by: index).lastFailure == nil,
                "it went with its store, and did not fail")
        }
    }

    @Test func `the leader is told of an exit in the very step that sees it`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        let process = try #require(
            cluster.processes.first { cluster.index($0.node) != cluster.leader })
        let index = cluster.index(process.node)
        var machine = try cluster.machine(index)
        var actions: [NodeAction] = []
        machine.step(
            .shard(process.shard, .exited(.signal(9), logTail: [])), at: cluster.simulation.now,
            wall: cluster.simulation.wall(of: index), into: &actions)
        let told = actions.contains {
            guard case .send(let frame, _) = $0,
                case .report(let report)? = try? WireMessage(frame: frame)
            else { return false }
            return report.shards.contains { $0.shard == process.shard && $0.state == .exited }
        }
        #expect(told, "\(actions)")
    }

    @Test func `without its leader's agent the cluster finds another and restarts nothing`() throws
    {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        let before = cluster.processes
        let launches = cluster.launches
        let first = try #require(cluster.leader)
        cluster.simulation.crashAgent(first)
        cluster.wait(.seconds(3)) { $0.leader != nil && $0.leader != first }
        cluster.pass(.seconds(20))
        #expect(cluster.processes == before)
        cluster.simulation.startAgent(first)
        cluster.settle()
        #expect(cluster.processes == before, "the agent takes over the processes it finds")
        #expect(cluster.launches == launches)
    }

    @Test func `a group whose node is lost waits for it, and says so`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        let lost = try cluster.nodes(of: "decode-0")[1]
        let others = cluster.processes(outside: "decode-0")
        cluster.simulation.crashHost(lost)
        cluster.pass(.seconds(20))
        for index in cluster.indices where index != lost {
            let group = try cluster.group("decode-0", by: index)
            #expect(group.state == "waiting")
            #expect(group.why.contains("for \(cluster.name(lost)), which holds rank 1"))
            #expect(try cluster.group("prefill-0", by: index).state == "ready")
            #expect(try !cluster.status(index).ready)
        }
        #expect(cluster.processes(outside: "decode-0") == others)

        cluster.simulation.repair(.boot(lost))
        cluster.settle()
        #expect(try cluster.nodes(of: "decode-0")[1] == lost)
        #expect(try cluster.group("decode-0", by: 0).generation == 2)
        #expect(try cluster.group("prefill-0", by: 0).generation == 1)
    }

    @Test func `a spare takes the rank of a lost node, and the node returns as the spare`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 5)
        cluster.settle()
        let spare = try #require(
            cluster.indices.first { index in
                !cluster.processes.contains { $0.node == cluster.name(index) }
            })
        let lost = try cluster.nodes(of: "decode-0")[1]
        let others = cluster.processes(outside: "decode-0")
        cluster.simulation.crashHost(lost)
        cluster.wait { (try? $0.nodes(of: "decode-0")[1]) == spare }
        cluster.wait { (try? $0.group("decode-0", by: spare).state) == "ready" }
        #expect(cluster.processes(outside: "decode-0") == others)

        let launches = cluster.launches
        cluster.simulation.repair(.boot(lost))
        cluster.settle()
        cluster.pass(.seconds(10))
        #expect(cluster.launches == launches)
        let plan = try #require(try cluster.machine(lost).state.plan)
        let holders = plan.groups.flatMap(\.ranks).map(\.node.name)
        #expect(!holders.contains(cluster.name(lost)))
    }

    @Test func `a shard that ends at every start is given up, with the first rank and its words`()
        throws
    {
        var cluster = try Cluster(.onePrefill, nodes: 4, seed: 2) {
            $0.restartBudget = 4
            $0.hangChance = 0
            $0.failsAtStart = { $0.group.name == "decode-0" && $0.rank == NodeRank(1) }
        }
        cluster.wait(.seconds(60)) { (try? $0.group("decode-0", by: 1).state) == "failed" }
        let state = try cluster.machine(1).state
        let record = state.record(of: GroupName("decode-0"))
        guard case .failed(let cause) = record.phase else {
            Issue.record("decode-0 is \(record.phase)")
            return
        }
        #expect(record.generation.value == 4)
        #expect(cause.rank == NodeRank(1))
        let node = try cluster.nodes(of: "decode-0")[1]
        #expect(cause.node?.name == cluster.name(node))
        #expect(cause.logTail.first?.contains("last words of decode-0.g4.r1") == true)

        let events = state.ledger.filter { $0.group?.name == "decode-0" }
        let waits = zip(events, events.dropFirst())
            .filter { $0.kind == .ended && $1.kind == .launched }
            .map { $1.time - $0.time }
        #expect(waits.count == 3)
        // Half of each wait is jitter, so neighbours may change places; the first and the last do not.
        let (first, last) = (try #require(waits.first), try #require(waits.last))
        #expect(last > first, "\(waits)")
        cluster.wait { (try? $0.group("prefill-0", by: 1).state) == "ready" }
        #expect(try cluster.group("prefill-0", by: 1).generation == 1)
    }

    @Test func `three of four prefill groups go on without the fourth`() throws {
        var cluster = try Cluster(.fourPrefills, nodes: 6)
        cluster.settle()
        let lost = try cluster.nodes(of: "prefill-2")[0]
        let others = cluster.processes(outside: "prefill-2").filter {
            $0.node != cluster.name(lost)
        }
        cluster.simulation.crashHost(lost)
        cluster.pass(.seconds(20))
        let witness = try #require(cluster.indices.first { $0 != lost })
        for name in ["prefill-0", "prefill-1", "prefill-3", "decode-0"] {
            #expect(try cluster.group(name, by: witness).state == "ready", "\(name)")
        }
        #expect(try cluster.group("prefill-2", by: witness).state == "waiting")
        #expect(others.isSubset(of: cluster.processes))
    }

    @Test func `an engine that answers nothing costs its group a generation`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        let shard = ShardID(
            group: GroupName("decode-0"), generation: Generation(1), rank: NodeRank(1))
        cluster.simulation.wedge(try cluster.nodes(of: "decode-0")[1], shard)
        cluster.wait { (try? $0.group("decode-0", by: 0).generation) == 2 }
        cluster.settle()
        #expect(try cluster.group("prefill-0", by: 0).generation == 1)
    }
}

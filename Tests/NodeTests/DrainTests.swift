// A node is taken out of service while the cluster serves.

import Base
import ClusterState
import Planning
import Supervision
import Testing
import WireProtocol

@testable import Node
@testable import Simulation

@Suite struct DrainTests {
    private func order(
        _ cluster: inout Cluster, _ node: Int, _ kind: Cordon.Kind, of asked: Int
    ) throws -> PeerAnswer {
        cluster.simulation.invariants.drains(NodeID(cluster.name(node)))
        return try cluster.ask(asked, .propose(.cordon(NodeID(cluster.name(node)), kind)))
    }

    private func cordon(_ cluster: Cluster, _ node: Int, seenFrom index: Int) throws -> String? {
        try cluster.status(index).members.first { $0.node == cluster.name(node) }?.cordon
    }

    @Test func `a drained node gives its rank to the spare, and only that group restarts`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 5)
        cluster.settle()
        let drained = try cluster.nodes(of: "decode-0")[1]
        let spare = cluster.spare
        let prefill = cluster.processes(of: "prefill-0")
        #expect(try order(&cluster, drained, .drain, of: cluster.follower).isAccepted)
        cluster.wait { cluster in
            cluster.processes(of: "decode-0").allSatisfy { $0.shard.generation == Generation(2) }
        }
        cluster.settle()
        #expect(try cluster.nodes(of: "decode-0")[1] == spare)
        #expect(!cluster.processes.contains { $0.node == cluster.name(drained) })
        #expect(cluster.processes(of: "prefill-0") == prefill)
        for index in cluster.indices {
            cluster.wait { (try? self.cordon($0, drained, seenFrom: index)) == "drained" }
        }
        let record = try cluster.machine(spare).state.restartLedger.last(of: GroupName("decode-0"))
        #expect(record?.asker == "operator")
        #expect(
            record?.why
                == "\(cluster.name(drained)) is drained: \(cluster.name(spare)) takes rank 1")

        // It comes back as the spare: nothing moves.
        let running = cluster.processes
        #expect(
            try cluster.ask(0, .propose(.uncordon(NodeID(cluster.name(drained))))).isAccepted)
        cluster.pass(.seconds(10))
        #expect(cluster.processes == running)
        #expect(try cordon(cluster, drained, seenFrom: 0) == nil)
    }

    @Test func `a drained node whose agent is gone is not said to be empty`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 5)
        cluster.settle()
        let drained = try cluster.nodes(of: "decode-0")[1]
        let asked = try #require(cluster.indices.first { $0 != drained && $0 != cluster.leader })
        cluster.simulation.crashAgent(drained)
        cluster.pass(.seconds(3))
        #expect(try order(&cluster, drained, .drain, of: asked).isAccepted)
        cluster.pass(.seconds(20))
        #expect(try cordon(cluster, drained, seenFrom: asked) == "draining")
        cluster.simulation.startAgent(drained)
        cluster.wait { (try? self.cordon($0, drained, seenFrom: asked)) == "drained" }
    }

    @Test func `a node that was taken for dead and was not can be cordoned soon`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 5)
        cluster.settle()
        let frozen = cluster.spare
        let asked = try #require(cluster.indices.first { $0 != frozen && $0 != cluster.leader })
        cluster.simulation.pause(frozen, for: .seconds(4))
        cluster.pass(.seconds(12))
        #expect(try order(&cluster, frozen, .cordon, of: asked).isAccepted)
    }

    @Test
    func `an order that repeats itself is no mistake, and an unknown node leads to the nodes`()
        throws
    {
        var cluster = try Cluster(.onePrefill, nodes: 5)
        cluster.settle()
        let (spare, asked) = (cluster.spare, cluster.follower)
        let node = NodeID(cluster.name(spare))
        #expect(
            try cluster.ask(asked, .propose(.uncordon(node)))
                == .accepted("\(node) is not cordoned; nothing changes"))
        #expect(try order(&cluster, spare, .cordon, of: asked).isAccepted)
        #expect(
            try order(&cluster, spare, .cordon, of: asked)
                == .accepted("\(node) is cordoned already; nothing changes"))
        let stranger = OperatorRequest.propose(.cordon(NodeID("nobody"), .cordon))
        guard case .refused(.notFound, _, Advice.nodes) = try cluster.ask(asked, stranger) else {
            Issue.record("an unknown node is not refused with the way to the nodes")
            return
        }
    }

    @Test func `an order names the agents that are away and could not read it when last heard`()
        throws
    {
        var cluster = try Cluster(.onePrefill, nodes: 5)
        cluster.settle()
        let leader = try #require(cluster.leader)
        let away = try #require(cluster.indices.first { $0 != leader })
        let old = NodeID(cluster.name(away))
        cluster.simulation.crashAgent(away)
        cluster.pass(.seconds(5))
        func told() throws -> String {
            let answer = try cluster.ask(
                cluster.follower, .propose(.cordon(NodeID(cluster.name(leader)), .cordon)))
            guard case .accepted(let text) = answer else { return "\(answer)" }
            return text
        }
        #expect(try !told().contains("older version"), "it was of this version")
        let words = NodeSightings(node: old, shards: [], understands: 21)
        cluster.simulation.machines[leader]?.heard(words)
        let text = try told()
        #expect(
            text.contains("nothing changes. The agent of \(old), away now, was of an older"),
            "\(text)")
    }

    @Test func `a drain without a spare is refused with the reason, and changes nothing`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 5)
        cluster.settle()
        let spare = cluster.spare
        let drained = try cluster.nodes(of: "decode-0")[1]
        let running = cluster.processes
        #expect(try order(&cluster, spare, .cordon, of: 0).isAccepted)
        let answer = try order(&cluster, drained, .drain, of: 1)
        guard case .refused(.unavailable, let text, nil) = answer else {
            Issue.record("\(answer)")
            return
        }
        #expect(text.contains("no spare can take decode-0 rank 1"), "\(text)")
        #expect(text.contains("\(cluster.name(spare)) is cordoned"), "\(text)")
        #expect(text.contains("--force"), "\(text)")
        cluster.pass(.seconds(10))
        #expect(cluster.processes == running)
    }

    @Test func `a drain by force stops the group until a spare comes`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        let drained = try cluster.nodes(of: "decode-0")[1]
        let prefill = cluster.processes(of: "prefill-0")
        #expect(try order(&cluster, drained, .force, of: 0).isAccepted)
        cluster.wait { $0.processes(of: "decode-0").isEmpty }
        cluster.wait { (try? self.cordon($0, drained, seenFrom: 0)) == "drained" }
        cluster.pass(.seconds(10))
        let group = try cluster.group("decode-0", by: 0)
        #expect(group.state == "waiting")
        #expect(group.why.hasPrefix("for a spare: \(cluster.name(drained))"), "\(group.why)")
        #expect(cluster.processes(of: "prefill-0") == prefill)
        #expect(
            try cluster.ask(0, .propose(.uncordon(NodeID(cluster.name(drained))))).isAccepted)
        cluster.settle()
    }

    @Test func `a cordoned node takes no rank of a lost one`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 6)
        cluster.settle()
        let spares = cluster.indices.filter { index in
            !cluster.processes.contains { $0.node == cluster.name(index) }
        }
        #expect(try order(&cluster, spares[0], .cordon, of: 0).isAccepted)
        let lost = try cluster.nodes(of: "decode-0")[1]
        cluster.simulation.crashHost(lost)
        cluster.wait(.seconds(60)) { (try? $0.nodes(of: "decode-0")[1]) == spares[1] }
        #expect(
            try cluster.ask(0, .propose(.cordon(NodeID("node-9"), .cordon))).refusal == .notFound)
    }
}

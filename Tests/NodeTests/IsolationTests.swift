// A node that has lost the cluster: it keeps its engines, or, by choice, stops them after a time.

import Base
import ClusterState
import Consensus
import Node
import Planning
import Supervision
import Testing

@testable import Simulation

@Suite struct IsolationTests {
    private static let limit = Duration.seconds(8)

    private func cluster(_ limit: Duration? = limit, nodes: Int = 5) throws -> Cluster {
        var cluster = try Cluster(.onePrefill, nodes: nodes) { $0.isolation = limit }
        cluster.settle()
        return cluster
    }

    private func running(on index: Int, of cluster: Cluster) -> [ShardID] {
        cluster.simulation.hosts[index].engines.filter { !$0.value.isGoing }.keys.sorted()
    }

    /// A node with a rank from 1 on of decode, which does not lead.
    private func victim(in cluster: Cluster) throws -> Int {
        try cluster.nodes(of: "decode-0")[1]
    }

    @Test func `by default a node that hears nobody keeps its engines`() throws {
        var cluster = try cluster(nil)
        let before = cluster.processes
        for index in cluster.indices.dropFirst() { cluster.simulation.crashAgent(index) }
        cluster.pass(.seconds(120))
        #expect(cluster.processes == before)
    }

    @Test func `with stop-after it stops them, after that time and not before`() throws {
        var cluster = try cluster()
        let last = try cluster.nodes(of: "prefill-0")[0]
        for index in cluster.indices where index != last { cluster.simulation.crashAgent(index) }
        cluster.pass(Self.limit - .seconds(1))
        #expect(!running(on: last, of: cluster).isEmpty)
        let text = try cluster.status(last).reasons.first ?? ""
        #expect(text.contains("is stopped at 20"), "\(text)")
        cluster.wait(.seconds(6)) { running(on: last, of: $0).isEmpty }
        let told = try cluster.status(last).reasons.first ?? ""
        #expect(told.contains("was stopped after 8 s (isolation: stop-after)"), "\(told)")
    }

    @Test func `the leader ends the generation with that reason when the node is back`() throws {
        var cluster = try cluster()
        let victim = try victim(in: cluster)
        for index in cluster.indices where index != victim { cluster.simulation.crashAgent(index) }
        cluster.wait(.seconds(60)) { running(on: victim, of: $0).isEmpty }
        for index in cluster.indices where index != victim { cluster.simulation.startAgent(index) }
        cluster.wait(.seconds(30)) { (try? $0.group("decode-0", by: victim).generation) == 2 }
        cluster.settle()
        let failure = try #require(cluster.group("decode-0", by: victim).lastFailure)
        #expect(failure.kind == "failure" && failure.generation == 1)
        let events = try cluster.machine(victim).state.ledger.filter { $0.kind == .ended }
        let told = events.filter { $0.text.contains("isolation: stop-after") }
        #expect(!told.isEmpty, "\(events.map(\.text))")
    }

    @Test func `contact in between begins the count anew`() throws {
        var cluster = try cluster()
        let victim = try victim(in: cluster)
        let before = cluster.processes
        for _ in 0..<3 {
            cluster.simulation.isolate(victim)
            cluster.pass(Self.limit - .seconds(3))
            cluster.simulation.repair(.heal)
            cluster.wait(.seconds(10)) { (try? $0.machine(victim).consensus.hasQuorum) == true }
            cluster.pass(.seconds(1))
        }
        #expect(cluster.processes == before)
        cluster.settle()
    }

    @Test func `rank 0 is told first, and the others when it has had its time`() throws {
        var cluster = try cluster()
        let master = try cluster.nodes(of: "decode-0")[0]
        let other = try cluster.nodes(of: "decode-0")[1]
        let isDecode = { (shard: ShardID) in shard.group.name == "decode-0" }
        for index in cluster.indices where ![master, other].contains(index) {
            cluster.simulation.crashAgent(index)
        }
        cluster.wait(.seconds(20)) { !running(on: master, of: $0).contains(where: isDecode) }
        #expect(running(on: other, of: cluster).contains(where: isDecode))
    }

    @Test func `nothing is started by a node that has given up`() throws {
        var cluster = try cluster()
        let victim = try victim(in: cluster)
        for index in cluster.indices where index != victim { cluster.simulation.crashAgent(index) }
        cluster.wait(.seconds(60)) { running(on: victim, of: $0).isEmpty }
        let launches = cluster.launches
        cluster.pass(.seconds(30))
        #expect(cluster.launches == launches && running(on: victim, of: cluster).isEmpty)
    }
}

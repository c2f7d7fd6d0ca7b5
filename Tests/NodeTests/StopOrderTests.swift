// Who is told to stop first, and when that does not matter.

import Base
import ClusterState
import Node
import Planning
import Supervision
import Testing

@testable import Simulation

@Suite struct StopOrderTests {
    private static let decode = GroupName("decode-0")

    /// Goes on until rank 1 of decode-0 is told to stop.
    /// - Returns: rank 0's engine at that moment.
    private func masterAtStopOfRank1(_ cluster: inout Cluster) -> SimulatedHost.Engine? {
        for _ in 0..<20_000 {
            if cluster.engine("decode-0", rank: 1)?.isGoing != false { break }
            cluster.pass(.milliseconds(1))
        }
        #expect(cluster.engine("decode-0", rank: 1)?.isGoing == true)
        return cluster.engine("decode-0", rank: 0)
    }

    @Test(arguments: [Command.Action.stop(decode), .restart(decode)])
    func `rank 0 has ended before the others are told to`(order: Command.Action) throws {
        var cluster = try Cluster(.wideDecode, nodes: 6) { $0.hangChance = 1 }
        cluster.settle()
        let nodes = try cluster.nodes(of: "decode-0")
        #expect(try cluster.ask(nodes[1], .propose(order)).isAccepted)
        #expect(masterAtStopOfRank1(&cluster) == nil)
        let isStop = order == .stop(Self.decode)
        cluster.wait {
            isStop
                ? $0.processes(of: "decode-0").isEmpty
                : (try? $0.group("decode-0", by: nodes[1]).generation) == 2
        }
    }

    @Test func `a rank 0 whose node is gone is not waited for`() throws {
        var cluster = try Cluster(.wideDecode, nodes: 6) { $0.hangChance = 1 }
        cluster.settle()
        let nodes = try cluster.nodes(of: "decode-0")
        cluster.simulation.crashAgent(nodes[0])
        cluster.wait { (try? $0.group("decode-0", by: nodes[1]).state) == "degraded" }
        let asked = cluster.simulation.now
        // The answer may come after an engine has ended.
        cluster.simulation.invariants.operatorTouched(Self.decode)
        cluster.simulation.ask(nodes[1], .propose(.stop(Self.decode)))
        #expect(masterAtStopOfRank1(&cluster) != nil)
        #expect(cluster.simulation.now - asked < .seconds(3))
        cluster.simulation.startAgent(nodes[0])
        cluster.wait { $0.processes(of: "decode-0").isEmpty }
    }

    @Test func `a rank 0 that does not end is waited for so long and no longer`() throws {
        var cluster = try Cluster(.wideDecode, nodes: 6) { $0.hangChance = 1 }
        cluster.settle()
        let nodes = try cluster.nodes(of: "decode-0")
        // Its agent does nothing for a while, and nobody knows.
        #expect(try cluster.ask(nodes[1], .propose(.stop(Self.decode))).isAccepted)
        let asked = cluster.simulation.now
        cluster.simulation.pause(nodes[0], for: .milliseconds(1500))
        _ = masterAtStopOfRank1(&cluster)
        #expect(cluster.simulation.now - asked < .seconds(9))
    }

    @Test func `a generation that failed is ended everywhere at once`() throws {
        var cluster = try Cluster(.wideDecode, nodes: 6) { $0.hangChance = 1 }
        cluster.settle()
        try cluster.killShard("decode-0", rank: 3)
        #expect(masterAtStopOfRank1(&cluster) != nil, "what hangs in a collective answers nothing")
        cluster.settle()
    }
}

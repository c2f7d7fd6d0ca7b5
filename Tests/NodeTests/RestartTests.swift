// Agents that start again: what they may do before they know what was agreed meanwhile, and what bytes
// from others may do to them.

import Base
import ClusterState
import Consensus
import Membership
import Node
import Planning
import Supervision
import Testing
import WireProtocol

@testable import Simulation

@Suite struct RestartTests {
    @Test func `a restarted agent that hears nobody starts nothing and ends nothing`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        let before = cluster.processes
        let launches = cluster.launches
        let alone = try cluster.nodes(of: "prefill-0")[1]
        cluster.simulation.crashAgent(alone)
        cluster.simulation.isolate(alone)
        cluster.simulation.startAgent(alone)
        cluster.pass(.seconds(30))
        #expect(cluster.processes == before)
        cluster.simulation.repair(.heal)
        cluster.settle()
        #expect(cluster.processes == before)
        #expect(cluster.launches == launches)
    }

    @Test func `what an agent's disk holds already is not told as news when it starts again`()
        throws
    {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        let index = cluster.follower
        let told = { (cluster: Cluster, what: String) in
            cluster.simulation.transcript.count {
                $0.contains("\(cluster.name(index)): applied \(what)")
            }
        }
        let launches = told(cluster, "launched")
        #expect(told(cluster, "deployed") == 1 && launches >= 3)
        cluster.simulation.crashAgent(index)
        cluster.simulation.startAgent(index)
        cluster.settle()
        #expect(try !cluster.machine(index).state.ledger.isEmpty)
        #expect(told(cluster, "deployed") == 1 && told(cluster, "launched") == launches)
        try cluster.killShard("decode-0", rank: 0)
        cluster.wait { told($0, "launched") == launches + 1 }
    }

    @Test func `a node that slept through a new generation ends its old shard and starts none`()
        throws
    {
        var cluster = try Cluster(.onePrefill, nodes: 5)
        cluster.settle()
        let away = try cluster.nodes(of: "prefill-0")[1]
        cluster.simulation.crashAgent(away)
        cluster.simulation.isolate(away)
        try cluster.killShard("prefill-0", rank: 0)
        cluster.wait { ((try? $0.nodes(of: "prefill-0"))?.contains(away)) == false }
        cluster.simulation.startAgent(away)
        let launches = cluster.simulation.transcript.count {
            $0.contains("\(cluster.name(away)) launches")
        }
        cluster.pass(.seconds(10))
        cluster.simulation.repair(.heal)
        cluster.settle()
        let story = cluster.simulation.transcript
        #expect(story.count { $0.contains("\(cluster.name(away)) launches") } == launches)
        #expect(!cluster.processes.contains { $0.node == cluster.name(away) })
    }

    @Test func `nodes beyond the fifth learn, and count for everything but votes`() throws {
        var cluster = try Cluster(.fourPrefills, nodes: 9)
        cluster.settle()
        let learner = 8
        #expect(try cluster.machine(learner).consensus.role == .follower)
        #expect(try cluster.status(learner).quorum.need == 3)
        for index in cluster.indices.dropFirst(5) { cluster.simulation.crashAgent(index) }
        cluster.pass(.seconds(10))
        #expect(cluster.leader != nil)
        #expect(try cluster.status(0).quorum.ok)
        for index in cluster.indices.dropFirst(5) { cluster.simulation.startAgent(index) }
        cluster.settle()
        let group = GroupName("prefill-1")
        #expect(try cluster.ask(learner, .propose(.restart(group))).isAccepted)
        cluster.wait { (try? $0.group("prefill-1", by: learner).generation) == 2 }
        cluster.settle()
    }

    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func `bytes that are no frame are dropped with a word, and stop nothing`(seed: UInt64) throws {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        let frames = Self.frames(of: try cluster.machine(1))
        var generator = SeededGenerator(seed: seed)
        var dropped = 0
        for _ in 0..<4000 {
            var bytes = try #require(frames.randomElement(using: &generator))
            Self.mutate(&bytes, using: &generator)
            // What still reads as consensus is a lie and not a bad frame: only a peer with the
            // cluster's key could tell it, and then no log is safe.
            if case .raft? = try? WireMessage(frame: bytes) { continue }
            var machine = try cluster.machine(0)
            var actions: [NodeAction] = []
            machine.step(
                .frame(bytes, from: cluster.simulation.nodes[1].node), at: cluster.simulation.now,
                wall: cluster.simulation.wall(of: 0), into: &actions)
            guard (try? WireMessage(frame: bytes)) == nil else { continue }
            dropped += 1
            let says = actions.contains {
                if case .log(.warning, let text) = $0 {
                    text.contains("dropped a frame")
                } else {
                    false
                }
            }
            #expect(says, "seed \(seed), frame \(bytes)")
        }
        #expect(dropped > 1000)
    }

    /// One frame of each kind, as a node that runs would say it.
    private static func frames(of machine: NodeMachine) -> [[UInt8]] {
        let node = machine.configuration.local
        let report = NodeReport(
            node: node, applied: machine.appliedIndex, deploymentDigest: 1,
            shards: [
                ShardReport(
                    shard: ShardID(
                        group: GroupName("decode-0"), generation: Generation(1),
                        rank: NodeRank(1)),
                    state: .ready, processID: 7, since: WallTime(millisecondsSinceEpoch: 1))
            ])
        let command = Command(.stop(nil), at: WallTime(millisecondsSinceEpoch: 1))
        let messages: [WireMessage] = [
            .report(report), .view(LeaderView(groups: [], reports: [report], voters: 3)),
            .request(RequestID(1), .propose(command)),
            .request(RequestID(2), .log(shard: "decode-0/1", lastLines: 3, from: 9)),
            .answer(RequestID(3), .refused(.unavailable, "no")),
            .raft(RaftMessage(term: machine.consensus.term, .voteReply(granted: false))),
        ]
        return messages.map(\.frame)
    }

    private static func mutate(
        _ bytes: inout [UInt8], using generator: inout SeededGenerator
    ) {
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
            let place = Int.random(in: bytes.indices, using: &generator)
            switch Int.random(in: 0..<3, using: &generator) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
            case 1 where bytes.count > 1: bytes.removeLast(min(place, bytes.count - 1))
            default: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: place)
            }
        }
    }
}

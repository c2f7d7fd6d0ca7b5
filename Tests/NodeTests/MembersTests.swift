// Nodes that come and go while the cluster serves.

import Base
import ClusterState
import Consensus
import Node
import Planning
import Supervision
import Testing
import WireProtocol

@testable import Simulation

@Suite struct MembersTests {
    /// A 1P1D cluster of so many nodes, and servers beside it on which nothing runs.
    private func cluster(_ nodes: Int, newcomers: Int = 0, seed: UInt64 = 1) throws -> Cluster {
        var cluster = try Cluster(.onePrefill, nodes: nodes, seed: seed) {
            $0.newcomerCount = newcomers
        }
        cluster.settle()
        cluster.wait { (try? $0.roster().isAgreed) == true }
        return cluster
    }

    private func text(_ answer: PeerAnswer) -> String {
        switch answer {
        case .accepted(let text), .refused(_, let text, _): text
        case .log, .document, .confirmed: ""
        }
    }

    @Test func `the first leader writes down who the nodes are, and the files rule no more`() throws
    {
        let cluster = try cluster(4)
        let machine = try cluster.machine(cluster.follower)
        #expect(machine.state.roster.nodes == cluster.simulation.nodes)
        #expect(machine.state.roster.serial == 1)
        #expect(machine.consensus.hasRecordedParticipants)
    }

    @Test func `a cluster grows from four to six and shrinks again, and no engine notices`() throws
    {
        var cluster = try cluster(4, newcomers: 2)
        let before = cluster.processes
        for index in [4, 5] {
            cluster.simulation.addNode(index)
            cluster.wait { (try? $0.role(of: index)) == (index == 4 ? "voter" : "learner") }
            cluster.wait { (try? $0.status(index).ready) == true }
        }
        #expect(try cluster.status(5).members.map(\.role).filter { $0 == "voter" }.count == 5)
        let asked = cluster.follower
        for index in [5, 4] {
            let answer = try cluster.ask(
                asked, .members(.remove(NodeID(cluster.name(index)), isForced: false)))
            #expect(answer.isAccepted, "\(answer)")
            cluster.wait { (try? $0.status(asked).members.count) == index }
            cluster.wait { (try? $0.machine(index).isDismissed) == true }
            let status = try cluster.status(index)
            #expect(!status.ready)
            #expect(status.reasons.first?.contains("was removed from the cluster") == true)
        }
        cluster.pass(.seconds(5))
        #expect(cluster.processes == before)
        #expect(try cluster.machine(asked).consensus.participants.all.count == 4)
    }

    @Test func `a node that was down when it was removed is told when it comes back`() throws {
        var cluster = try cluster(5)
        let gone = cluster.spare
        cluster.simulation.crashAgent(gone)
        cluster.pass(.seconds(3))
        let asked = try #require(cluster.leader)
        let order = MembersOrder.remove(NodeID(cluster.name(gone)), isForced: false)
        #expect(try cluster.ask(asked, .members(order)).isAccepted)
        cluster.wait { (try? $0.machine(asked).consensus.participants.all.count) == 4 }
        let term = try cluster.machine(asked).consensus.term
        cluster.simulation.startAgent(gone)
        cluster.wait { (try? $0.machine(gone).isDismissed) == true }
        cluster.pass(.seconds(10))
        // Its log, by which it votes, might be the longest there is.
        cluster.wait { (try? $0.machine(gone).consensus.role) == .preCandidate }
        #expect(try cluster.machine(asked).consensus.term == term, "it deposes nobody")
        #expect(try cluster.status(asked).members.count == 4)
        let add = MembersOrder.add(cluster.simulation.nodes[gone])
        #expect(try cluster.ask(asked, .members(add)).isAccepted)
        cluster.wait { (try? $0.role(of: gone)) == "voter" }
        cluster.wait { (try? $0.status(gone).ready) == true }
    }

    @Test func `a node that was removed and taken in again while it ran can be cordoned`() throws {
        var cluster = try cluster(5)
        let gone = cluster.spare
        let node = NodeID(cluster.name(gone))
        let asked = try #require(cluster.leader)
        #expect(try cluster.ask(asked, .members(.remove(node, isForced: false))).isAccepted)
        cluster.wait { (try? $0.machine(asked).consensus.participants.all.count) == 4 }
        let add = MembersOrder.add(cluster.simulation.nodes[gone])
        #expect(try cluster.ask(asked, .members(add)).isAccepted)
        cluster.wait { (try? $0.role(of: gone)) == "voter" }
        let cordon = try cluster.ask(asked, .propose(.cordon(node, .cordon)))
        #expect(cordon.isAccepted, "\(cordon)")
    }

    /// A cluster whose spare has taken the rank of a node that nobody hears of any more, and whose engine goes
    /// on: whether the ranks of a broken world fall or hang is chance.
    private func clusterWithLostEngine() throws -> (Cluster, victim: Int) {
        for seed in UInt64(1)...30 {
            var cluster = try cluster(5, seed: seed)
            let victim = try #require(try cluster.nodes(of: "decode-0").first)
            let spare = cluster.spare
            cluster.simulation.isolate(victim)
            cluster.wait(.seconds(60)) {
                (try? $0.nodes(of: "decode-0").contains(spare)) == true
            }
            cluster.wait { (try? $0.group("decode-0", by: spare).state) == "ready" }
            if !cluster.simulation.hosts[victim].engines.isEmpty { return (cluster, victim) }
        }
        throw NoLostEngine()
    }

    private struct NoLostEngine: Error {}

    @Test func `what a removed node still runs of an old generation ends when it comes back`()
        throws
    {
        var (cluster, victim) = try clusterWithLostEngine()
        let prefill = cluster.processes(of: "prefill-0")
        let asked = try #require(
            cluster.indices.first {
                $0 != victim && cluster.simulation.machines[$0]?.consensus.role == .leader
            })
        let order = MembersOrder.remove(NodeID(cluster.name(victim)), isForced: false)
        #expect(try cluster.ask(asked, .members(order)).isAccepted)
        cluster.wait { (try? $0.machine(asked).consensus.participants.all.count) == 4 }
        // Its agent restarts meanwhile, and knows nothing but its disk.
        cluster.simulation.crashAgent(victim)
        cluster.simulation.startAgent(victim)
        cluster.simulation.repair(.heal)
        cluster.wait { $0.simulation.hosts[victim].engines.isEmpty }
        #expect(cluster.processes(of: "prefill-0") == prefill)
        cluster.wait { (try? $0.status(asked).ready) == true }
    }

    @Test func `what is unsafe is refused, with the reason and what to do`() throws {
        var cluster = try cluster(4)
        let leader = try #require(cluster.leader)
        let asked = cluster.follower
        let holder = try #require(try cluster.nodes(of: "prefill-0").first)
        let node = NodeID(cluster.name(holder))
        let held = try cluster.ask(asked, .members(.remove(node, isForced: false)))
        #expect(held.refusal == .unsafe)
        #expect(text(held).contains("rank 0 of prefill-0"))
        #expect(text(held).contains("--force"))
        let misspelt = try cluster.ask(asked, .members(.promote(NodeID("nod-1"))))
        #expect(misspelt.refusal == .notFound)
        #expect(text(misspelt).contains("did you mean \"node-1\""))
        let known = try cluster.ask(asked, .members(.add(cluster.simulation.nodes[0])))
        #expect(known.refusal == .unsafe)
        let votes = try cluster.ask(asked, .members(.promote(node)))
        #expect(text(votes).contains("votes already"))
        let leads = try cluster.ask(asked, .members(.lead(NodeID(cluster.name(leader)))))
        #expect(text(leads).contains("leads already"))
        // Two of four are away: without a third, nothing could be agreed on.
        let away = try #require(cluster.indices.first { $0 != leader && $0 != asked })
        cluster.simulation.crashHost(away)
        cluster.pass(.seconds(3))
        let last = try cluster.ask(
            leader, .members(.remove(NodeID(cluster.name(asked)), isForced: true)))
        #expect(last.isAccepted, "two of three answer then: \(text(last))")
        let more = try cluster.ask(
            leader, .members(.remove(NodeID(cluster.name(leader)), isForced: true)))
        #expect(!more.isAccepted)
    }

    @Test func `the leader can be removed, and leaves once that is agreed`() throws {
        var cluster = try cluster(5)
        let leader = try #require(cluster.leader)
        let before = cluster.processes
        let isSpare = leader == cluster.spare
        let order = MembersOrder.remove(NodeID(cluster.name(leader)), isForced: true)
        #expect(try cluster.ask(cluster.follower, .members(order)).isAccepted)
        cluster.wait(.seconds(60)) { (try? $0.machine(leader).isDismissed) == true }
        let next = try #require(
            cluster.indices.first {
                $0 != leader && cluster.simulation.machines[$0]?.consensus.role == .leader
            })
        cluster.wait(.seconds(60)) { (try? $0.status(next).ready) == true }
        if isSpare { #expect(cluster.processes == before) }
        #expect(try cluster.status(next).members.count == 4)
    }

    @Test func `a removed node's rank goes to a spare, and no other group notices`() throws {
        var cluster = try cluster(5)
        let victim = try #require(try cluster.nodes(of: "decode-0").last)
        let spare = cluster.spare
        let prefill = cluster.processes(of: "prefill-0")
        let order = MembersOrder.remove(NodeID(cluster.name(victim)), isForced: true)
        #expect(try cluster.ask(cluster.follower, .members(order)).isAccepted)
        cluster.wait { (try? $0.nodes(of: "decode-0").contains(spare)) == true }
        cluster.wait { (try? $0.group("decode-0", by: spare).state) == "ready" }
        cluster.wait { $0.simulation.hosts[victim].engines.isEmpty }
        #expect(cluster.processes(of: "prefill-0") == prefill)
    }

    @Test func `leadership goes where the operator wants it, and votes do too`() throws {
        var cluster = try cluster(5)
        let leader = try #require(cluster.leader)
        let other = cluster.follower
        let node = NodeID(cluster.name(other))
        #expect(try cluster.ask(leader, .members(.lead(node))).isAccepted)
        cluster.wait { $0.leader == other }
        let demoted = NodeID(cluster.name(leader))
        #expect(try cluster.ask(other, .members(.demote(demoted))).isAccepted)
        cluster.wait { (try? $0.role(of: leader)) == "learner" }
        let lead = try cluster.ask(other, .members(.lead(demoted)))
        #expect(lead.refusal == .unsafe)
        #expect(try cluster.ask(other, .members(.promote(demoted))).isAccepted)
        cluster.wait { (try? $0.role(of: leader)) == "voter" }
    }

    @Test func `a file that names other nodes is told of, and rules nothing`() throws {
        var cluster = try cluster(5)
        let index = cluster.spare
        let stranger = ConfiguredNode(node: NodeID("node-9"), address: "10.0.0.9")
        cluster.simulation.hosts[index].listed = [cluster.simulation.nodes[index], stranger]
        cluster.simulation.crashAgent(index)
        cluster.simulation.startAgent(index)
        let asked = try #require(cluster.indices.first { $0 != index })
        cluster.wait {
            (try? $0.status(asked).members[index].fileDifferences?.contains("node-9")) == true
        }
        #expect(
            try cluster.status(asked).notes.contains { $0.contains("lacks node-1") || index == 0 })
        #expect(try cluster.machine(index).members == cluster.simulation.nodes)
    }

    @Test func `a file that has another super pod is told of`() throws {
        var cluster = try cluster(5)
        let index = cluster.spare
        cluster.simulation.hosts[index].listed = cluster.simulation.nodes.map {
            ConfiguredNode(node: $0.node, address: $0.address, superPod: "pod-7")
        }
        cluster.simulation.crashAgent(index)
        cluster.simulation.startAgent(index)
        let asked = try #require(cluster.indices.first { $0 != index })
        cluster.wait {
            (try? $0.status(asked).members[index].fileDifferences?
                .contains("has super_pod pod-7 for node-1, and none is agreed")) == true
        }
    }

    @Test func `a file whose settings are not those that the leader goes by is told of`() throws {
        var cluster = try cluster(5)
        let index = cluster.spare
        for each in cluster.indices {
            cluster.simulation.hosts[each].settings = [
                FileSetting("timing.stable_view", each == index ? "2m" : "15s"),
                FileSetting("preflight", "off"),
            ]
            cluster.simulation.crashAgent(each)
            cluster.simulation.startAgent(each)
        }
        cluster.wait { $0.leader != nil && $0.leader != index }
        let leader = cluster.name(try #require(cluster.leader))
        let text =
            "its file has other settings than that of \(leader), which leads: timing.stable_view is 2m "
            + "here and 15s there; "
        let asked = try #require(cluster.indices.first { $0 != index })
        cluster.wait {
            (try? $0.status(asked).members[index].fileDifferences?.hasPrefix(text)) == true
        }
        let notes = try cluster.status(asked).notes.filter { $0.contains("other settings") }
        #expect(notes.count == 1 && notes.first?.hasPrefix(cluster.name(index)) == true)
        // Whoever leads is the measure, and with it all the others differ.
        let lead = MembersOrder.lead(NodeID(cluster.name(index)))
        #expect(try cluster.ask(asked, .members(lead)).isAccepted)
        cluster.wait { cluster in
            cluster.leader == index
                && cluster.indices.allSatisfy { each in
                    let told = try? cluster.status(each).members[each].fileDifferences
                    let differs = told?.contains("15s here and 2m there") == true
                    return differs == (each != index)
                }
        }
    }

    @Test
    func `a node finds those that came while it was away, though its file does not name them`()
        throws
    {
        var cluster = try cluster(5, newcomers: 1)
        let away = cluster.spare
        cluster.simulation.crashAgent(away)
        cluster.simulation.addNode(5)
        cluster.wait { (try? $0.machine($0.leader ?? 0).consensus.participants.all.count) == 6 }
        // The newcomer takes the vote of the one that is away, and then leads.
        cluster.wait {
            (try? $0.machine($0.leader ?? 0).consensus.quorum.contains(NodeID("node-6"))) == true
        }
        let asked = try #require(cluster.leader)
        #expect(try cluster.ask(asked, .members(.lead(NodeID("node-6")))).isAccepted)
        cluster.wait { $0.leader == 5 }
        cluster.simulation.startAgent(away)
        cluster.wait { (try? $0.machine(away).consensus.leader) == NodeID("node-6") }
        cluster.wait { (try? $0.status(away).ready) == true }
    }
}

extension Cluster {
    fileprivate func roster() throws -> Roster {
        try machine(leader ?? 0).state.roster
    }

    /// As the leader sees it.
    fileprivate func role(of index: Int) throws -> String? {
        try status(leader ?? 0).members.first { $0.node == name(index) }?.role
    }
}

// What a status says of the quorum, of files that differ, of notes, and in which order.

import Base
import ClusterState
import Node
import Planning
import Testing
import WireProtocol

@testable import Simulation

@Suite struct StatusTests {
    @Test
    func `a new leader counts the voters that are there, and not those that it has to hear yet`()
        throws
    {
        var cluster = try Cluster(.onePrefill, nodes: 5)
        cluster.settle()
        let first = try #require(cluster.leader)
        let gone = try #require(cluster.indices.last { $0 != first })
        cluster.simulation.crashHost(gone)
        cluster.pass(.seconds(10))
        cluster.simulation.crashHost(first)
        cluster.wait { $0.leader != nil && $0.leader != first }
        let quorum = try cluster.status(try #require(cluster.leader)).quorum
        #expect(quorum.have < 5 && quorum.voters == 5 && quorum.need == 3)
        #expect(quorum.missing.contains(cluster.name(gone)))
        cluster.pass(.seconds(10))
        for index in cluster.indices where index != gone && index != first {
            let quorum = try cluster.status(index).quorum
            #expect(quorum.have == 3 && quorum.ok)
            #expect(quorum.missing == [gone, first].sorted().map(cluster.name))
        }
    }

    @Test func `without a quorum it is told how many are needed, and who is missing`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 5)
        cluster.settle()
        for index in 2..<5 { cluster.simulation.crashHost(index) }
        cluster.pass(.seconds(20))
        let missing = (2..<5).map(cluster.name).joined(separator: ", ")
        #expect(
            try cluster.status(0).reasons.first
                == "no quorum: 2 of 5 voters are here, 3 are needed, missing: \(missing); "
                + "what runs goes on, and nothing is restarted")
    }

    @Test func `what waits for an operator is told before what waits by itself`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4) {
            $0.restartBudget = 1
            $0.failsAtStart = { $0.group.name == "decode-0" }
        }
        cluster.wait { (try? $0.group("decode-0", by: 1).state) == "failed" }
        #expect(try cluster.ask(1, .propose(.restart(GroupName("prefill-0")))).isAccepted)
        cluster.wait { (try? $0.group("prefill-0", by: 1).state) == "starting" }
        let reasons = try cluster.status(1).reasons
        #expect(reasons.first?.contains("given up after") == true, "\(reasons)")
        #expect(reasons.dropFirst().first?.hasPrefix("prefill-0 ") == true)
        #expect(!reasons.contains { $0.contains("its log ends") })
    }

    @Test func `what several nodes note is told once, with all of them`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        for index in [0, 2, 3] { cluster.simulation.give(.noted(["swap is on"]), to: index) }
        cluster.simulation.give(.noted(["no npu-smi"]), to: 1)
        cluster.pass(.seconds(5))
        let nodes = [0, 2, 3].map(cluster.name).joined(separator: ", ")
        #expect(
            try cluster.status(1).notes
                == ["\(nodes): swap is on", "\(cluster.name(1)): no npu-smi"])
    }

    @Test func `after an apply the old files are what is left to copy over`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        let old = try cluster.machine(0).configuration.deployment
        let new = Deployment(
            profileName: old.profileName, profileYAML: old.profileYAML, modelPath: "/models/new",
            engine: old.engine)
        for index in 0..<2 { cluster.simulation.replaceFile(of: index, by: new) }
        cluster.pass(.seconds(10))
        let before = try cluster.status(0).notes
        let holders = "\(cluster.name(0)), \(cluster.name(1))"
        #expect(before.first?.hasPrefix("\(holders) have another deployment") == true, "\(before)")
        #expect(before.first?.contains("other model_path; file ") == true, "\(before)")
        #expect(try cluster.ask(0, .apply).isAccepted)
        cluster.pass(.seconds(10))
        for index in cluster.indices {
            let notes = try cluster.status(index).notes
            let left =
                "\(cluster.name(2)), \(cluster.name(3)) still have the file that was agreed before ("
            #expect(notes.first?.hasPrefix(left) == true, "\(notes)")
            #expect(notes.first?.contains("other model_path; file ") == true, "\(notes)")
            #expect(notes.first?.contains("copy the agreed one there") == true, "\(notes)")
        }
    }

    @Test func `before a leader is elected nobody is said to know why there is no plan`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4, starts: false)
        cluster.simulation.repair(.boot(0))
        cluster.pass(.seconds(10))
        let machine = try cluster.machine(0)
        #expect(machine.planNotes == ["nobody leads, and the leader plans: see glm-agent status"])
        let status = try cluster.status(0)
        #expect(status.profile == nil)
        #expect(status.notes.first?.contains(Shape.onePrefill.rawValue) == true, "\(status.notes)")
        #expect(status.reasons.contains("no plan: nobody leads"), "\(status.reasons)")
    }
}

// What operators ask, and what any node answers.

import Base
import ClusterState
import Consensus
import Node
import Planning
import Supervision
import Testing
import WireProtocol

@testable import Simulation

@Suite struct OperatorTests {
    @Test func `a new file waits for every node, says for whom, and can be applied without`() throws
    {
        var cluster = try Cluster(.onePrefill, nodes: 5)
        cluster.settle()
        let gone = cluster.spare
        cluster.simulation.crashHost(gone)
        let old = try cluster.machine(cluster.follower).configuration.deployment
        let new = Deployment(
            profileName: old.profileName, profileYAML: old.profileYAML, modelPath: "/models/new",
            engine: old.engine)
        for index in cluster.indices where index != gone {
            cluster.simulation.replaceFile(of: index, by: new)
        }
        cluster.pass(.seconds(20))
        let asked = cluster.follower
        let notes = try cluster.status(asked).notes
        #expect(notes.first?.contains("it waits for \(cluster.name(gone)), whose file") == true)
        #expect(notes.first?.contains("glm-agent apply") == true, "\(notes)")
        #expect(try cluster.machine(asked).state.deployment == old)

        #expect(try cluster.ask(asked, .apply).isAccepted)
        for name in ["prefill-0", "decode-0"] {
            cluster.wait { (try? $0.group(name, by: asked).generation) == 2 }
            cluster.wait { (try? $0.group(name, by: asked).state) == "ready" }
        }
        #expect(try cluster.machine(asked).state.deployment == new)
        let serial = try cluster.machine(asked).state.deploymentSerial
        #expect(try cluster.ask(asked, .apply).isAccepted, "once more changes nothing")
        cluster.pass(.seconds(5))
        #expect(try cluster.machine(asked).state.deploymentSerial == serial)

        // What comes back with the old file runs what is agreed, and is told of.
        cluster.simulation.repair(.boot(gone))
        cluster.wait { (try? $0.status(asked).notes.first?.hasPrefix($0.name(gone))) == true }
        let files = try cluster.status(asked).members.filter { $0.fileDifferences != nil }
        #expect(files.map(\.node) == [cluster.name(gone)], "\(files)")
        let told = try #require(files.first?.fileDifferences)
        #expect(told.hasPrefix("still the file that was agreed before ("), "\(told)")
        #expect(told.contains("other model_path"), "\(told)")
        cluster.pass(.seconds(5))
        #expect(try cluster.machine(asked).state.deployment == new)
    }

    @Test func `a group is stopped, started and restarted from any node`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        let group = GroupName("decode-0")
        let prefill = cluster.processes(of: "prefill-0")
        for index in cluster.indices {
            #expect(try cluster.ask(index, .propose(.stop(group))).isAccepted)
            cluster.wait { $0.processes(of: "decode-0").isEmpty }
            cluster.wait { (try? $0.group("decode-0", by: index).state) == "stopped" }
            #expect(try cluster.ask(index, .propose(.start(group))).isAccepted)
            cluster.settle()
            let before = try cluster.group("decode-0", by: index).generation
            #expect(try cluster.ask(index, .propose(.restart(group))).isAccepted)
            cluster.wait { (try? $0.group("decode-0", by: index).generation) == before + 1 }
            cluster.settle()
        }
        #expect(cluster.processes(of: "prefill-0") == prefill)
    }

    @Test func `what is stopped does not serve, and the cluster is not ready`() throws {
        var cluster = try Cluster(.twoPrefills, nodes: 6)
        cluster.settle()
        let steps: [(Command.Action, String)] = [
            (.stop(GroupName("prefill-1")), "prefill-1 is stopped by the operator"),
            (
                .stop(GroupName("decode-0")),
                "decode-0 is stopped by the operator; no decode group serves"
            ),
        ]
        var expected: [String] = []
        for (order, reason) in steps {
            #expect(try cluster.ask(1, .propose(order)).isAccepted)
            expected.append(reason)
            cluster.wait { (try? $0.status(2).reasons) == expected }
            #expect(try !cluster.status(2).ready)
        }
        #expect(try cluster.ask(1, .propose(.stop(nil))).isAccepted)
        cluster.wait { $0.processes.isEmpty }
        #expect(try cluster.status(2).reasons == ["the deployment is stopped by the operator"])
        #expect(try !cluster.status(2).ready)
        #expect(try cluster.ask(1, .propose(.start(nil))).isAccepted)
        cluster.settle()
        #expect(try cluster.status(2).groups.allSatisfy { $0.restarts == 0 })
    }

    @Test func `an order is answered with what follows, on every node`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        for index in cluster.indices {
            let generation = try cluster.group("decode-0", by: index).generation
            let answer = try cluster.ask(index, .propose(.restart(GroupName("decode-0"))))
            #expect(
                answer
                    == .accepted(
                        "decode-0: restart agreed; generation \(generation) ends, generation "
                            + "\(generation + 1) follows. Watch: glm-agent status"))
            cluster.wait { (try? $0.group("decode-0", by: index).generation) == generation + 1 }
            cluster.settle()
        }
    }

    @Test func `everything is stopped and started`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        #expect(try cluster.ask(2, .propose(.stop(nil))).isAccepted)
        cluster.wait { $0.processes.isEmpty }
        #expect(try cluster.status(1).wanted == "stopped")
        cluster.pass(.seconds(10))
        #expect(cluster.processes.isEmpty)
        #expect(try cluster.ask(3, .propose(.start(nil))).isAccepted)
        cluster.settle()
    }

    @Test func `a restart forgives a group that was given up`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4) {
            $0.restartBudget = 1
            $0.failsAtStart = { $0.group.name == "decode-0" && $0.generation.value == 1 }
        }
        cluster.wait { (try? $0.group("decode-0", by: 1).state) == "failed" }
        cluster.pass(.seconds(10))
        #expect(try cluster.group("decode-0", by: 1).generation == 1)
        #expect(try cluster.ask(1, .propose(.restart(GroupName("decode-0")))).isAccepted)
        cluster.settle()
        #expect(try cluster.group("decode-0", by: 1).generation == 2)
    }

    @Test func `what no group is called is refused`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        let group = GroupName("decode-9")
        #expect(try cluster.ask(0, .propose(.stop(group))).refusal == .notFound)
        #expect(try cluster.ask(1, .propose(.restart(group))).refusal == .notFound)
        let log = OperatorRequest.log(shard: "decode-9/0", lastLines: 1, from: nil)
        #expect(try cluster.ask(2, log).refusal == .notFound)
    }

    @Test func `a misspelt group or shard is answered with the nearest and all there are`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        #expect(
            try cluster.ask(0, .propose(.restart(GroupName("prefil-0"))))
                == .refused(
                    .notFound,
                    "there is no group \"prefil-0\"; did you mean \"prefill-0\"? "
                        + "There are: prefill-0, decode-0, router", advice: Advice.groups))
        #expect(
            try cluster.ask(1, .log(shard: "decod-0/1", lastLines: 1, from: nil))
                == .refused(
                    .notFound,
                    "there is no shard \"decod-0/1\"; did you mean \"decode-0/1\"? There are: "
                        + "decode-0/0, decode-0/1, prefill-0/0, prefill-0/1, router/0",
                    advice: Advice.groups))
    }

    @Test func `any node knows why the ranks are where they are`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 5)
        cluster.settle()
        for index in cluster.indices {
            let explanation = try #require(try cluster.machine(index).planExplanation)
            #expect(explanation.ranks[0].reason == .configuredOrder)
            #expect(explanation.ranks.allSatisfy { !$0.isWaitedFor })
            #expect(explanation.idle.map(\.isSpare) == [true])
        }
    }

    @Test func `without a leader a request is refused, and a shard runs on`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        let before = cluster.processes
        let second = try ["prefill-0", "decode-0"].map { try cluster.nodes(of: $0)[1] }
        let alone = try #require(second.first { $0 != cluster.leader })
        cluster.simulation.isolate(alone)
        cluster.pass(.seconds(20))
        let answer = try cluster.ask(alone, .propose(.stop(nil)))
        #expect(answer.refusal == .unavailable)
        #expect(cluster.processes == before)
        let status = try cluster.status(alone)
        #expect(!status.quorum.ok && status.leader == nil)
        #expect(status.reasons.first?.contains("no quorum") == true)
    }

    @Test func `a request that a lost leader never answers is answered in time`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        let leader = try #require(cluster.leader)
        cluster.simulation.isolate(leader)
        let answer = try cluster.ask(leader, .propose(.stop(nil)))
        #expect(answer.refusal == .timedOut || answer.refusal == .unavailable)
    }

    @Test(arguments: [true, false])
    func `an order without an answer may still be done, and says so, whoever was asked`(
        asksLeader: Bool
    ) throws {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        let leader = try #require(cluster.leader)
        let asked = asksLeader ? leader : cluster.follower
        // Its peers are silent before they know it.
        for index in cluster.indices where index != asked { cluster.simulation.isolate(index) }
        let answer = try cluster.ask(asked, .propose(.restart(GroupName("decode-0"))))
        guard case .refused(.timedOut, let text, _) = answer else {
            Issue.record("\(answer)")
            return
        }
        #expect(text.contains("in time; it may still be done"), "\(text)")
        #expect(text.contains("did not answer") == !asksLeader, "\(text)")
    }

    @Test func `what a leader proposed before a snapshot overtook it is forgotten`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 5) { configuration in
            (configuration.logLimit, configuration.tailEntriesLimit) = (8, 0)
        }
        cluster.settle()
        let old = try #require(cluster.leader)
        cluster.simulation.isolate(old)
        let id = cluster.simulation.ask(old, .propose(.start(nil)))
        #expect(try cluster.openProposals(of: old) > 0)
        let others = cluster.indices.filter { $0 != old }
        cluster.wait { cluster in
            others.contains { cluster.simulation.machines[$0]?.consensus.role == .leader }
        }
        let asked = try #require(
            others.first { cluster.simulation.machines[$0]?.consensus.role == .leader })
        for _ in 0..<20 { #expect(try cluster.ask(asked, .propose(.start(nil))).isAccepted) }
        cluster.simulation.repair(.heal)
        cluster.settle()
        #expect(cluster.simulation.answers[id] != nil)
        #expect(try cluster.openProposals(of: old) == 0)
    }

    @Test func `every node confirms what was agreed on, once it knows it itself`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        for index in cluster.indices {
            let other = (index + 1) % 4
            #expect(try cluster.ask(other, .propose(.stop(nil))).isAccepted)
            let agreed = try cluster.machine(other).appliedIndex
            guard case .confirmed(let known) = try cluster.ask(index, .confirm) else {
                Issue.record("node \(index) confirms nothing")
                continue
            }
            #expect(known >= agreed)
            #expect(try cluster.machine(index).appliedIndex >= agreed)
        }
    }

    @Test func `a leader that was replaced and does not know it yet confirms nothing`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        let old = try #require(cluster.leader)
        cluster.simulation.isolate(old)
        #expect(try cluster.machine(old).consensus.role == .leader, "for a moment still")
        #expect(try cluster.ask(old, .confirm).refusal != nil)
    }

    @Test func `a log is read on the node that wrote it`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        for index in cluster.indices {
            for name in ["prefill-0/1", "prefill-0.g1.r1"] {
                let request = OperatorRequest.log(shard: name, lastLines: 5, from: nil)
                let answer = try cluster.ask(index, request)
                #expect(answer == .log(text: "log of prefill-0.g1.r1\n", next: 1))
            }
        }
    }

    @Test func `every node shows every shard, and how old its picture is`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        cluster.pass(.seconds(3))
        let follower = cluster.follower
        let status = try cluster.status(follower)
        #expect(try #require(status.ageSeconds) < 2)
        #expect(status.groups.flatMap(\.ranks).allSatisfy { $0.state == "ready" && $0.pid != nil })
        cluster.simulation.isolate(follower)
        cluster.pass(.seconds(12))
        #expect(try #require(try cluster.status(follower).ageSeconds) > 10)
    }

    @Test func `a changed file takes effect once every node has it`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        let before = cluster.processes
        let old = cluster.simulation.configuration.deployment
        let new = Deployment(
            profileName: old.profileName, profileYAML: old.profileYAML,
            modelPath: "/models/another", engine: old.engine)
        for index in cluster.indices.dropLast() {
            cluster.simulation.replaceFile(of: index, by: new)
            cluster.pass(.seconds(10))
            #expect(cluster.processes == before, "after \(index + 1) files of 4")
            #expect(try cluster.machine(3).state.deployment == old)
        }
        cluster.simulation.replaceFile(of: 3, by: new)
        // The groups take it one after the other.
        cluster.pass(.seconds(60))
        cluster.settle()
        #expect(try cluster.machine(0).state.deployment == new)
        // The router's launch does not name the weights.
        let engines = cluster.processes.filter { $0.shard.group.name != "router" }
        #expect(engines.allSatisfy { $0.shard.generation.value == 2 })
    }
}

// Engines are told what to do in the words of the SGLang that their node has.

import Base
import ClusterState
import Node
import Planning
import Profiles
import Supervision
import Testing

@testable import Simulation

@Suite struct InstalledSGLangTests {
    private func cluster(
        _ engine: EngineKind = .sglang, version: String
    ) throws -> Cluster {
        let version = try #require(Version(version))
        let cluster = try Cluster(.onePrefill, nodes: 4) { configuration in
            configuration.sglang = .version(version)
            let old = configuration.deployment
            configuration.deployment = Deployment(
                profileName: old.profileName, profileYAML: old.profileYAML,
                modelPath: old.modelPath, engine: engine)
        }
        return cluster
    }

    @Test func `a newer version gets the profile in its words`() throws {
        var cluster = try cluster(version: "0.5.20")
        cluster.settle()
        let told = cluster.simulation.transcript.filter {
            $0.contains("in the words of SGLang 0.5.20: ")
        }
        #expect(told.count >= 4)
        #expect(told.contains { $0.contains("--cuda-graph-bs-decode") })
    }

    @Test func `a version of the profile's own range gets it as it is written`() throws {
        var cluster = try cluster(version: "0.5.12.post1")
        cluster.settle()
        #expect(!cluster.simulation.transcript.contains { $0.contains("in the words of") })
    }

    @Test func `a refusal is why the shard fails`() throws {
        var cluster = try cluster(version: "0.5.8")
        // The invariants know no groups that end without a fault, so they are not asked here.
        cluster.simulation.advance(upTo: .seconds(60)) { simulation in
            simulation.transcript.contains { $0.contains("0.5.8 is older") }
        }
        #expect(
            cluster.simulation.transcript.contains { $0.contains("0.5.8 is older") },
            "\(cluster.story)")
        #expect(cluster.processes.isEmpty && cluster.launches == 0)
    }

    @Test func `a build from git gets the words of the versions around it`() throws {
        var cluster = try cluster(version: "0.5.23.dev1+gabc1234")
        cluster.settle()
        let told = cluster.simulation.transcript.filter {
            $0.contains("in the words of SGLang 0.5.23.dev1+gabc1234: ")
        }
        #expect(told.count >= 4 && told.contains { $0.contains("--attn-dp-size") }, "\(told)")
    }

    @Test func `a version that cannot be read starts nothing, and the shard tells it`() throws {
        var cluster = try cluster(version: "0.5.20")
        for index in cluster.indices {
            cluster.simulation.hosts[index].sglang = .unreadable("main-a3")
        }
        let why = "says that its SGLang is \"main-a3\", which is no version"
        // The invariants know no groups that end without a fault, so they are not asked here.
        cluster.simulation.advance(upTo: .seconds(60)) { simulation in
            simulation.transcript.contains { $0.contains(why) }
        }
        #expect(cluster.simulation.transcript.contains { $0.contains(why) }, "\(cluster.story)")
        #expect(cluster.processes.isEmpty && cluster.launches == 0)
    }

    @Test func `another engine does not care`() throws {
        var cluster = try cluster(.rehearsal, version: "0.5.8")
        cluster.settle()
    }

    @Test func `one that was replaced meanwhile is seen at the next launch`() throws {
        var cluster = try cluster(version: "0.5.12.post1")
        cluster.settle()
        let version = try #require(Version("0.5.20"))
        for index in cluster.indices {
            cluster.simulation.hosts[index].sglang = .version(version)
        }
        try cluster.killShard("decode-0", rank: 0)
        cluster.pass(.seconds(3))
        cluster.settle()
        let told = cluster.simulation.transcript.filter {
            $0.contains("in the words of SGLang 0.5.20: ")
        }
        #expect(told.count == 2 && told.allSatisfy { $0.contains("decode-0.g2") }, "\(told)")
    }

    @Test func `a question without an answer delays nothing and is asked again`() throws {
        var cluster = try cluster(version: "0.5.20")
        for index in cluster.indices {
            cluster.simulation.hosts[index].sglang = .unknown("gave no answer in 30 s")
        }
        cluster.settle()
        #expect(!cluster.simulation.transcript.contains { $0.contains("in the words of") })
        for index in cluster.indices { cluster.simulation.hosts[index].sglang = nil }
        try cluster.killShard("decode-0", rank: 0)
        cluster.pass(.seconds(3))
        cluster.settle()
        #expect(cluster.simulation.transcript.contains { $0.contains("in the words of") })
    }

    @Test func `what is stopped while its version is looked for was never started`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4) { configuration in
            let old = configuration.deployment
            configuration.deployment = Deployment(
                profileName: old.profileName, profileYAML: old.profileYAML,
                modelPath: old.modelPath, engine: .sglang)
            configuration.sglang = nil
        }
        cluster.wait { tells($0, "looks for the SGLang of decode-0.g1.r0") }
        let decode = GroupName("decode-0")
        #expect(try cluster.ask(0, .propose(.stop(decode))).isAccepted)
        cluster.wait { (try? $0.group("decode-0", by: 0).state) == "stopped" }
        #expect(cluster.processes(of: "decode-0").isEmpty)
        let late = ShardID(group: decode, generation: Generation(1), rank: .master)
        let node = try cluster.nodes(of: "decode-0")[0]
        cluster.simulation.give(.sglangFound(late, .unknown("late")), to: node)
        cluster.pass(.seconds(2))
        #expect(cluster.processes(of: "decode-0").isEmpty, "an answer too late starts nothing")
    }

    private func tells(_ cluster: Cluster, _ text: String) -> Bool {
        cluster.simulation.transcript.contains { $0.contains(text) }
    }
}

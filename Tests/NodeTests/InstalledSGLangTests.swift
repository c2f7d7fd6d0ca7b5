// Engines are told what to do in the words of the SGLang that their node has.

import Base
import Node
import Planning
import Profiles
import Testing

@testable import Simulation

@Suite struct InstalledSGLangTests {
    private func cluster(
        _ engine: EngineKind = .sglang, version: String
    ) throws -> Cluster {
        var cluster = try Cluster(.onePrefill, nodes: 4) { configuration in
            let old = configuration.deployment
            configuration.deployment = Deployment(
                profileName: old.profileName, profileYAML: old.profileYAML,
                modelPath: old.modelPath, engine: engine)
        }
        let version = try #require(Version(version))
        for index in cluster.indices {
            cluster.simulation.give(.sglangFound(version), to: index)
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
        // No fault of the simulation ends these groups.
        for group in ["prefill-0", "decode-0"] {
            cluster.simulation.invariants.operatorTouched(GroupName(group))
        }
        cluster.wait(.seconds(60)) { cluster in
            let group = try? cluster.group("prefill-0", by: cluster.leader ?? 0)
            return group?.lastFailure?.why.contains("0.5.8 is older") == true
        }
        #expect(cluster.processes(of: "prefill-0").isEmpty)
    }

    @Test func `another engine does not care`() throws {
        var cluster = try cluster(.rehearsal, version: "0.5.8")
        cluster.settle()
    }
}

// Engines are told what to do in the words of the SGLang that their node has.

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
        // The invariants know no groups that end without a fault, so they are not asked here.
        cluster.simulation.advance(upTo: .seconds(60)) { simulation in
            simulation.transcript.contains { $0.contains("0.5.8 is older") }
        }
        #expect(
            cluster.simulation.transcript.contains { $0.contains("0.5.8 is older") },
            "\(cluster.story)")
        #expect(cluster.processes.isEmpty && cluster.launches == 0)
    }

    @Test func `another engine does not care`() throws {
        var cluster = try cluster(.rehearsal, version: "0.5.8")
        cluster.settle()
    }
}

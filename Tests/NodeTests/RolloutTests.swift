// A changed deployment comes to the groups one after the other, and never to one whose launch stays the same.

import Base
import ClusterState
import Node
import Planning
import Profiles
import Supervision
import Testing
import WireProtocol

@testable import Simulation

@Suite struct RolloutTests {
    /// The deployment of a cluster with other overrides.
    private func changed(_ cluster: Cluster, _ overrides: String) throws -> Deployment {
        let old = try cluster.machine(0).configuration.deployment
        let profile = try Profile.parse(old.profileYAML, file: old.profileName)
            .applying(ProfileOverrides(overrides, file: "test"))
        return Deployment(
            profileName: old.profileName, profileYAML: profile.yaml, modelPath: old.modelPath,
            engine: old.engine)
    }

    private func ownStore(_ configuration: inout SimulationConfiguration) {
        configuration.givesStoreAProcess()
    }

    private func apply(
        _ cluster: inout Cluster, _ deployment: Deployment, atOnce: Bool = false
    ) throws -> PeerAnswer {
        cluster.simulation.invariants.filesHaveChanged = true
        return try cluster.ask(0, .propose(.apply(deployment, atOnce: atOnce)))
    }

    /// Whether every group has the wanted deployment, and serves.
    private func isDone(_ cluster: Cluster, _ serial: UInt64) -> Bool {
        guard let leader = cluster.leader, let machine = try? cluster.machine(leader),
            let status = try? cluster.status(leader)
        else { return false }
        return machine.state.deploymentSerial == serial && status.rollout == nil && status.ready
    }

    @Test func `groups take a change one after the other, and no two are down at once`() throws {
        var cluster = try Cluster(.twoPrefills, nodes: 6, ownStore)
        cluster.settle()
        let new = try changed(cluster, "environment: {GLM_TEST: \"1\"}")
        let first = cluster.processes(of: "prefill-0")
        #expect(try apply(&cluster, new).isAccepted)
        var mostDown = 0
        var seen: Set<String> = []
        for _ in 0..<1200 where !isDone(cluster, 2) {
            cluster.pass(.milliseconds(100))
            guard let leader = cluster.leader, let status = try? cluster.status(leader) else {
                continue
            }
            let down = status.groups.filter { $0.role != "store" && $0.state != "ready" }
            mostDown = max(mostDown, down.count)
            seen.formUnion(status.rollout?.pending ?? [])
        }
        #expect(isDone(cluster, 2), "\(cluster.simulation.missing)\n\(cluster.story)")
        #expect(mostDown == 1)
        #expect(seen.contains("decode-0"))
        #expect(cluster.processes(of: "prefill-0").isDisjoint(with: first))
    }

    @Test func `a group whose bytes stay the same is left alone`() throws {
        var cluster = try Cluster(.twoPrefills, nodes: 6, ownStore)
        cluster.settle()
        let running = cluster.processes
        let new = try changed(cluster, "roles: {decode: {environment: {GLM_TEST: \"1\"}}}")
        #expect(try apply(&cluster, new).isAccepted)
        cluster.wait(.seconds(120)) { self.isDone($0, 2) }
        let kept = running.filter { $0.shard.group.name != "decode-0" }
        #expect(kept.isSubset(of: cluster.processes))
        #expect(cluster.processes(of: "decode-0").isDisjoint(with: running))
    }

    @Test func `a change that does not come up stops at its first group`() throws {
        var cluster = try Cluster(.twoPrefills, nodes: 6) { configuration in
            configuration.givesStoreAProcess()
            configuration.restartBudget = 2
            configuration.failsAtStart = {
                $0.group.name == "prefill-0" && $0.generation > Generation(1)
            }
        }
        cluster.settle()
        let others = cluster.processes(outside: "prefill-0")
        let new = try changed(cluster, "environment: {GLM_TEST: \"1\"}")
        #expect(try apply(&cluster, new).isAccepted)
        cluster.wait(.seconds(120)) { (try? $0.group("prefill-0", by: 0).state) == "failed" }
        cluster.pass(.seconds(20))
        #expect(others.isSubset(of: cluster.processes))
        let status = try cluster.status(0)
        #expect(status.rollout?.isHalted == true)
        #expect(status.rollout?.pending.contains("decode-0") == true)
        #expect(
            status.notes.contains { $0.contains("has stopped, since prefill-0 does not come up") },
            "\(status.notes)")

        // The old one again: what still ran of it is as it should be.
        cluster.simulation.configuration.failsAtStart = nil
        let old = try cluster.machine(0).configuration.deployment
        #expect(try apply(&cluster, old).isAccepted)
        cluster.wait(.seconds(120)) { self.isDone($0, 3) }
        #expect(others.isSubset(of: cluster.processes))
    }

    @Test func `no group is taken down while the engine of another answers nobody`() throws {
        var cluster = try Cluster(.twoPrefills, nodes: 6, ownStore)
        cluster.settle()
        let first = cluster.processes(of: "prefill-0")
        let hung = try #require(
            cluster.processes(of: "prefill-1").first { $0.shard.rank == .master })
        cluster.simulation.wedge(cluster.index(hung.node), hung.shard)
        cluster.wait { (try? $0.group("prefill-1", by: 0).state) == "degraded" }
        let new = try changed(cluster, "environment: {GLM_TEST: \"1\"}")
        #expect(try apply(&cluster, new).isAccepted)
        var wasDegraded = false
        cluster.wait(.seconds(60)) { cluster in
            let state = try? cluster.group("prefill-1", by: 0).state
            if state == "degraded" { wasDegraded = true }
            let untouched = first.isSubset(of: cluster.processes)
            #expect(untouched || state == "ready", "\(cluster.story)")
            return !untouched
        }
        #expect(wasDegraded)
        cluster.wait(.seconds(120)) { self.isDone($0, 2) }
    }

    @Test func `at once means at once`() throws {
        var cluster = try Cluster(.twoPrefills, nodes: 6, ownStore)
        cluster.settle()
        let new = try changed(cluster, "environment: {GLM_TEST: \"1\"}")
        #expect(try apply(&cluster, new, atOnce: true).isAccepted)
        cluster.wait { cluster in
            guard let status = try? cluster.status(0) else { return false }
            return status.groups.filter { $0.role != "store" }.allSatisfy { $0.state != "ready" }
        }
        cluster.wait(.seconds(120)) { self.isDone($0, 2) }
    }

    @Test func `files that still say the old do not take the operator's deployment back`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        let old = try cluster.machine(0).configuration.deployment
        let new = try changed(cluster, "environment: {GLM_TEST: \"1\"}")
        #expect(try apply(&cluster, new).isAccepted)
        cluster.wait(.seconds(120)) { self.isDone($0, 2) }
        cluster.pass(.seconds(20))
        #expect(try cluster.machine(0).state.deployment == new)
        let notes = try cluster.status(0).notes
        #expect(notes.first?.contains("that an operator has replaced") == true, "\(notes)")
        #expect(try cluster.ask(0, .apply).isAccepted)
        cluster.wait(.seconds(120)) { self.isDone($0, 3) }
        #expect(try cluster.machine(0).state.deployment == old)
    }

    @Test func `what would change is told before it is done, byte by byte`() throws {
        var cluster = try Cluster(.onePrefill, nodes: 4)
        cluster.settle()
        let new = try changed(cluster, "roles: {decode: {environment: {GLM_TEST: \"1\"}}}")
        let answer = try cluster.ask(cluster.follower, .compare(new))
        guard case .document(let text) = answer else {
            Issue.record("\(answer)")
            return
        }
        let document = try JSONValue(parsing: text)
        let changes = (document["groups"]?.arrayValue ?? []).map { $0["change"]?.stringValue }
        #expect(changes == ["none", "restarts", "none"], "\(text)")
        let lines = document["groups"]?[1]?["ranks"]?[0]?["difference"]?["environment"]?.compact
        #expect(lines?.contains("GLM_TEST=1") == true, "\(lines ?? "")")
        let running = cluster.processes
        cluster.pass(.seconds(5))
        #expect(cluster.processes == running)
    }
}

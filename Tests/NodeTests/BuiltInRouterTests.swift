// The router that is launched where the published one is installed, is not, or may be.

import Base
import ClusterState
import Node
import Planning
import Profiles
import Supervision
import Testing

@testable import Simulation

@Suite struct BuiltInRouterTests {
    private static let router = GroupName("router")

    private func cluster(
        _ finding: RouterFinding?, engine: EngineKind = .sglang
    ) throws -> Cluster {
        try Cluster(.onePrefill, nodes: 4) { configuration in
            let old = configuration.deployment
            configuration.deployment = Deployment(
                profileName: old.profileName, profileYAML: old.profileYAML,
                modelPath: old.modelPath, engine: engine)
            configuration.routerFinding = finding
        }
    }

    private func note(_ node: String) -> String {
        "router: built-in, since sglang_router is not installed on \(node); pip install "
            + "sglang-router==0.3.2, then `glm-agent restart router`"
    }

    private func tells(_ cluster: Cluster, _ text: String) -> Bool {
        cluster.simulation.transcript.contains { $0.contains(text) }
    }

    private func count(_ cluster: Cluster, _ text: String) -> Int {
        cluster.simulation.transcript.filter { $0.contains(text) }.count
    }

    /// A router whose node looks for it.
    private func searching() throws -> (cluster: Cluster, node: Int, shard: ShardID) {
        var cluster = try cluster(nil)
        cluster.wait(.seconds(60)) { tells($0, "looks for the router of router.g1.r0") }
        let node = try cluster.nodes(of: "router")[0]
        let shard = ShardID(group: Self.router, generation: Generation(1), rank: .master)
        return (cluster, node, shard)
    }

    @Test func `where it is missing the built-in one serves, and every node says so`() throws {
        var cluster = try cluster(.missing)
        cluster.settle()
        #expect(tells(cluster, "router.g1.r0 is launched as rehearsal"), "\(cluster.story)")
        let node = cluster.name(try cluster.nodes(of: "router")[0])
        cluster.pass(.seconds(3))
        for index in cluster.indices {
            #expect(try cluster.status(index).notes == ["\(node): \(note(node))"])
            let events = try cluster.machine(index).state.ledger
            let ready = events.first { $0.kind == .ready && $0.group == Self.router }
            #expect(ready?.text.hasSuffix("s after its launch; \(note(node))") == true)
        }
        #expect(tells(cluster, "\(node): \(note(node))"), "the log of its agent")
    }

    @Test func `one that is installed later is used by the next launch`() throws {
        var cluster = try cluster(.missing)
        cluster.settle()
        cluster.simulation.configuration.routerFinding = .installed
        cluster.pass(.seconds(10))
        #expect(cluster.launches == cluster.processes.count, "what runs is not switched")
        #expect(try cluster.ask(0, .propose(.restart(Self.router))).isAccepted)
        cluster.wait { $0.processes(of: "router").contains { $0.shard.generation.value == 2 } }
        cluster.settle()
        cluster.pass(.seconds(3))
        #expect(tells(cluster, "router.g2.r0 is launched as sglang"), "\(cluster.story)")
        for index in cluster.indices { #expect(try cluster.status(index).notes == []) }
        let events = try cluster.machine(0).state.ledger
        let ready = events.last { $0.kind == .ready && $0.group == Self.router }
        #expect(ready?.generation == Generation(2) && ready?.text.contains("built-in") == false)
    }

    @Test func `one that is installed is launched, and nothing is noted`() throws {
        var cluster = try cluster(.installed)
        cluster.settle()
        cluster.pass(.seconds(3))
        #expect(tells(cluster, "router.g1.r0 is launched as sglang"), "\(cluster.story)")
        #expect(!tells(cluster, "router: "))
        #expect(try cluster.status(0).notes == [])
    }

    @Test func `a question without an answer is told, and the published one launched`() throws {
        var cluster = try cluster(.unknown("python exited with code 127"))
        cluster.settle()
        #expect(tells(cluster, "router.g1.r0 is launched as sglang"), "\(cluster.story)")
        #expect(tells(cluster, "it is launched as published: python exited with code 127"))
        #expect(!tells(cluster, "built-in"))
    }

    @Test func `another engine is not asked`() throws {
        var cluster = try cluster(.missing, engine: .rehearsal)
        cluster.settle()
        #expect(!tells(cluster, "looks for the router"))
        #expect(try cluster.status(0).notes == [])
    }

    @Test func `one that is stopped while it is looked for is over, and launched later`() throws {
        var (cluster, node, shard) = try searching()
        #expect(try cluster.ask(node, .propose(.stop(Self.router))).isAccepted)
        cluster.wait { (try? $0.status(node).router?.state) == "stopped" }
        // An answer that comes now is for nobody.
        cluster.simulation.give(.routerFound(shard, .missing), to: node)
        cluster.pass(.seconds(2))
        #expect(cluster.processes(of: "router").isEmpty && !tells(cluster, "is launched as"))
        cluster.simulation.configuration.routerFinding = .installed
        #expect(try cluster.ask(node, .propose(.start(Self.router))).isAccepted)
        cluster.settle()
        #expect(tells(cluster, "router.g2.r0 is launched as sglang"), "\(cluster.story)")
        #expect(!tells(cluster, "built-in"))
    }

    @Test func `a second answer launches nothing`() throws {
        var (cluster, node, shard) = try searching()
        cluster.simulation.give(.routerFound(shard, .missing), to: node)
        cluster.simulation.give(.routerFound(shard, .installed), to: node)
        cluster.settle()
        #expect(count(cluster, "router.g1.r0 is launched as") == 1, "\(cluster.story)")
    }

    @Test func `an agent that comes back tells it again`() throws {
        var cluster = try cluster(.missing)
        cluster.settle()
        let node = try cluster.nodes(of: "router")[0]
        let name = cluster.name(node)
        cluster.simulation.crashAgent(node)
        cluster.simulation.startAgent(node)
        let shard = ShardID(group: Self.router, generation: Generation(1), rank: .master)
        cluster.simulation.give(.builtInRouter(shard), to: node)
        cluster.settle()
        cluster.pass(.seconds(3))
        for index in cluster.indices {
            #expect(try cluster.status(index).notes == ["\(name): \(note(name))"])
        }
    }
}

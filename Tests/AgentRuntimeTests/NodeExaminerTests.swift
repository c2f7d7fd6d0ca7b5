// What one node tells a doctor of its ports, what the launch gate has dialled, and what of a host is tuned.

import Ascend
import Base
import ClusterState
import Doctor
import EventLoop
import Glibc
import Planning
import PretendNode
import Testing
import WireProtocol

@testable import AgentRuntime
@testable import Host
@testable import Node

@Suite(.timeLimit(.minutes(1))) struct NodeExaminerTests {
    private let loop: Loop
    private let node: PretendNode
    private let examiner: NodeExaminer
    /// On an address that is this process's alone.
    private let endpoint = Endpoint(host: "127.\(100 + Int(getpid()) % 150).251.1", port: 8001)

    init() throws {
        loop = try Loop()
        node = try PretendNode()
        examiner = NodeExaminer(
            loop, root: HostRoot(node.directory), environment: node.environment)
    }

    private func shard(
        _ stage: ShardOfPlan.Stage = .planned, host: Planning.HostTuning = .none,
        reserved: [PortRange] = []
    ) -> ShardOfPlan {
        let spec = LaunchSpec(
            node: NodeID("node-1"), group: GroupName("decode-0"), role: .decode, rank: .master,
            environment: [], unset: [], source: [], argv: ["python3"], host: host)
        return ShardOfPlan(
            name: "decode-0/0", spec: spec, endpoints: [endpoint], reservedPorts: reserved,
            stage: stage, refusal: nil)
    }

    private func ports(_ stage: ShardOfPlan.Stage) throws -> [PlannedPort] {
        let own = NodeExaminer.Own(
            node: ConfiguredNode(node: NodeID("node-1"), address: endpoint.host), interface: "lo",
            stateDirectory: node.directory, engine: .sglang, shards: [shard(stage)], untuned: nil)
        var found: NodeExamination?
        examiner.examine(own, weights: "/data/glm-5.1") { found = $0 }
        #expect(loop.run(within: .seconds(30)) { found != nil })
        let told = try #require(found)
        #expect(told.engine == .sglang)
        return told.ports
    }

    @Test(arguments: [ShardOfPlan.Stage.planned, .waitsForPorts])
    func `a stranger on a port of a shard that does not run is named`(
        stage: ShardOfPlan.Stage
    ) throws {
        let stranger = try StreamListener(loop, on: endpoint) { $0.close() }
        defer { stranger.close() }
        let found = try ports(stage)
        #expect(found.map(\.state) == [.taken])
        let reason = found.first?.reason ?? ""
        #expect(reason.hasPrefix("is held by process \(getpid()) "), "\(reason)")
    }

    @Test func `a port that a shard waits for is not kept from it`() throws {
        #expect(try ports(.waitsForPorts).isEmpty)
        let shard = try StreamListener(loop, on: endpoint) { $0.close() }
        shard.close()
        // That of a shard which is not launched is listened on, until it is.
        #expect(try ports(.planned).map(\.state) == [.free])
        #expect(throws: UVError.self) { try StreamListener(loop, on: endpoint) { $0.close() } }
        examiner.letGo(of: [endpoint])
        let launched = try StreamListener(loop, on: endpoint) { $0.close() }
        launched.close()
    }

    @Test func `who answers on a port of a shard that has begun is taken for it`() throws {
        let engine = try StreamListener(loop, on: endpoint) { $0.close() }
        defer { engine.close() }
        #expect(try ports(.begun).map(\.state) == [.own])
    }

    @Test func `the launch gate has ports dialled that serve already, be the group of one node`()
        throws
    {
        var examination: NodeExamination?
        examiner.examine(weights: nil) { examination = $0 }
        #expect(loop.run(within: .seconds(30)) { examination != nil })
        let facts = try #require(examination)
        let store = DialTarget(
            node: NodeID("node-1"), endpoint: Endpoint(host: "10.0.0.1", port: 24670))
        let own = DialTarget(node: NodeID("node-3"), endpoint: endpoint)
        var asked: [DialTarget] = []
        var outcome: DoctorRound.Outcome?
        DoctorRound(
            loop, nodes: [NodeID("node-3")],
            purpose: .launch(GroupName("decode-0"), reaching: [store, own], hasPreflight: false),
            ask: { node, question, answer in
                guard case .reach(let targets, _) = question else {
                    return answer(.document(of: ["examination": facts.json, "accepted": []]))
                }
                asked += targets
                let dials = targets.map {
                    Dial(from: node, to: $0.node, endpoint: $0.endpoint, failure: "timed out")
                }
                answer(.document(of: ["dials": dials.json, "pings": []]))
            },
            clockAhead: { _ in nil }, onProgress: { _ in }, completion: { outcome = $0 }
        ).start()
        #expect(asked == [store])
        let blocking = (outcome?.diagnosis.gate() ?? []).filter { $0.standing == .blocks }
        #expect(
            blocking.map(\.evidence) == ["cannot reach 10.0.0.1:24670 of node-1: timed out"])
    }

    @Test func `ports are reserved for engines with dies, also where a profile sets nothing else`()
        throws
    {
        let range = try #require(PortRange(first: 60000, last: 60031))
        let reserved = HostSetting.reservedPorts(PortSet([range]))
        let plain = shard(reserved: [range])
        #expect(HostSetting.wanted(by: [plain, plain], engine: .sglang) == [reserved])
        #expect(HostSetting.wanted(by: [plain], engine: .rehearsal).isEmpty)
        #expect(HostSetting.wanted(by: [shard()], engine: .sglang).isEmpty)
        let tuned = shard(
            host: Planning.HostTuning(sysctl: [], governor: "performance"), reserved: [range])
        #expect(
            HostSetting.wanted(by: [plain, tuned, tuned], engine: .rehearsal)
                == [.governor("performance"), reserved])
    }
}

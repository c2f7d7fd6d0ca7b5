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
        reserved: [PortRange] = [], searched: [SearchedPorts] = []
    ) -> ShardOfPlan {
        let spec = LaunchSpec(
            node: NodeID("node-1"), group: GroupName("decode-0"), role: .decode, rank: .master,
            environment: [], unset: [], source: [], argv: ["python3"], host: host)
        return ShardOfPlan(
            name: "decode-0/0", spec: spec, endpoints: [endpoint], reservedPorts: reserved,
            searchedPorts: searched, stage: stage, refusal: nil)
    }

    private func ports(_ stage: ShardOfPlan.Stage) throws -> [PlannedPort] {
        try allPorts(shard(stage)).filter { $0.searched == nil }
    }

    private func allPorts(_ shard: ShardOfPlan) throws -> [PlannedPort] {
        let own = NodeExaminer.Own(
            node: ConfiguredNode(node: NodeID("node-1"), address: endpoint.host), interface: "lo",
            stateDirectory: node.directory, engine: .sglang, shards: [shard], untuned: nil)
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

    @Test func `of each range that an engine searches one free port is listened on`() throws {
        let range = try #require(PortRange(first: 23000, last: 23003))
        let hccl = SearchedPorts(range, by: "decode-0 HCCL")
        let planned = shard(searched: [hccl, hccl])
        let last = Endpoint(host: endpoint.host, port: 23003)
        var strangers = [try StreamListener(loop, on: last) { $0.close() }]
        defer { for stranger in strangers { stranger.close() } }
        let found = try allPorts(planned).filter { $0.searched != nil }
        #expect(found.map(\.state) == [.free, .free])
        #expect(found[0].endpoint.port == 23002 && found[0].searched == hccl)
        #expect(found[1].endpoint.port > 0)
        #expect(found[1].searched?.range.description == "32768-60999")
        for port in found {
            #expect(throws: UVError.self, "\(port)") {
                try StreamListener(loop, on: port.endpoint) { $0.close() }
            }
        }
        #expect(try allPorts(planned).filter { $0.searched != nil } == found, "and not another")
        examiner.letGo()
        for port: UInt16 in 23000...23002 {
            let endpoint = Endpoint(host: endpoint.host, port: port)
            strangers.append(try StreamListener(loop, on: endpoint) { $0.close() })
        }
        let taken = try allPorts(planned).filter { $0.searched == hccl }
        #expect(taken.map(\.state) == [.taken])
        let running = try allPorts(shard(.begun, searched: [hccl]))
        #expect(!running.contains { $0.searched != nil }, "an engine has what it wants")
    }

    @Test func `ports are listened on until the slowest node has answered, and no longer`() throws {
        let configuration = NodeConfiguration(
            cluster: "c", version: "1", local: NodeID("node-1"), interface: "lo", nodes: [],
            deployment: Deployment(
                profileName: "", profileYAML: "", modelPath: "", engine: .rehearsal))
        #expect(NodeExaminer.listenLimit == configuration.examinationTimeout + .seconds(30))
        let listeners = PlannedListeners(loop, limit: .milliseconds(300))
        let begin = loop.now
        #expect(listeners.listen(on: endpoint).state == .free && listeners.isOpen(endpoint))
        #expect(loop.run(within: .seconds(20)) { !listeners.isOpen(endpoint) })
        #expect(loop.now - begin >= .milliseconds(300))
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

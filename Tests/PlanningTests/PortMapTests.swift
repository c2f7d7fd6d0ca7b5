import Base
import Planning
import Profiles
import Testing

@Suite struct PortMapTests {
    private func ports(
        _ profile: Profile, _ plan: Plan, _ group: String, _ rank: Int, generation: UInt64 = 1
    ) throws -> [Int] {
        let planned = try #require(plan.group(GroupName(group)))
        let map = PortMap(
            profile: profile, group: planned, rank: NodeRank(rank),
            generation: Generation(generation))
        let address = planned.ranks[rank].address
        if group != "router" { #expect(map.mustBeFree.allSatisfy { $0.host == address }) }
        return map.mustBeFree.map { Int($0.port) }
    }

    @Test func `every port of SGLang's map is asked for on the node that binds it`() throws {
        let profile = try ProfileCatalog.profile(named: ProfileCatalog.names[0])
        let made = try plan(profile, nodes(4))
        let block = Array(5000...5006) + [5013]
        #expect(try ports(profile, made, "prefill-0", 0) == [8000, 5000, 8998, 24670])
        #expect(try ports(profile, made, "prefill-0", 1) == [8000])
        #expect(try ports(profile, made, "decode-0", 0) == [8001] + block)
        #expect(try ports(profile, made, "decode-0", 1) == [8001] + block)
        #expect(try ports(profile, made, "router", 0) == [6688, 29000])
    }

    @Test func `each generation meets at another port, the first at the published one`() throws {
        let profile = try ProfileCatalog.profile(named: ProfileCatalog.names[0])
        let made = try plan(profile, nodes(4))
        let group = try #require(made.group(GroupName("decode-0")))
        let met = (1...9).map { number in
            group.launched(in: Generation(number), of: profile).distInit?.port
        }
        #expect(met == [5000, 5016, 5032, 5048, 5064, 5080, 5096, 5112, 5000])
        #expect(group.launched(in: Generation(1), of: profile) == group)
        #expect(try ports(profile, made, "decode-0", 0, generation: 2).contains(5029))
        let spec = LaunchSpec.make(
            profile: profile, modelPath: "/w",
            group: group.launched(in: Generation(3), of: profile),
            rank: NodeRank(1), interface: "eth0")
        #expect(spec.argv.contains("10.0.0.3:5032"))
    }

    @Test func `one node without dist-init has its sockets above the HTTP port`() throws {
        let profile = try single(", --dp-size: 8, --enable-dp-attention: true")
        let made = try plan(profile, nodes(1))
        #expect(
            try ports(profile, made, "mixed-0", 0) == [30000] + Array(30233...30239) + [30246])
    }

    @Test func `groups that would meet on one host are told with both users and the port`() throws {
        let profile = try Profile.parse(
            """
            profile: sharers
            extends: [glm-5.1-w4a8-4p1d-48p-in64k-out1k-prefix90-50ms]
            cards: 24
            roles:
              prefill:
                groups: 2
                devices: [[0, 1, 2, 3, 4, 5, 6, 7], [8, 9, 10, 11, 12, 13, 14, 15]]
                environment: {ASCEND_RT_VISIBLE_DEVICES: "{devices}"}
                arguments: {--pp-size: 2}
            """, file: "sharers.yaml")
        let outcome = Planner.plan(
            profile: profile, candidates: nodes(3), previous: nil, epoch: Epoch(1))
        #expect(throws: PlanFailure.self) { try outcome.get() }
        guard case .failure(let failure) = outcome else { return }
        #expect(
            failure
                == .portCollision(
                    first: "prefill-0 HTTP", second: "prefill-1 HTTP", port: 8000))
    }

    @Test func `the ranges that a rank searches are HCCL's and, with a store, memfabric's`()
        throws
    {
        let profile = try ProfileCatalog.profile(named: ProfileCatalog.names[0])
        #expect(profile.store != nil)
        let plan = try Planner.plan(
            profile: profile, candidates: nodes(6), previous: nil, epoch: Epoch(1)
        ).get()
        for group in plan.groups {
            let map = PortMap(
                profile: profile, group: group, rank: .master, generation: Generation(1))
            let shape = profile.groupShapes.first { $0.name == group.name }
            let ranges = group.role.isEngine ? (shape?.hcclPorts ?? []) + [15000...25000] : []
            #expect(map.searched.map(\.ports) == ranges, "\(group.name)")
        }
    }

    @Test func `fixed ports where others take ports at random are warned of`() throws {
        #expect(try single("").portWarnings == [])
        let name = ProfileCatalog.names[0]
        let warnings = try ProfileCatalog.profile(named: name).portWarnings
        #expect(warnings.count == 1)
        #expect(warnings.first?.contains("24670") == true)
    }

    private func single(_ arguments: String) throws -> Profile {
        try Profile.parse(
            """
            profile: four-cards
            extends: [glm-5.1-w4a8]
            cards: 4
            roles:
              mixed:
                groups: 1
                nodes: 1
                devices: 8
                ports: {http: 30000}
                arguments: {--tp: 8\(arguments)}
            """, file: "four.yaml")
    }
}

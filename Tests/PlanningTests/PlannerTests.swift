import Base
import Planning
import Profiles
import Testing

/// A profile of these groups; devices per node as given, ports apart by `step` within a role.
func shape(
    prefill: (groups: Int, nodes: Int), decode: (groups: Int, nodes: Int), devices: String = "16",
    decodeDevices: String = "16", step: Int = 0
) throws -> Profile {
    func count(_ devices: String) -> Int {
        Int(devices) ?? devices.split(separator: "]")[0].split(separator: ",").count
    }
    let (prefillSize, decodeSize) = (count(devices), count(decodeDevices))
    let cards =
        prefill.groups * prefill.nodes * prefillSize + decode.groups * decode.nodes * decodeSize
    return try Profile.parse(
        """
        profile: shape
        extends: [glm-5.1-w4a8-pd]
        cards: \(cards)
        devices_per_card: 1
        roles:
          prefill:
            groups: \(prefill.groups)
            nodes: \(prefill.nodes)
            devices: \(devices)
            ports: {step: \(step)}
            environment: {ASCEND_RT_VISIBLE_DEVICES: "{devices}"}
            arguments: {--tp-size: \(prefill.nodes * prefillSize)}
          decode:
            groups: \(decode.groups)
            nodes: \(decode.nodes)
            devices: \(decodeDevices)
            ports: {dist_init: 5100, step: \(step)}
            arguments:
              --tp-size: \(decode.nodes * decodeSize)
              --dp-size: \(decode.nodes * decodeSize)
              --ep-size: \(decode.nodes * decodeSize)
        """, file: "shape.yaml")
}

/// Nodes n1 … of 10.0.0.1 …; those whose number is in `down` are not usable.
func nodes(_ count: Int, down: Set<Int> = [], pods: [String?] = []) -> [Candidate] {
    (1...count).map { number in
        Candidate(
            node: NodeID("n\(number)"), address: "10.0.0.\(number)",
            isUsable: !down.contains(number),
            superPod: number <= pods.count ? pods[number - 1] : nil)
    }
}

/// `prefill-0: n1 n2; decode-0: n3 n4; router: n1; spares: n5`
func told(_ plan: Plan) -> String {
    let groups = plan.groups.map { group in
        "\(group.name): \(group.ranks.map(\.node.name).joined(separator: " "))"
    }
    let spares =
        plan.spares.isEmpty ? [] : ["spares: \(plan.spares.map(\.name).joined(separator: " "))"]
    return (groups + spares).joined(separator: "; ")
}

func plan(
    _ profile: Profile, _ candidates: [Candidate], after previous: Plan? = nil, epoch: UInt64 = 1
) throws -> Plan {
    try Planner.plan(
        profile: profile, candidates: candidates, previous: previous, epoch: Epoch(epoch)
    ).get()
}

func failure(_ profile: Profile, _ candidates: [Candidate], after previous: Plan? = nil) -> String {
    let result = Planner.plan(
        profile: profile, candidates: candidates, previous: previous, epoch: Epoch(1))
    switch result {
    case .success(let plan): return told(plan)
    case .failure(let failure): return "\(failure)"
    }
}

@Suite struct PlannerTests {
    @Test(arguments: [
        ("glm-5.1-w4a8-16p-in3k5-out1k5-50ms", 3, "mixed-0: n1 n2; spares: n3"),
        (
            "glm-5.1-w4a8-1p1d-32p-in64k-out1k-20ms", 4,
            "prefill-0: n1 n2; decode-0: n3 n4; router: n1"
        ),
        (
            "glm-5.1-w4a8-1p1d-48p-in65k-out1k5-prefix100-33ms", 7,
            "prefill-0: n1 n2; decode-0: n3 n4 n5 n6; router: n1; spares: n7"
        ),
        (
            "glm-5.1-w4a8-2p1d-48p-in128k-out1k-prefix90-50ms", 6,
            "prefill-0: n1 n2; prefill-1: n3 n4; decode-0: n5 n6; router: n1"
        ),
        (
            "glm-5.1-w4a8-4p1d-48p-in64k-out1k-prefix90-50ms", 6,
            "prefill-0: n1; prefill-1: n2; prefill-2: n3; prefill-3: n4; decode-0: n5 n6; router: n1"
        ),
    ])
    func `published shapes go to the nodes in their configured order`(
        name: String, count: Int, expected: String
    ) throws {
        let profile = try ProfileCatalog.profile(named: name)
        #expect(told(try plan(profile, nodes(count))) == expected)
    }

    @Test func `every address and port is filled in`() throws {
        let profile = try ProfileCatalog.profile(
            named: "glm-5.1-w4a8-2p1d-48p-in128k-out1k-prefix90-50ms")
        let made = try plan(profile, nodes(6))
        let second = try #require(made.group(GroupName("prefill-1")))
        #expect(second.distInit == Endpoint(host: "10.0.0.3", port: 5000))
        #expect(second.http == Endpoint(host: "10.0.0.3", port: 8000))
        #expect(second.bootstrap == Endpoint(host: "10.0.0.3", port: 8999))
        let store = Endpoint(host: "10.0.0.1", port: 24670)
        #expect(made.groups.map(\.store) == [store, store, store, nil])
        let router = try #require(made.group(GroupName("router")))
        #expect(router.http == Endpoint(host: "127.0.0.1", port: 6688))
        #expect(
            router.workers.map { "\($0.group) \($0.http) \($0.bootstrapPort ?? 0)" } == [
                "prefill-0 10.0.0.1:8000 8998", "prefill-1 10.0.0.3:8000 8999",
                "decode-0 10.0.0.5:8001 0",
            ])
        #expect(made.service == router.http)
        let single = try ProfileCatalog.profile(
            named: "glm-5.1-w4a8-4p1d-48p-in64k-out1k-prefix90-50ms")
        #expect(try plan(single, nodes(6)).groups[3].distInit == nil)
        #expect(try plan(single, nodes(6)).groups[3].bootstrap?.port == 9001)
    }

    @Test func `the router listens where its profile says`() throws {
        let base = try ProfileCatalog.profile(named: ProfileCatalog.names[0])
        for (host, expected) in [
            ("0.0.0.0", "10.0.0.1"), ("\"{address}\"", "10.0.0.1"), ("10.9.9.9", "10.9.9.9"),
        ] {
            let profile = try base.applying(
                ProfileOverrides("router: {host: \(host)}", file: "o.yaml"))
            #expect(try plan(profile, nodes(4)).service?.host == expected)
        }
    }

    @Test(
        arguments: [
            (
                (3, 1), (1, 2), 5,
                "prefill-0: n1; prefill-1: n2; prefill-2: n3; decode-0: n4 n5; router: n1"
            ),
            (
                (3, 2), (1, 2), 8,
                "prefill-0: n1 n2; prefill-1: n3 n4; prefill-2: n5 n6; decode-0: n7 n8; router: n1"
            ),
            (
                (1, 1), (2, 1), 4,
                "prefill-0: n1; decode-0: n2; decode-1: n3; router: n1; spares: n4"
            ),
        ] as [((Int, Int), (Int, Int), Int, String)])
    func `other shapes are placed too`(
        prefill: (Int, Int), decode: (Int, Int), count: Int, expected: String
    ) throws {
        let profile = try shape(prefill: prefill, decode: decode)
        #expect(told(try plan(profile, nodes(count))) == expected)
    }

    @Test func `groups on some of the devices share a node`() throws {
        let profile = try shape(
            prefill: (2, 1), decode: (1, 1),
            devices: "[[0, 1, 2, 3, 4, 5, 6, 7], [8, 9, 10, 11, 12, 13, 14, 15]]",
            step: 20)
        let made = try plan(profile, nodes(2))
        #expect(told(made) == "prefill-0: n1; prefill-1: n1; decode-0: n2; router: n1")
        #expect(made.groups[1].http.port == 8020)
        let spec = LaunchSpec.make(
            profile: profile, modelPath: "/w", plan: made, group: GroupName("prefill-1"),
            rank: .master, interface: "eth0")
        let devices = EnvironmentVariable("ASCEND_RT_VISIBLE_DEVICES", "8,9,10,11,12,13,14,15")
        #expect(spec.environment.contains(devices))
        #expect(
            failure(profile, nodes(1)) == "needs 2 nodes, 1 configured: 1 missing; add nodes to "
                + "the node list or choose a smaller profile")
    }

    @Test func `groups that would meet on a port do not share a node`() throws {
        let profile = try shape(prefill: (2, 1), decode: (1, 1), devices: "[[0, 1], [2, 3]]")
        #expect(
            told(try plan(profile, nodes(3)))
                == "prefill-0: n1; prefill-1: n2; decode-0: n3; router: n1")
        #expect(
            failure(profile, nodes(2)) == "prefill-0 HTTP and prefill-1 HTTP would meet on port "
                + "8000 of one node; change the ports or the step of the role in the profile")
    }

    @Test func `engines keep off the agent's ports`() throws {
        let profile = try shape(prefill: (1, 1), decode: (1, 1))
        let result = Planner.plan(
            profile: profile, candidates: nodes(2), previous: nil, epoch: Epoch(1),
            agentPorts: [8001])
        #expect(
            result
                == .failure(
                    .portCollision(first: "decode-0 HTTP", second: "the agent", port: 8001)))
    }

    @Test func `too few nodes are told with their number`() throws {
        let profile = try ProfileCatalog.profile(named: ProfileCatalog.names[0])
        #expect(failure(profile, nodes(3)).hasPrefix("needs 4 nodes, 3 configured: 1 missing"))
        #expect(failure(profile, []).hasPrefix("needs 4 nodes, 0 configured: 4 missing"))
    }

    @Test func `unusable nodes are passed over, and waited for where there are too few`() throws {
        let profile = try ProfileCatalog.profile(named: ProfileCatalog.names[0])
        #expect(
            told(try plan(profile, nodes(6, down: [1, 4])))
                == "prefill-0: n2 n3; decode-0: n5 n6; router: n2")
        let waiting = try plan(profile, nodes(4, down: [3]))
        #expect(told(waiting) == "prefill-0: n1 n2; decode-0: n3 n4; router: n1")
        let ranks = PlanExplanation(
            plan: waiting, previous: nil, candidates: nodes(4, down: [3])
        ).ranks
        #expect(ranks.map(\.isWaitedFor) == [false, false, true, false, false])
    }
}

@Suite struct StickyPlanTests {
    let profile: Profile

    init() throws {
        profile = try ProfileCatalog.profile(named: ProfileCatalog.names[0])
    }

    @Test func `nothing changes: the plan in force itself`() throws {
        let first = try plan(profile, nodes(5))
        #expect(try plan(profile, nodes(5), after: first, epoch: 2) == first)
    }

    @Test func `a spare takes a dead node's rank, and no other rank moves`() throws {
        let first = try plan(profile, nodes(6))
        let second = try plan(profile, nodes(6, down: [3]), after: first, epoch: 2)
        #expect(told(second) == "prefill-0: n1 n2; decode-0: n5 n4; router: n1; spares: n6")
        #expect(second.epoch == Epoch(2))
        #expect(second.groups[0] == first.groups[0])
        #expect(second.groups[1].distInit?.host == "10.0.0.5")
        let explanation = PlanExplanation(
            plan: second, previous: first, candidates: nodes(6, down: [3]))
        #expect(
            explanation.ranks.map(\.reason) == [
                .kept, .kept, .moved(from: NodeID("n3"), because: .unusable), .kept, .kept,
            ])
        #expect(explanation.idle.map(\.node.name) == ["n3", "n6"])
        #expect(explanation.idle.map(\.isSpare) == [false, true])
        // The returned node is a spare; nothing moves back.
        let third = try plan(profile, nodes(6), after: second, epoch: 3)
        #expect(third.groups == second.groups)
        #expect(third.spares == [NodeID("n3"), NodeID("n6")])
    }

    @Test func `without a spare the rank stays and the group waits`() throws {
        let first = try plan(profile, nodes(4))
        let second = try plan(profile, nodes(4, down: [2]), after: first, epoch: 2)
        #expect(second == first)
    }

    @Test func `the router leaves an unusable node and then stays`() throws {
        let first = try plan(profile, nodes(4))
        let second = try plan(profile, nodes(4, down: [1]), after: first, epoch: 2)
        #expect(told(second) == "prefill-0: n1 n2; decode-0: n3 n4; router: n2")
        let third = try plan(profile, nodes(4), after: second, epoch: 3)
        #expect(third == second)
        // Its workers follow the master.
        let fourth = try plan(profile, nodes(5, down: [1]), after: third, epoch: 4)
        #expect(told(fourth) == "prefill-0: n5 n2; decode-0: n3 n4; router: n2")
        #expect(fourth.groups[2].workers[0].http.host == "10.0.0.5")
    }

    @Test func `a node that is no longer configured is replaced`() throws {
        let first = try plan(profile, nodes(4))
        let others = nodes(5).filter { $0.node != NodeID("n2") }
        let second = try plan(profile, others, after: first, epoch: 2)
        #expect(told(second) == "prefill-0: n1 n5; decode-0: n3 n4; router: n1")
        #expect(failure(profile, Array(others.dropLast()), after: first).hasPrefix("needs 4 nodes"))
    }

    @Test func `a changed address changes the plan of its groups alone`() throws {
        let first = try plan(profile, nodes(4))
        var moved = nodes(4)
        moved[3] = Candidate(node: NodeID("n4"), address: "10.1.0.4", isUsable: true)
        let second = try plan(profile, moved, after: first, epoch: 2)
        #expect(second.groups[0] == first.groups[0])
        #expect(second.groups[1].ranks[1].address == "10.1.0.4")
    }

    @Test func `another profile keeps what fits of the plan`() throws {
        let first = try plan(profile, nodes(6, down: [1]))
        #expect(told(first) == "prefill-0: n2 n3; decode-0: n4 n5; router: n2; spares: n6")
        let four = try ProfileCatalog.profile(
            named: "glm-5.1-w4a8-4p1d-48p-in64k-out1k-prefix90-50ms")
        let second = try plan(four, nodes(6), after: first, epoch: 2)
        #expect(
            told(second)
                == "prefill-0: n2; prefill-1: n1; prefill-2: n3; prefill-3: n6; decode-0: n4 n5; "
                + "router: n2")
        let mixed = try ProfileCatalog.profile(named: "glm-5.1-w4a8-16p-in3k5-out1k5-50ms")
        #expect(
            told(try plan(mixed, nodes(6), after: second, epoch: 3))
                == "mixed-0: n1 n2; spares: n3 n4 n5 n6")
    }
}

@Suite struct SuperPodTests {
    @Test func `nodes of a group share a super pod`() throws {
        let profile = try ProfileCatalog.profile(named: ProfileCatalog.names[0])
        let pods = ["a", "b", "a", "b", "b"]
        #expect(
            told(try plan(profile, nodes(5, pods: pods)))
                == "prefill-0: n1 n3; decode-0: n2 n4; router: n1; spares: n5")
    }

    @Test func `a small group leaves the larger super pod to a large one`() throws {
        let profile = try ProfileCatalog.profile(
            named: "glm-5.1-w4a8-1p1d-48p-in65k-out1k5-prefix100-33ms")
        let pods = ["a", "a", "a", "a", "b", "b"]
        #expect(
            told(try plan(profile, nodes(6, pods: pods)))
                == "prefill-0: n5 n6; decode-0: n1 n2 n3 n4; router: n5")
    }

    @Test func `no super pod large enough is told`() throws {
        let profile = try ProfileCatalog.profile(
            named: "glm-5.1-w4a8-1p1d-48p-in65k-out1k5-prefix100-33ms")
        let pods = ["a", "a", "a", "b", "b", "b"]
        #expect(
            failure(profile, nodes(6, pods: pods))
                == "decode-0 needs 4 nodes of one super pod, and no super pod has them free; "
                + "configure more nodes of one super pod or choose a smaller profile")
    }

    @Test func `only a spare of the same super pod takes over`() throws {
        let profile = try ProfileCatalog.profile(named: ProfileCatalog.names[0])
        let pods = ["a", "a", "a", "a", "b", "a"]
        let first = try plan(profile, nodes(6, pods: pods))
        let second = try plan(profile, nodes(6, down: [2], pods: pods), after: first, epoch: 2)
        #expect(told(second) == "prefill-0: n1 n6; decode-0: n3 n4; router: n1; spares: n5")
        let third = try plan(profile, nodes(6, down: [2, 3], pods: pods), after: second, epoch: 3)
        #expect(third.groups == second.groups, "n5 is of another super pod")
    }

    @Test func `a group that lost every node moves to another super pod together`() throws {
        let profile = try ProfileCatalog.profile(named: ProfileCatalog.names[0])
        let pods = ["a", "a", "a", "a", "b", "b"]
        let first = try plan(profile, nodes(6, pods: pods))
        let half = try plan(profile, nodes(6, down: [3], pods: pods), after: first, epoch: 2)
        #expect(half.groups == first.groups)
        let second = try plan(profile, nodes(6, down: [3, 4], pods: pods), after: half, epoch: 3)
        #expect(told(second) == "prefill-0: n1 n2; decode-0: n5 n6; router: n1")
    }

    @Test func `many super pods without room end the search`() throws {
        let pods = (0..<20).map { "p\($0 / 2)" }
        let large = try shape(prefill: (4, 2), decode: (1, 3))
        #expect(failure(large, nodes(20, pods: pods)).hasPrefix("decode-0 needs 3 nodes of one"))
        // Each of 11 groups would fit alone, and there are 10 super pods of two.
        let many = try shape(prefill: (10, 2), decode: (1, 2))
        let two = nodes(24, pods: pods + ["x", "y", "z", "w"])
        #expect(failure(many, two).hasPrefix("prefill-0 needs 2 nodes of one super pod"))
    }
}

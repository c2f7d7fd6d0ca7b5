import Base
import Planning
import Profiles
import Testing

@Suite struct RenderedPlanTests {
    private func rendered(_ name: String) throws -> RenderedPlan {
        let profile = try ProfileCatalog.profile(named: name)
        let count = profile.groupShapes.map(\.nodes).reduce(0, +)
        return RenderedPlan(
            profile: profile, modelPath: "/weights", plan: try plan(profile, nodes(count + 1)),
            interface: { "eth-\($0)" })
    }

    @Test func `the shape is the published one`() throws {
        let json = try rendered("glm-5.1-w4a8-2p1d-48p-in128k-out1k-prefix90-50ms").json
        let names = json.objectValue?.map(\.name)
        #expect(
            names == [
                "profile", "topology", "shards", "router", "benchmark", "deviations",
                "translations", "warnings",
            ])
        #expect(json["translations"] == .array([]))
        #expect(json["topology"] == "2P1D")
        let shards = json["shards"]?.arrayValue ?? []
        #expect(shards.count == 6)
        #expect(
            shards[0].objectValue?.map(\.name) == [
                "node", "group", "role", "node_rank", "environment", "unset", "source", "argv",
                "host",
            ])
        #expect(shards[3]["node"] == "n4")
        #expect(shards[3]["group"] == "prefill-1")
        #expect(shards[3]["node_rank"] == 1)
        #expect(shards[3]["environment"]?["HCCL_SOCKET_IFNAME"] == "=eth-n4")
        #expect(shards[3]["host"]?["sysctl"]?["vm.swappiness"] == "0")
        #expect(shards[3]["host"]?["governor"] == "performance")
        #expect(json["router"]?["argv"]?[2] == "sglang_router.launch_router")
        #expect(json["benchmark"]?["argv"]?[2] == "sglang.bench_serving")
        let places = json["deviations"]?.arrayValue?.map { $0["where"]?.stringValue ?? "" }
        #expect(places?.contains("router argument --prefill") == true)
        #expect(try JSONValue(parsing: json.pretty) == json)
    }

    @Test func `a mixed deployment has no router, and a spare no script`() throws {
        let rendered = try rendered("glm-5.1-w4a8-16p-in3k5-out1k5-50ms")
        #expect(rendered.json["router"] == .null)
        #expect(rendered.json["topology"] == "mixed")
        #expect(rendered.scripts.map(\.node.name) == ["n1", "n2"])
    }

    @Test func `scripts and data tell what was translated`() throws {
        let profile = try ProfileCatalog.profile(named: ProfileCatalog.names[0])
        let made = try plan(profile, nodes(4))
        let version = try #require(Version("0.5.23"))
        let rendered = try RenderedPlan(
            profile: profile, modelPath: "/weights", plan: made, sglang: version,
            interface: { _ in "eth0" })
        let told = rendered.json["translations"]?.arrayValue ?? []
        let graphs = try #require(told.first { $0["flag"] == "--cuda-graph-bs" })
        #expect(
            graphs.objectValue?.map(\.name) == ["role", "flag", "action", "replacement", "why"])
        #expect(graphs["role"] == "decode")
        #expect(graphs["action"] == "ambiguous")
        #expect(graphs["replacement"] == "--cuda-graph-bs-decode 1 2 3")
        let last = rendered.scripts.last?.text ?? ""
        #expect(last.contains("# --cuda-graph-bs: ambiguous, now --cuda-graph-bs-decode 1 2 3\n"))
        #expect(
            rendered.warnings == [
                "transfer store has port 24670, and from 15000 to 25000 memfabric takes ports at "
                    + "random, one for each device"
            ])
    }

    @Test(arguments: ["0.5.9", "0.5.12.post1", "0.5.19"])
    func `within the range of the profile nothing is translated`(text: String) throws {
        let version = try #require(Version(text))
        for name in ProfileCatalog.names {
            let profile = try ProfileCatalog.profile(named: name)
            let count = profile.groupShapes.map(\.nodes).reduce(0, +)
            let translated = try RenderedPlan(
                profile: profile, modelPath: "/weights", plan: try plan(profile, nodes(count + 1)),
                sglang: version, interface: { "eth-\($0)" })
            #expect(translated == (try rendered(name)))
        }
    }

    @Test func `deviations show what stands in the scripts`() throws {
        let rendered = try rendered("glm-5.1-w4a8-2p1d-48p-in128k-out1k-prefix90-50ms")
        let shown = Dictionary(uniqueKeysWithValues: rendered.deviations.map { ($0.place, $0) })
        let prefill = try #require(shown["prefill environment SGLANG_HOST_IP"])
        #expect(prefill.ours == "10.0.0.1")
        #expect(
            prefill.why.hasSuffix(
                "(Shown is the value of prefill-0 rank 0; it differs between the shards.)"))
        let router = try #require(shown["router argument --prefill"])
        #expect(router.ours == "http://10.0.0.1:8000 8998, http://10.0.0.3:8000 8999")
        #expect(!router.why.contains("Shown is"))
        let json = rendered.json["deviations"]?.arrayValue ?? []
        #expect(json.map { $0["ours"]?.stringValue } == rendered.deviations.map(\.ours))
    }

    @Test(arguments: ProfileCatalog.names)
    func `no deviation shows a placeholder`(name: String) throws {
        for deviation in try rendered(name).deviations {
            #expect(Template(deviation.ours).placeholders.isEmpty, "\(deviation.place)")
        }
    }

    @Test func `a deviation that is about no value keeps its words`() throws {
        let rendered = try rendered("glm-5.1-w4a8-1p1d-48p-in65k-out1k5-prefix100-33ms")
        let twice = rendered.deviations.first { $0.place.hasSuffix("--enable-dp-attention") }
        #expect(twice?.ours == "given once")
    }

    @Test func `the router has a script of its own`() throws {
        let rendered = try rendered(ProfileCatalog.names[0])
        let script = try #require(rendered.routerScript)
        #expect(script.node == NodeID("n1"))
        #expect(script.text.contains("sglang_router.launch_router"))
        #expect(!script.text.contains("sglang.launch_server"))
        #expect(try self.rendered("glm-5.1-w4a8-16p-in3k5-out1k5-50ms").routerScript == nil)
    }

    @Test func `the example of the format is a profile that plans and launches`() throws {
        let profile = try Profile.parse(
            try #require(example()), file: "Protocols/profile.md")
        #expect(profile.topology == "3P1D")
        let made = try plan(profile, nodes(5))
        #expect(
            told(made) == "prefill-0: n1; prefill-1: n2; prefill-2: n3; decode-0: n4 n5; router: n1"
        )
        func argv(_ group: String) -> [String] {
            LaunchSpec.make(
                profile: profile, modelPath: "/w", plan: made, group: GroupName(group),
                rank: .master, interface: "eth0"
            ).argv
        }
        #expect(
            argv("decode-0").suffix(2) == [
                "--speculative-draft-model-path", "/weights/glm-5.1-draft",
            ])
        #expect(argv("prefill-2").last == "--enable-metrics")
        #expect(!argv("prefill-2").contains("--deepep-mode"))
        #expect(argv("router").suffix(2) == ["--policy", "cache_aware"])
        #expect(argv("router").filter { $0 == "--prefill" }.count == 3)
    }

    @Test func `a single node with some of its devices needs no dist-init`() throws {
        let profile = try Profile.parse(
            """
            profile: four-cards
            extends: [glm-5.1-w4a8]
            cards: 4
            roles:
              mixed:
                groups: 1
                nodes: 1
                devices: [8, 9, 10, 11, 12, 13, 14, 15]
                ports: {http: 30000}
                environment: {ASCEND_RT_VISIBLE_DEVICES: "{devices}"}
                arguments: {--host: "{address}", --port: "{http_port}", --tp: 8}
            """, file: "four.yaml")
        let made = try plan(profile, nodes(1))
        #expect(made.groups.map(\.distInit) == [nil])
        #expect(made.service == Endpoint(host: "10.0.0.1", port: 30000))
        let spec = LaunchSpec.make(
            profile: profile, modelPath: "/w", plan: made, group: GroupName("mixed-0"),
            rank: .master, interface: "eth0")
        #expect(
            spec.argv.dropFirst(3) == ["--host", "10.0.0.1", "--port", "30000", "--tp", "8"])
        let visible = EnvironmentVariable("ASCEND_RT_VISIBLE_DEVICES", "8,9,10,11,12,13,14,15")
        #expect(spec.environment.contains(visible))
    }

    @Test func `addresses of IPv6 stand in brackets before a port`() throws {
        let profile = try ProfileCatalog.profile(named: ProfileCatalog.names[0])
        let candidates = (1...4).map { number in
            Candidate(node: NodeID("n\(number)"), address: "fd00::\(number)", isUsable: true)
        }
        let made = try plan(profile, candidates)
        let spec = LaunchSpec.make(
            profile: profile, modelPath: "/w", plan: made, group: GroupName("decode-0"),
            rank: NodeRank(1), interface: "eth0")
        #expect(spec.argv.contains("[fd00::3]:5000"))
        #expect(spec.argv.contains("fd00::4"))
        let store = EnvironmentVariable("ASCEND_MF_STORE_URL", "tcp://[fd00::1]:24670")
        #expect(spec.environment.contains(store))
    }

    /// The YAML of the first example in Protocols/profile.md.
    private func example() -> String? {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let text = readFile("/\(root)/Protocols/profile.md")
        let parts = text?.split(separator: "```yaml\n", maxSplits: 1)
        return parts?.last?.split(separator: "```").first.map(String.init)
    }
}

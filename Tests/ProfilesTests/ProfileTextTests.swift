import Base
import Profiles
import Testing

@Suite struct ProfileTextTests {
    @Test(arguments: ProfileCatalog.names)
    func `the complete text reads back to the same profile`(name: String) throws {
        let profile = try ProfileCatalog.profile(named: name)
        let text = profile.yaml
        #expect(!text.contains("extends"))
        let again = try Profile.parse(text, file: "again.yaml", loading: { _ in nil })
        #expect(again == profile)
        #expect(again.yaml == text)
    }

    @Test func `every file of the catalog is there under its own name`() throws {
        for name in ProfileCatalog.names + ProfileCatalog.baseNames {
            let text = try #require(ProfileCatalog.text(named: name))
            let isDeployment = ProfileCatalog.names.contains(name)
            #expect(text.contains("profile: \(name)\n") == isDeployment, "\(name)")
        }
        #expect(ProfileCatalog.published.map(\.name) == ProfileCatalog.names)
        #expect(ProfileCatalog.text(named: "other") == nil)
    }

    @Test func `an unknown profile is answered with the nearest known one`() {
        let error = #expect(throws: (any Error).self) {
            try ProfileCatalog.profile(named: "glm-5.1-w4a8-1p1d-32p-in64k-out1k-30ms")
        }
        #expect(
            error.map { "\($0)" }
                == "unknown profile "
                + "\"glm-5.1-w4a8-1p1d-32p-in64k-out1k-30ms\"; did you mean "
                + "\"glm-5.1-w4a8-1p1d-32p-in64k-out1k-20ms\"?")
    }

    @Test func `some of the published names are not said to be all`() {
        func told(_ name: String) -> String {
            do {
                return "\(try ProfileCatalog.profile(named: name))"
            } catch {
                return error.description
            }
        }
        #expect(ProfileCatalog.names.allSatisfy { told("x").contains($0) })
        #expect(told("1d-48p").contains("these have it in their names: "))
        #expect(!told("1d-48p").contains("known:"))
    }

    @Test(
        arguments: zip(
            ProfileCatalog.names,
            ["1P1D", "1P1D", "mixed", "1P1D", "1P1D", "1P1D", "1P1D", "2P1D", "4P1D"]))
    func `the topology is told from the groups`(name: String, topology: String) throws {
        #expect(try ProfileCatalog.profile(named: name).topology == topology)
    }

    @Test func `a profile of one's own extends a published one`() throws {
        let profile = try Profile.parse(
            """
            profile: ours
            extends: [glm-5.1-w4a8-1p1d-32p-in64k-out1k-20ms]
            paths: {draft_model: /weights/draft}
            environment: {EXTRA: 1}
            roles:
              prefill:
                arguments:
                  --chunked-prefill-size: 8192
                  --enable-metrics: true
                  --watchdog-timeout: {value: 900, after: --port}
                  --deepep-mode: null
              decode:
                arguments:
                  --speculative-draft-model-path: "{draft_model}"
                  --json-model-override-args: '{"rope": {"a": 1}}'
            router: {arguments: {--policy: cache_aware, --decode-policy: round_robin}}
            """, file: "ours.yaml")
        #expect(profile.name == "ours")
        #expect(profile.published == nil, "a row of the published table is not inherited")
        let prefill = try #require(profile.role(.prefill))
        let flags = prefill.arguments.map(\.flag)
        #expect(prefill.arguments[4] == Argument("--watchdog-timeout", ["900"]))
        #expect(prefill.arguments.last == Argument("--enable-metrics", []))
        #expect(!flags.contains("--deepep-mode"))
        let base = try ProfileCatalog.profile(named: "glm-5.1-w4a8-1p1d-32p-in64k-out1k-20ms")
        let index = base.role(.prefill)?.arguments.firstIndex {
            $0.flag == "--chunked-prefill-size"
        }
        #expect(flags.firstIndex(of: "--chunked-prefill-size") == index.map { $0 + 1 })
        #expect(profile.environment.last == NamedValue("EXTRA", "1"))
        #expect(try Profile.parse(profile.yaml, file: "again.yaml") == profile)
    }

    @Test func `bases are read through the loader, one over the other`() throws {
        let texts = [
            "a": "model: A\nhardware: X\ncards: 1\ndevices_per_card: 2\ncommand: [run]\n",
            "b": "extends: [a]\nmodel: B\nenvironment: {ONE: a, TWO: b}\n",
            "c": "environment: {TWO: c, THREE: c}\n",
        ]
        let profile = try Profile.parse(
            """
            profile: d
            extends: [b, c]
            environment: {ONE: null}
            roles:
              mixed: {groups: 1, nodes: 1, devices: [4, 5], ports: {http: 80}, arguments: {--tp: 2}}
            """, file: "d.yaml", loading: { texts[$0] })
        #expect(profile.model == "B")
        #expect(profile.environment == [NamedValue("TWO", "c"), NamedValue("THREE", "c")])
        #expect(profile.roles[0].devices.devices(ofGroup: 0) == [4, 5])
    }

    @Test func `overrides change what one cluster needs and keep the rest`() throws {
        let base = try ProfileCatalog.profile(named: "glm-5.1-w4a8-16p-in3k5-out1k5-50ms")
        let changed = try base.applying(
            ProfileOverrides(
                """
                environment: {STREAMS_PER_DEVICE: 16, HTTP_DEBUG: 1}
                host: {governor: null, sysctl: {vm.swappiness: 10}}
                roles:
                  mixed:
                    ports: {http: 9000}
                    environment: {HCCL_BUFFSIZE: 1024}
                    arguments: {--max-running-requests: 256, --enable-metrics: true, --trust-remote-code: null}
                """, file: "agent.yaml"))
        #expect(changed.environment.contains(NamedValue("STREAMS_PER_DEVICE", "16")))
        #expect(changed.environment.last == NamedValue("HTTP_DEBUG", "1"))
        #expect(changed.governor == nil)
        #expect(changed.sysctl[0] == NamedValue("vm.swappiness", "10"))
        #expect(changed.roles[0].ports.http == 9000)
        #expect(changed.roles[0].environment.contains(NamedValue("HCCL_BUFFSIZE", "1024")))
        let flags = changed.roles[0].arguments.map(\.flag)
        #expect(
            flags == base.roles[0].arguments.map(\.flag).filter { $0 != "--trust-remote-code" }
                + ["--enable-metrics"])
        #expect(try base.applying(.none) == base)
    }
}

@Suite struct TemplateTests {
    @Test(
        arguments: [
            ("plain", [], "plain"), ("{a}:{b_1}", ["a", "b_1"], "1:2"), ("{}", [], "{}"),
            ("{\"a\": {\"b\": 1}}", [], "{\"a\": {\"b\": 1}}"), ("{{a}}", ["a"], "{1}"),
            ("{a", [], "{a"),
            ("{1a}{A}", [], "{1a}{A}"), ("é{a}é", ["a"], "é1é"), ("{a b}", [], "{a b}"),
        ] as [(String, [String], String)])
    func `names in braces are placeholders and nothing else is`(
        text: String, names: [String], expanded: String
    ) {
        let template = Template(text)
        #expect(template.placeholders == names)
        #expect(template.expanded(["a": "1", "b_1": "2"]) == expanded)
    }
}

@Suite struct VersionRangeTests {
    @Test(arguments: [
        ("0.5.9", true), ("0.5.8", false), ("0.5.19", true), ("0.5.20", false),
        ("0.5.12.post1", true),
        ("0.5.9rc1", false), ("0.5.20rc1", true), ("0.5.10.post1+cann9", true), ("v0.5.13", true),
        ("0.6", false), ("0.5.19.post2", true),
        ("0.5.19.dev3+gabc1234.d20260304", true), ("0.5.9.dev1", false), ("0.5.20.rc2", true),
        ("0.5.20.dev1+g0123abc", true), ("0.5.20+cann9", false), ("0.5.10.POST1", true),
    ])
    func `versions order as they are released`(text: String, isIn: Bool) throws {
        let range = try #require(VersionRange(">=0.5.9 <0.5.20"))
        #expect(range.contains(try #require(Version(text))) == isIn)
    }

    @Test func `versions stand in the order of PEP 440`() throws {
        let rising = [
            "0.5.22", "0.5.22.post1.dev2", "0.5.22.post1", "0.5.22.post2", "0.5.23.dev0",
            "0.5.23.dev12", "0.5.23a1", "0.5.23b1", "0.5.23rc1.dev4", "0.5.23.rc1", "0.5.23rc2",
            "0.5.23", "0.5.23.post1",
        ]
        let versions = try rising.map { try #require(Version($0), "\($0)") }
        for (older, newer) in zip(versions, versions.dropFirst()) {
            #expect(older < newer && !(newer < older), "\(older) and \(newer)")
        }
    }

    @Test(arguments: [
        ("0.5.23.dev1+gabc", "0.5.23.dev1"), ("0.5.23-rc1", "0.5.23rc1"),
        ("V0.5.23RC1", "0.5.23.rc1"), ("0.5.12-post1", "0.5.12.post1+cann9.0"), ("0.5", "0.5.0"),
    ])
    func `spellings of one version, and its local part, make no other`(one: String, other: String)
        throws
    {
        let (one, other) = (try #require(Version(one)), try #require(Version(other)))
        #expect(one == other && one.hashValue == other.hashValue)
    }

    @Test(arguments: [
        "0.5.23-npu.rc1-a3", "main", "0.5.23.dev", "0.5.23+", "0.5.23+g abc", "0.5.dev1.post1",
        "0.5.23rc1rc2", "unknown", ".dev1", "0.5.23.dev1_x", "0.-5", "0.5.99999999999999999999",
    ])
    func `what is no version is not read`(text: String) {
        #expect(Version(text) == nil)
    }

    @Test(arguments: ["", "0.5", ">=", ">=x", ">=0.5,<0.6", "~=0.5", ">=0..5", ">=0.5.post"])
    func `what is no range is not read`(text: String) {
        #expect(VersionRange(text) == nil)
    }

    @Test func `a range reads back as it was`() {
        #expect(VersionRange(">=0.5.9  <0.5.20")?.description == ">=0.5.9 <0.5.20")
    }
}

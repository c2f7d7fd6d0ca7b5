// The transfer store as a process of its own, from the profile to its launch.

import Base
import Planning
import Profiles
import Testing

@Suite struct StoreProcessTests {
    private static func profile(_ store: String) throws -> Profile {
        try ProfileCatalog.profile(named: "glm-5.1-w4a8-2p1d-48p-in128k-out1k-prefix90-50ms")
            .applying(ProfileOverrides("store: {\(store)}", file: "test"))
    }

    @Test func `as published the store is in the first prefill group`() throws {
        let profile = try ProfileCatalog.profile(named: ProfileCatalog.names[0])
        let made = try plan(profile, nodes(4))
        #expect(made.storeOwner == GroupName("prefill-0"))
        #expect(made.group(GroupName("store")) == nil)
        #expect(!profile.yaml.contains("standalone"))
    }

    @Test func `a mixed deployment has no store, and no owner`() throws {
        let profile = try ProfileCatalog.profile(named: "glm-5.1-w4a8-16p-in3k5-out1k5-50ms")
        #expect(try plan(profile, nodes(2)).storeOwner == nil)
    }

    @Test func `a store of its own is planned on the node of its address, and launched there`()
        throws
    {
        let profile = try Self.profile("process: standalone")
        let read = try Profile.parse(profile.yaml, file: "again")
        #expect(read == profile, "it is replicated as text")
        let made = try plan(profile, nodes(6))
        #expect(made.storeOwner == GroupName("store"))
        let store = try #require(made.group(GroupName("store")))
        let first = try #require(made.group(GroupName("prefill-0")))
        #expect(store.ranks == [first.ranks[0]] && store.http == first.store)
        #expect(made.spares.isEmpty && made.groups.last?.role == .router)
        #expect(made.groups.last?.workers.map(\.role) == [.prefill, .prefill, .decode])

        let spec = LaunchSpec.make(
            profile: profile, modelPath: "/m", plan: made, group: store.name, rank: .master,
            interface: "eth0")
        #expect(spec.argv == ["python3", "-m", "mf_adapter.launch_ascend_mf_store"])
        #expect(
            spec.environment
                == [EnvironmentVariable("ASCEND_MF_STORE_URL", "tcp://\(store.http)")])
        #expect(spec.source == profile.source && spec.schedulers == nil)
    }

    @Test func `its port is its own: the engine beside it does not ask for it`() throws {
        let profile = try Self.profile("process: standalone")
        let made = try plan(profile, nodes(6))
        func ports(_ name: String) throws -> [UInt16] {
            let group = try #require(made.group(GroupName(name)))
            return PortMap(
                profile: profile, group: group, rank: .master, generation: Generation(1)
            ).mustBeFree.map(\.port)
        }
        #expect(try ports("store") == [24670])
        #expect(try !ports("prefill-0").contains(24670))
    }

    @Test func `its command can be another`() throws {
        let profile = try Self.profile("process: standalone, command: [/opt/store, --quiet]")
        #expect(
            try Profile.parse(profile.yaml, file: "again").store?.command == [
                "/opt/store", "--quiet",
            ])
    }
}

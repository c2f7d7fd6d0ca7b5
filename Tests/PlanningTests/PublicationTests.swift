// Every launch spec equals the published script, except where a deviation says so; and every
// deviation is one: a listed deviation without effect fails like an unlisted difference.

import Base
import Planning
import Profiles
import Testing

@Suite struct PublicationTests {
    @Test(arguments: ProfileCatalog.names)
    func `what runs is what was published, apart from the listed deviations`(
        name: String
    ) throws {
        let profile = try ProfileCatalog.profile(named: name)
        let fixture = try PublishedFixture(profile.name)
        #expect(profile.published?.heading == fixture.heading)
        var comparison = Comparison(profile: profile, fixture: fixture)
        try comparison.compareAll()
        #expect(comparison.unlisted == [], "differences that no deviation tells")
        let idle = Set(profile.deviations.map(\.place)).subtracting(comparison.effective)
        #expect(idle == [], "deviations without effect")
    }

    @Test func `the comparison sees a deviation without effect and one that tells it wrong`() throws
    {
        let name = ProfileCatalog.names[0]
        let published = try ProfileCatalog.profile(named: name)
        let changed = try Profile.parse(
            """
            profile: changed
            extends: [\(name)]
            deviations:
              decode argument --port: {published: 8001, ours: 8002, why: none}
              router argument --prefill: {published: other}
            """, file: "changed.yaml")
        var comparison = Comparison(profile: changed, fixture: try PublishedFixture(published.name))
        try comparison.compareAll()
        #expect(comparison.unlisted.count == 1)
        #expect(comparison.unlisted.first?.hasPrefix("router argument --prefill: ") == true)
        #expect(!comparison.effective.contains("decode argument --port"))
    }

    @Test func `the comparison sees an argument and a variable that differ`() throws {
        let published = try ProfileCatalog.profile(named: ProfileCatalog.names[0])
        let changed = try published.applying(
            ProfileOverrides(
                """
                roles:
                  decode: {arguments: {--context-length: 1000}, environment: {TASK_QUEUE_ENABLE: 1}}
                router: {arguments: {--policy: cache_aware}}
                """, file: "overrides.yaml"))
        let fixture = try PublishedFixture(published.name)
        var comparison = Comparison(profile: changed, fixture: fixture)
        try comparison.compareAll()
        #expect(
            Set(comparison.unlisted) == [
                "decode argument --context-length: published 180000, ours 1000",
                "decode environment TASK_QUEUE_ENABLE: published 0, ours 1",
                "router argument --policy: published round_robin, ours cache_aware",
            ])
    }

    @Test func `who unsets a proxy unsets the one for all`() throws {
        func spec(_ unset: [String]) -> LaunchSpec {
            LaunchSpec(
                node: NodeID("a"), group: GroupName("mixed-0"), role: .mixed, rank: .master,
                environment: [], unset: unset, source: [], argv: [], host: .none)
        }
        #expect(spec(["http_proxy"]).removed == ["http_proxy", "ALL_PROXY", "all_proxy"])
        let all = ["HTTP_PROXY", "ALL_PROXY"]
        #expect(spec(all).removed == all + ["all_proxy"])
        #expect(spec(["ASCEND_LAUNCH_BLOCKING"]).removed == ["ASCEND_LAUNCH_BLOCKING"])
    }

    @Test func `the published table has nine rows, low latency first`() {
        let categories = ProfileCatalog.published.map { $0.published?.category }
        #expect(
            categories == Array(repeating: "Low Latency", count: 2)
                + Array(repeating: "High Throughput", count: 7))
        for profile in ProfileCatalog.published {
            let heading = profile.published?.heading ?? ""
            #expect(profile.name == String(heading.lowercased().map { $0 == " " ? "-" : $0 }))
        }
    }
}

/// Compares everything that a profile launches with the publication and keeps the differences.
private struct Comparison {
    let profile: Profile
    let fixture: PublishedFixture
    /// Differences that no deviation accounts for.
    var unlisted: [String] = []
    /// The places of deviations that account for a difference.
    var effective: Set<String> = []

    init(profile: Profile, fixture: PublishedFixture) {
        self.profile = profile
        self.fixture = fixture
    }

    mutating func compareAll() throws {
        let plan = try fixture.plan(profile)
        for group in plan.groups where group.role != .router {
            for (rank, holder) in group.ranks.enumerated() {
                let shard = try #require(fixture.shards.first { $0.address == holder.address })
                let spec = LaunchSpec.make(
                    profile: profile, modelPath: fixture.model, plan: plan, group: group.name,
                    rank: NodeRank(rank), interface: fixture.interface)
                let values = [
                    "address": holder.address, "rank": String(rank),
                    "interface": fixture.interface,
                    "dist_init": group.distInit?.description ?? "",
                ]
                compare(spec, shard, values)
            }
        }
        if let router = plan.group(GroupName("router")) {
            let spec = LaunchSpec.make(
                profile: profile, modelPath: fixture.model, plan: plan, group: router.name,
                rank: .master, interface: fixture.interface)
            let workers = router.workers.filter { $0.role == .prefill }.map { worker in
                ["prefill_url": "http://\(worker.http)"]
                    .merging(["bootstrap_port": "\(worker.bootstrapPort ?? 0)"]) { first, _ in first
                    }
            }
            compareArguments("router", spec.argv, fixture.router ?? [], workers)
            #expect(spec.environment == [] && spec.unset == [] && spec.source == [])
        } else {
            #expect(fixture.router == nil)
        }
        let benchmark = plan.benchmarkArguments(profile: profile, modelPath: fixture.model) ?? []
        let service = ["service_host": plan.service?.host ?? ""]
        compareArguments("benchmark", benchmark, fixture.benchmark, [service])
    }

    private mutating func compare(
        _ spec: LaunchSpec, _ shard: PublishedFixture.Shard, _ values: [String: String]
    ) {
        compareArguments(spec.role.rawValue, spec.argv, shard.argv, [values])
        let ours = Dictionary(spec.environment.map { ($0.name, $0.value) }) { first, _ in first }
        #expect(ours.count == spec.environment.count, "a variable twice")
        for name in Set(ours.keys).union(shard.environment.keys).sorted() {
            account(
                "\(spec.role.rawValue) environment \(name)",
                published: shard.environment[name] ?? "absent", ours: ours[name] ?? "absent",
                [values])
        }
        #expect(spec.unset == shard.unset)
        #expect(spec.source == shard.source)
        #expect(spec.host.governor == shard.governor)
        #expect(spec.host.sysctl.map { "\($0.name)=\($0.value)" } == shard.sysctl)
    }

    private mutating func compareArguments(
        _ part: String, _ ours: [String], _ published: [String], _ values: [[String: String]]
    ) {
        #expect(ours.prefix(3) == published.prefix(3), "the command itself")
        let (ourFlags, theirFlags) = (Self.flags(ours), Self.flags(published))
        var deviating: Set<String> = []
        for flag in Set((ourFlags + theirFlags).map(\.flag)).sorted() {
            let isSame = account(
                "\(part) argument \(flag)", published: Self.told(flag, theirFlags),
                ours: Self.told(flag, ourFlags), values)
            if !isSame { deviating.insert(flag) }
        }
        #expect(
            ourFlags.filter { !deviating.contains($0.flag) }
                == theirFlags.filter { !deviating.contains($0.flag) },
            "\(part): the order of the arguments")
    }

    /// True where there is no difference. A difference must be a deviation that tells both sides.
    @discardableResult
    private mutating func account(
        _ place: String, published: String, ours: String, _ values: [[String: String]]
    ) -> Bool {
        if published == ours { return true }
        let deviation = profile.deviations.first { $0.place == place }
        if let deviation, resolved(deviation.published) == published,
            values.map({ Template(deviation.ours).expanded($0) }).joined(separator: ", ") == ours
        {
            effective.insert(place)
        } else {
            let difference = "\(place): published \(published), ours \(ours)"
            if !unlisted.contains(difference) { unlisted.append(difference) }
        }
        return false
    }

    /// The published text with the numbered addresses of the fixture.
    private func resolved(_ text: String) -> String {
        var text = text.split(
            separator: "<network-interface>", omittingEmptySubsequences: false
        ).joined(separator: fixture.interface)
        for (index, shard) in fixture.shards.enumerated() {
            let parts = text.split(
                separator: "<your prefill ip\(index + 1)>", omittingEmptySubsequences: false)
            text = parts.joined(separator: shard.address)
        }
        return text
    }

    private static func flags(_ argv: [String]) -> [Argument] {
        var flags: [(flag: String, values: [String])] = []
        for word in argv.dropFirst(3) {
            if word.hasPrefix("--") {
                flags.append((word, []))
            } else if !flags.isEmpty {
                flags[flags.count - 1].values.append(word)
            }
        }
        return flags.map { Argument($0.flag, $0.values) }
    }

    /// What a command says of a flag, in the words of a deviation.
    private static func told(_ flag: String, _ arguments: [Argument]) -> String {
        let found = arguments.filter { $0.flag == flag }
        if found.isEmpty { return "absent" }
        if found.allSatisfy({ $0.values.isEmpty }) {
            return found.count == 1 ? "given once" : "given twice"
        }
        return found.map { $0.values.joined(separator: " ") }.joined(separator: ", ")
    }
}

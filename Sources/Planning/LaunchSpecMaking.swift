// Profile and plan to launch specs: every placeholder gets its value from the plan, and nothing else
// is added, so the command that runs is the published one.

public import Base
public import Profiles

extension LaunchSpec {
    /// What one rank of a group, or the router, is started with.
    ///
    /// - Parameters:
    ///   - profile: the profile that the plan was made for.
    ///   - modelPath: the directory of the weights.
    ///   - plan: the plan in force.
    ///   - name: a group of the plan.
    ///   - rank: a rank of that group.
    ///   - interface: the network interface of the node's address.
    /// - Returns: the complete launch; nothing is added to it later.
    public static func make(
        profile: Profile, modelPath: String, plan: Plan, group name: GroupName, rank: NodeRank,
        interface: String
    ) -> LaunchSpec {
        guard let group = plan.group(name), group.ranks.indices.contains(rank.value) else {
            fatalError("epoch \(plan.epoch) has no rank \(rank) of \(name)")
        }
        return make(
            profile: profile, modelPath: modelPath, group: group, rank: rank, interface: interface)
    }

    /// What one rank of a group is started with; the group knows all that it needs of the plan.
    public static func make(
        profile: Profile, modelPath: String, group: PlannedGroup, rank: NodeRank, interface: String
    ) -> LaunchSpec {
        let launch = Launch(
            profile: profile, modelPath: modelPath, group: group, rank: rank, interface: interface)
        return launch.spec { profile.untranslated($0) }
    }

    /// What one rank of a group is started with where that SGLang is installed.
    ///
    /// - Parameters:
    ///   - profile: the profile that the plan was made for.
    ///   - modelPath: the directory of the weights.
    ///   - group: the group, as its generation is launched.
    ///   - rank: a rank of that group.
    ///   - interface: the network interface of the node's address.
    ///   - sglang: the installed version; nil where it is not known, which then is taken to
    ///     understand the profile as it is written.
    /// - Returns: the complete launch; nothing is added to it later.
    /// - Throws: what of the profile has no words in that version.
    public static func make(
        profile: Profile, modelPath: String, group: PlannedGroup, rank: NodeRank,
        interface: String, sglang: Version?
    ) throws(DialectRefusal) -> LaunchSpec {
        let launch = Launch(
            profile: profile, modelPath: modelPath, group: group, rank: rank, interface: interface)
        return try launch.spec { role throws(DialectRefusal) in
            guard let sglang else { return profile.untranslated(role) }
            return try profile.translated(role, for: sglang)
        }
    }
}

/// One rank that is to be launched.
private struct Launch {
    let profile: Profile
    let modelPath: String
    let group: PlannedGroup
    let rank: NodeRank
    let interface: String

    /// The complete launch, given the words in which a role is said.
    func spec<Failure>(
        words: (RoleProfile) throws(Failure) -> TranslatedRole
    ) throws(Failure) -> LaunchSpec {
        let values = LaunchValues(profile: profile, modelPath: modelPath, group: group)
        if group.role == .router { return router(values) }
        if group.role == .store { return store(values) }
        guard let role = profile.role(group.role) else {
            fatalError("\(profile.name) has no role for \(group.name)")
        }
        let words = try words(role)
        let expanded = values.engine(rank: rank, interface: interface)
        return LaunchSpec(
            node: group.ranks[rank.value].node, group: group.name, role: group.role, rank: rank,
            environment: words.environment.map { variable in
                EnvironmentVariable(variable.name, Template(variable.value).expanded(expanded))
            },
            unset: profile.unset, source: profile.source,
            argv: profile.command + words.arguments.flatMap { $0.words(expanded) },
            host: HostTuning(
                sysctl: profile.sysctl.map { EnvironmentVariable($0.name, $0.value) },
                governor: profile.governor),
            translations: words.translations,
            schedulers: profile.schedulers(of: role, group: group.index))
    }

    /// The store needs the environment of its library, and the one variable that it reads.
    private func store(_ values: LaunchValues) -> LaunchSpec {
        guard let store = profile.store, let address = group.store else {
            fatalError("\(profile.name) has no store")
        }
        return LaunchSpec(
            node: group.ranks[0].node, group: group.name, role: .store, rank: .master,
            environment: [EnvironmentVariable("ASCEND_MF_STORE_URL", "tcp://\(address)")],
            unset: profile.unset, source: profile.source, argv: store.command, host: .none)
    }

    private func router(_ values: LaunchValues) -> LaunchSpec {
        guard let router = profile.router else {
            fatalError("\(profile.name) has no router")
        }
        return LaunchSpec(
            node: group.ranks[0].node, group: group.name, role: .router, rank: .master,
            environment: [], unset: [], source: [],
            argv: router.command + values.routerArguments(router), host: .none)
    }
}

extension Plan {
    /// The benchmark's command against this plan; nil where the profile has none.
    ///
    /// It is to run on the node where the service listens, if that is a loopback address.
    public func benchmarkArguments(profile: Profile, modelPath: String) -> [String]? {
        guard let service else { return nil }
        return profile.benchmarkArguments(modelPath: modelPath, service: service)
    }

    /// Where clients are served: the router, or the first mixed group.
    public var service: Endpoint? {
        (groups.first { $0.role == .router } ?? groups.first { $0.role == .mixed })?.http
    }
}

extension Profile {
    /// The benchmark's command against that service; nil where the profile has none.
    public func benchmarkArguments(modelPath: String, service: Endpoint) -> [String]? {
        let values = benchmarkValues(modelPath, service)
        return benchmark.map { $0.command + $0.arguments.flatMap { $0.words(values) } }
    }

    /// Where the benchmark differs from its publication, with the values that are used.
    public func benchmarkDeviations(modelPath: String, service: Endpoint) -> [Deviation] {
        let values = benchmarkValues(modelPath, service)
        return deviations.filter { $0.place.hasPrefix("benchmark ") }.map { deviation in
            Deviation(
                place: deviation.place, published: deviation.published,
                ours: Template(deviation.ours).expanded(values), why: deviation.why)
        }
    }

    private func benchmarkValues(_ modelPath: String, _ service: Endpoint) -> [String: String] {
        var values = LaunchValues.common(self, modelPath)
        values["service_host"] = service.host
        values["service_port"] = String(service.port)
        return values
    }
}

/// The values of the placeholders for one group.
private struct LaunchValues {
    let profile: Profile
    let modelPath: String
    let group: PlannedGroup

    static func common(_ profile: Profile, _ modelPath: String) -> [String: String] {
        var values = ["model": modelPath]
        for path in profile.paths { values[path.name] = path.value }
        return values
    }

    func engine(rank: NodeRank, interface: String) -> [String: String] {
        var values = Self.common(profile, modelPath)
        values["address"] = group.ranks[rank.value].address
        values["interface"] = interface
        values["master"] = group.ranks[0].address
        values["rank"] = String(rank.value)
        values["nodes"] = String(group.ranks.count)
        values["group_index"] = String(group.index)
        let devices = profile.role(group.role)?.devices.devices(ofGroup: group.index) ?? []
        values["devices"] = devices.map(String.init).joined(separator: ",")
        values["http_port"] = String(group.http.port)
        values["dist_init"] = group.distInit?.description
        values["bootstrap_port"] = group.bootstrap.map { String($0.port) }
        values["store"] = group.store?.description
        return values
    }

    /// An argument with a worker placeholder stands once for every worker of that role.
    func routerArguments(_ router: RouterProfile) -> [String] {
        let address = group.ranks[0].address
        var values = Self.common(profile, modelPath)
        values["address"] = address
        values["router_host"] = Template(router.host).expanded(["address": address])
        values["router_port"] = String(router.port)
        return router.arguments.flatMap { argument -> [String] in
            let names = Set(argument.values.flatMap { Template($0).placeholders })
            let role: Role? =
                !names.isDisjoint(with: ["prefill_url", "bootstrap_port"])
                ? .prefill : names.contains("decode_url") ? .decode : nil
            guard let role else { return argument.words(values) }
            return group.workers.filter { $0.role == role }.flatMap { worker in
                var own = values
                own["\(role.rawValue)_url"] = "http://\(worker.http)"
                own["bootstrap_port"] = worker.bootstrapPort.map { String($0) }
                return argument.words(own)
            }
        }
    }
}

extension Argument {
    /// The flag and its values with every placeholder replaced.
    fileprivate func words(_ expansion: [String: String]) -> [String] {
        [flag] + values.map { Template($0).expanded(expansion) }
    }
}

// Which cluster a seed stands for: the shapes of the published profiles and some between them, with
// and without spares.

import Base
import Node
import Planning
public import Profiles

extension SimulationConfiguration {
    /// Shapes that nobody published: as many prefill groups of one node beside one decode group of
    /// two.
    private static let shapes = ["3p1d": 3, "5p1d": 5]
    private static let shapesBase = "glm-5.1-w4a8-4p1d-48p-in64k-out1k-prefix90-50ms"

    static let profileNames = ProfileCatalog.names + shapes.keys.sorted()

    /// The scenario of a seed; a given profile or size takes the place of what the seed would draw. One in
    /// five that has a transfer store gives it a process of its own, and three in ten have the real engine,
    /// but for `asPublished`.
    /// - Throws: where there is no profile of that name.
    public static func scenario(
        seed: UInt64, profileName: String? = nil, nodeCount: Int? = nil,
        asPublished: Bool = false
    ) throws(UnknownProfile) -> SimulationConfiguration {
        var generator = SeededGenerator(seed: seed ^ 0x5CE4_A210)
        let drawn = profileNames.randomElement(using: &generator) ?? ""
        let spares = Int.random(in: 0...2, using: &generator)
        let profile = try profile(named: profileName ?? drawn)
        let deployment = Deployment(
            profileName: profile.name, profileYAML: profile.yaml, modelPath: "/models/glm-5.1",
            engine: .rehearsal)
        let needed = profile.roles.map { $0.groups * $0.nodes }.reduce(0, +)
        let many = generator.chance(0.01) ? Int.random(in: 10...100, using: &generator) : 0
        var configuration = SimulationConfiguration(
            seed: seed, nodeCount: nodeCount ?? max(needed + spares, many),
            deployment: deployment)
        configuration.draw(using: &generator)
        if profile.store != nil, !asPublished, generator.chance(0.2) {
            configuration.givesStoreAProcess()
        }
        if !asPublished, generator.chance(0.1) {
            configuration.isolation = .seconds(Int64.random(in: 3...8, using: &generator))
        }
        if !asPublished, generator.chance(0.3) { configuration.hasDies(using: &generator) }
        // A group that is given up comes back by its operator's word.
        if !asPublished, generator.chance(0.1) {
            configuration.restartBudget = Int.random(in: 1...3, using: &generator)
        }
        return configuration
    }

    /// The real engine, whose nodes are examined before each launch.
    private mutating func hasDies(using generator: inout SeededGenerator) {
        deployment = Deployment(
            profileName: deployment.profileName, profileYAML: deployment.profileYAML,
            modelPath: deployment.modelPath, engine: .sglang)
        obstacleChance = [0, 0.2, 0.5].randomElement(using: &generator) ?? 0
    }

    /// As an operator may choose it.
    mutating func givesStoreAProcess() {
        do {
            let overrides = try ProfileOverrides("store: {process: standalone}", file: "scenario")
            let profile = try Profile.parse(deployment.profileYAML, file: deployment.profileName)
                .applying(overrides)
            deployment = Deployment(
                profileName: deployment.profileName, profileYAML: profile.yaml,
                modelPath: deployment.modelPath, engine: deployment.engine)
        } catch {
            fatalError("the profile \(deployment.profileName) takes no store process: \(error)")
        }
    }

    /// Draws what goes wrong, and some limits: the small ones show what large ones hide.
    private mutating func draw(using generator: inout SeededGenerator) {
        appendBytesLimit = [256 * 1024, 1, 6000].randomElement(using: &generator) ?? 1
        logLimit = [Self.largeLogLimit, 8, 30].randomElement(using: &generator) ?? 8
        dialPatience =
            [.seconds(1), .milliseconds(60)].randomElement(using: &generator) ?? .seconds(1)
        hangChance = [0.15, 0.15, 0.8].randomElement(using: &generator) ?? 0.15
        newcomerCount = [0, 0, 1, 2].randomElement(using: &generator) ?? 0
        let mix = FaultMix(using: &generator)
        faults = mix.faults(
            from: quietStart, for: faultPeriod, nodeCount: hostCount, using: &generator)
        faults += FaultMix.maintenance(
            from: quietStart, for: faultPeriod, nodeCount: nodeCount, seed: seed)
        faults += FaultMix.disorder(from: quietStart, for: faultPeriod, seed: seed)
        faults += FaultMix.olderAgents(
            until: quietStart + faultPeriod, nodeCount: nodeCount, seed: seed)
    }

    private static let largeLogLimit = NodeConfiguration.standardLogLimit

    private static func profile(named name: String) throws(UnknownProfile) -> Profile {
        guard let prefillGroups = shapes[name] else {
            return try ProfileCatalog.profile(named: name)
        }
        let text = """
            profile: \(name)
            extends: [\(shapesBase)]
            cards: \(8 * (prefillGroups + 2))
            roles:
              prefill:
                groups: \(prefillGroups)
            """
        do {
            return try Profile.parse(text, file: name)
        } catch {
            fatalError("the profile \(name) does not read: \(error)")
        }
    }

    /// The command that runs this very history again.
    public var replayCommand: String {
        "glm-agent simulate --seed \(seed) --nodes \(nodeCount) --profile \(deployment.profileName)"
    }
}

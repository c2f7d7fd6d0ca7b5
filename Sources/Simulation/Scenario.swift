// Which cluster a seed stands for: the shapes of the published profiles, with and without spares.

import Base
import Planning
public import YAML
import Profiles

extension SimulationConfiguration {
    /// The scenario of a seed; a given profile or size takes the place of what the seed would draw.
    /// - Throws: what is wrong with the profile's name.
    public static func scenario(
        seed: UInt64, profileName: String? = nil, nodeCount: Int? = nil
    ) throws(ConfigurationError) -> SimulationConfiguration {
        var generator = SeededGenerator(seed: seed ^ 0x5CE4_A210)
        let drawn = ProfileCatalog.names.randomElement(using: &generator) ?? ""
        let spares = Int.random(in: 0...2, using: &generator)
        let profile = try ProfileCatalog.profile(named: profileName ?? drawn)
        let deployment = Deployment(
            profileName: profile.name, profileYAML: profile.yaml, modelPath: "/models/glm-5.1",
            engine: .rehearsal)
        let needed = profile.roles.map { $0.groups * $0.nodes }.reduce(0, +)
        return SimulationConfiguration(
            seed: seed, nodeCount: nodeCount ?? needed + spares, deployment: deployment)
    }

    /// The command that runs this very history again.
    public var replayCommand: String {
        "glm-agent simulate --seed \(seed) --nodes \(nodeCount) --profile \(deployment.profileName)"
    }
}

// Reading a profile takes milliseconds and is asked for at every decision, so the last one is kept.

import Planning
import Profiles

/// The profile of the deployment that was asked for last.
struct ParsedProfile: Sendable {
    private var deployment: Deployment?
    private var profile: Profile?

    /// - Throws: what is wrong with the profile's text.
    mutating func of(_ deployment: Deployment) throws -> Profile {
        if deployment == self.deployment, let profile { return profile }
        let profile = try Profile.parse(
            deployment.profileYAML, file: "\(deployment.profileName) (committed)")
        self.deployment = deployment
        self.profile = profile
        return profile
    }
}

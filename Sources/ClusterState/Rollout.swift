// A changed deployment comes to the groups one after the other, so those that serve on were launched with
// one that is not wanted any more. It is kept as long as something runs of it: only so can be told what
// differs, and a group whose launch stays the same is left alone.

public import Planning

/// A deployment that was wanted before.
public struct PastDeployment: Hashable, Sendable {
    public let serial: UInt64
    public let deployment: Deployment

    public init(serial: UInt64, deployment: Deployment) {
        self.serial = serial
        self.deployment = deployment
    }
}

/// How the wanted deployment takes the place of those before it.
public struct Rollout: Hashable, Sendable {
    /// Rising; the last is the one before the wanted one, and always there.
    public internal(set) var past: [PastDeployment]
    /// An operator has put another deployment into effect than the files of the nodes have: those
    /// that say what the last one was are not followed again.
    public internal(set) var isSetAside: Bool
    /// All groups at once, by an operator's word.
    public internal(set) var isAtOnce: Bool

    public init(past: [PastDeployment] = [], isSetAside: Bool = false, isAtOnce: Bool = false) {
        self.past = past
        self.isSetAside = isSetAside
        self.isAtOnce = isAtOnce
    }
}

extension ReplicatedState {
    /// The deployment of a serial, where it is wanted or still remembered.
    public func deployment(ofSerial serial: UInt64) -> Deployment? {
        if serial == deploymentSerial { return deployment }
        return rollout.past.first { $0.serial == serial }?.deployment
    }

    /// What an operator has replaced though files may still say it.
    public var setAside: Deployment? {
        rollout.isSetAside ? rollout.past.last?.deployment : nil
    }

    mutating func deploy(
        _ command: Command, _ new: Deployment, isOrdered: Bool, atOnce: Bool
    ) -> String? {
        if new == deployment {
            // Whoever is tired of waiting may have the rest at once.
            guard isOrdered else { return "this deployment is wanted already" }
            guard atOnce, !rollout.isAtOnce else { return nil }
            rollout.isAtOnce = true
            note(command, .deployed, text: "deployment \(new.profileName): the rest at once")
            return nil
        }
        if let old = deployment {
            rollout.past.append(PastDeployment(serial: deploymentSerial, deployment: old))
        }
        deployment = new
        deploymentSerial += 1
        rollout.isSetAside = isOrdered
        rollout.isAtOnce = atOnce
        forgetDeployments()
        reviveFailed()
        note(
            command, .deployed,
            text: "deployment \(new.profileName)"
                + (isOrdered ? ", by the operator" : "") + (atOnce ? ", all groups at once" : ""))
        return nil
    }

    /// Keeps the last, and what runs.
    mutating func forgetDeployments() {
        let inUse = Set(groups.filter { $0.phase == .running }.map(\.launchedSerial))
        let last = rollout.past.last?.serial
        rollout.past.removeAll { $0.serial != last && !inUse.contains($0.serial) }
    }
}

// The files of the nodes, compared. A changed file takes effect once every node has it, so that a
// cluster that is half edited restarts nothing; until then the difference is told, with whom it waits for.

import Base
import ClusterState
import Membership
import Planning
import WireProtocol

extension NodeMachine {
    /// What other deployment the files of some nodes want, and what it waits for; nil where all files
    /// say what is agreed.
    var pendingDeployment: String? {
        guard let wantedDigest, let agreed = state.deployment?.profileName else { return nil }
        let digests = members.map { ($0.node, fileDigest(of: $0.node)) }
        let changed = digests.filter { $0.1 != nil && $0.1 != wantedDigest }
        guard let new = changed.first?.1 else { return nil }
        let holders = names(changed.map(\.0))
        if let aside = state.setAside, aside.digest == new, changed.allSatisfy({ $0.1 == new }) {
            return "\(holders) have the deployment in their files that an operator has replaced by "
                + "\(agreed): put it into the files, too (to go back: glm-agent apply, on one of them)"
        }
        let what = new == localDigest ? " (\(configuration.deployment.profileName))" : ""
        guard changed.allSatisfy({ $0.1 == new }) else {
            return "the files of \(holders) differ from what is agreed (\(agreed)) and from one "
                + "another: make them the same on every node, then restart the agents"
        }
        let old = digests.filter { $0.1 == wantedDigest }.map(\.0)
        let silent = digests.filter { $0.1 == nil }.map(\.0)
        let waits = [
            old.isEmpty ? nil : "\(names(old)) with the file that is agreed",
            silent.isEmpty ? nil : "\(names(silent)), whose file is not known here",
        ].compactMap { $0 }
        let pending =
            "\(holders) have another deployment in their files\(what) than is agreed (\(agreed))"
        return waits.isEmpty
            ? "\(pending); it takes effect now"
            : "\(pending); it waits for \(waits.joined(separator: " and for ")). To put it into "
                + "effect without waiting, on a node with the new file: glm-agent apply"
    }

    private func names(_ nodes: [NodeID]) -> String {
        nodes.map(\.name).joined(separator: ", ")
    }

    /// Which deployment a node's file wants, as the leader has last heard of it.
    private func fileDigest(of node: NodeID) -> UInt64? {
        if node == configuration.local { return localDigest }
        guard membership.state(of: node) == .alive else { return nil }
        return view.reports.first { $0.node == node }?.deploymentDigest
    }
}

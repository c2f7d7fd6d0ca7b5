// The files of the nodes, compared. A changed file takes effect once every node has it, so that a
// cluster that is half edited restarts nothing; until then the difference is told, with whom it waits for.
// The file that was agreed before is not waited for: it was left behind.

import Base
import ClusterState
import Consensus
import Membership
import Planning
import WireProtocol

extension NodeMachine {
    /// What other deployment the files of some nodes want, and what it waits for; nil where all files
    /// say what is agreed.
    var pendingDeployment: String? {
        guard let wantedDigest, let agreed = state.deployment else { return nil }
        let digests = members.map { ($0.node, fileDigest(of: $0.node)) }
        let changed = digests.filter { $0.1 != nil && $0.1 != wantedDigest }
        guard let new = changed.first?.1 else { return nil }
        let holders = changed.map(\.0)
        guard changed.allSatisfy({ $0.1 == new }) else {
            return "the files of \(names(holders)) differ from what is agreed "
                + "(\(agreed.profileName)) and from one another: make them the same on every node, "
                + "then restart the agents"
        }
        let what = difference(of: new, from: agreed, wantedDigest)
        if replaced?.digest == new {
            return
                "\(names(holders)) still \(have(holders)) the file that \(whichReplaced) (\(what)): "
                + "copy the agreed one there and restart those agents (to go back: glm-agent apply, on one "
                + "of them)"
        }
        let old = digests.filter { $0.1 == wantedDigest }.map(\.0)
        let silent = digests.filter { $0.1 == nil }.map(\.0)
        let waits = [
            old.isEmpty ? nil : "\(names(old)) with the file that is agreed",
            silent.isEmpty ? nil : "\(names(silent)), whose file is not known here",
        ].compactMap { $0 }
        let pending =
            "\(names(holders)) \(have(holders)) another deployment in the file than is agreed (\(what))"
        return waits.isEmpty
            ? "\(pending); it takes effect now"
            : "\(pending); it waits for \(waits.joined(separator: " and for ")). To put it into "
                + "effect without waiting, on a node with the new file: glm-agent apply"
    }

    /// How the deployment in the file of one node differs from what is agreed; nil where it does not, or is not known.
    func deploymentDifference(of node: NodeID) -> String? {
        guard let wantedDigest, let agreed = state.deployment, let digest = fileDigest(of: node),
            digest != wantedDigest
        else { return nil }
        let what = difference(of: digest, from: agreed, wantedDigest)
        guard replaced?.digest == digest else {
            return "another deployment in the file than is agreed (\(what))"
        }
        return
            "still the file that \(whichReplaced) (\(what)): copy the agreed one there and restart the agent"
    }

    private var whichReplaced: String {
        state.setAside == nil ? "was agreed before" : "an operator has replaced"
    }

    /// Where this node's file has other settings than that of the leader, which goes by its own: the next
    /// leader may be patient where this one is not. For people; empty where there is no difference.
    var settingNotes: [String] {
        guard leadership == nil, let leader = consensus.leader else { return [] }
        let differences = configuration.settings.compactMap { own -> String? in
            guard let theirs = view.settings.first(where: { $0.name == own.name }),
                theirs.value != own.value
            else { return nil }
            return "\(own.name) is \(own.value) here and \(theirs.value) there"
        }
        guard !differences.isEmpty else { return [] }
        return [
            Self.settingNoteStart + "that of \(leader), which leads: "
                + differences.joined(separator: ", ")
                + "; whoever leads goes by its own file: make them the same on every node, then restart "
                + "the agents"
        ]
    }

    static let settingNoteStart = "its file has other settings than "

    /// What was agreed before what is agreed now.
    private var replaced: Deployment? { state.rollout.past.last?.deployment }

    private func names(_ nodes: [NodeID]) -> String {
        nodes.map(\.name).joined(separator: ", ")
    }

    private func have(_ nodes: [NodeID]) -> String { nodes.count == 1 ? "has" : "have" }

    /// What a file with that digest has instead of what is agreed, as far as it is known: this node knows its
    /// own file, what is agreed and what was before, and of other files the digest alone.
    private func difference(
        of digest: UInt64, from agreed: Deployment, _ agreedDigest: UInt64
    ) -> String {
        let hashes = "file \(shortHash(digest)), agreed \(shortHash(agreedDigest))"
        let known = [configuration.deployment, replaced].compactMap { $0 }
        guard let own = known.first(where: { $0.digest == digest }) else { return hashes }
        guard own.profileName == agreed.profileName else {
            return "\(own.profileName) instead of \(agreed.profileName); \(hashes)"
        }
        let parts = [
            own.profileYAML == agreed.profileYAML ? nil : "overrides or the profile's text",
            own.modelPath == agreed.modelPath ? nil : "model_path",
            own.engine == agreed.engine ? nil : "engine",
        ].compactMap { $0 }
        return "\(own.profileName), other \(parts.joined(separator: ", ")); \(hashes)"
    }

    private func shortHash(_ digest: UInt64) -> String {
        let digits = String(digest, radix: 16)
        return (String(repeating: "0", count: 16 - digits.count) + digits).prefix(8).description
    }

    /// Which deployment a node's file wants, as the leader has last heard of it.
    private func fileDigest(of node: NodeID) -> UInt64? {
        if node == configuration.local { return localDigest }
        guard membership.state(of: node) == .alive else { return nil }
        return view.reports.first { $0.node == node }?.deploymentDigest
    }
}

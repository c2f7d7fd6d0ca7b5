// What an operator is told instead of an agreement, or with one. Whoever refuses knows why, and so says what
// to do about it; the kind of a refusal alone does not tell that.

import Base
import ClusterState
import Consensus
import Membership
import Planning
import Profiles
import WireProtocol
import YAML

/// What an operator is told instead of an agreement.
struct OrderRefusal: Error {
    let kind: Refusal
    let text: String
    /// What to do, where the text does not say it.
    var advice: String?

    var answer: PeerAnswer { .refused(kind, text, advice: advice) }
}

/// What operators are advised to do.
public enum Advice {
    public static let nodes = "`glm-agent members` lists the nodes"
    public static let groups = "`glm-agent plan` lists groups and ranks"
    public static let missing = "`glm-agent members` shows who is missing; then try again"
    public static let again = "try again in a moment"
}

extension NodeMachine {
    /// The newest kind of command that this program understands; older agents cannot read it in the log.
    public static let understands: UInt64 = 22

    // MARK: - Before an order is proposed

    /// Why an order cannot be proposed by this leader; nil where it can.
    func refusal(of action: Command.Action) -> OrderRefusal? {
        switch action {
        case .cordon(let node, let kind):
            unknown(node) ?? notUnderstood() ?? (kind == .drain ? noSpare(for: node) : nil)
        case .uncordon(let node): unknown(node) ?? notUnderstood()
        case .apply(let deployment, _): unreadable(deployment) ?? notUnderstood()
        case .restart(let group), .stop(let group?), .start(let group?): unknown(group)
        default: nil
        }
    }

    private func unreadable(_ deployment: Deployment) -> OrderRefusal? {
        do {
            _ = try Profile.parse(deployment.profileYAML, file: deployment.profileName)
            return nil
        } catch {
            return OrderRefusal(kind: .unavailable, text: "\(deployment.profileName): \(error)")
        }
    }

    private func unknown(_ node: NodeID) -> OrderRefusal? {
        let known = members.map(\.node.name)
        guard !known.contains(node.name) else { return nil }
        return OrderRefusal(
            kind: .notFound, text: YAML.unknown("node", node.name, known: known),
            advice: Advice.nodes)
    }

    private func unknown(_ group: GroupName) -> OrderRefusal? {
        guard state.plan?.group(group) == nil else { return nil }
        let known = (state.plan?.groups ?? []).map(\.name.name)
        return OrderRefusal(
            kind: .notFound, text: YAML.unknown("group", group.name, known: known),
            advice: Advice.groups)
    }

    /// A command that some agent cannot read would be the end of that agent. One that is away now has to
    /// be of this version when it comes back.
    private func notUnderstood() -> OrderRefusal? {
        let unable = members.map(\.node).filter {
            // One that only others hear reads the log as well.
            membership.state(of: $0)?.isGone == false
                && leadership?.sightings[$0]?.understands ?? 0 < Self.understands
        }
        guard let first = unable.first else { return nil }
        return OrderRefusal(
            kind: .unavailable,
            text: "the agent of \(first) has not told that it understands this: it is of an older "
                + "version, or has just come; upgrade it, or try again in a moment")
    }

    /// Where a rank of the node has nowhere to go, it is told before anything is moved.
    private func noSpare(for node: NodeID) -> OrderRefusal? {
        guard let deployment = state.deployment, let plan = state.plan,
            let profile = try? Profile.parse(
                deployment.profileYAML, file: deployment.profileName)
        else { return nil }
        let candidates = members.map { other in
            other.candidate(
                isUsable: absentSince(other.node) == nil && isUsable(other.node),
                standing: other.node == node ? .draining : state.standing(of: other.node))
        }
        let next = Planner.plan(
            profile: profile, candidates: candidates, previous: plan, epoch: state.epoch.next)
        guard case .success(let next) = next else { return nil }
        let left = next.groups.compactMap { group in
            group.rank(of: node).map { "\(group.name) rank \($0)" }
        }
        guard !left.isEmpty else { return nil }
        let idle = members.map(\.node).filter { other in
            other != node && !next.groups.contains { $0.rank(of: other) != nil }
        }
        let others = idle.map { "\($0) \(reasonAgainst($0))" }.joined(separator: ", ")
        let groups = Set(next.groups.filter { $0.rank(of: node) != nil }.map(\.name)).sorted()
        let names = groups.map(\.name).joined(separator: ", ")
        return OrderRefusal(
            kind: .unavailable,
            text: "no spare can take \(left.joined(separator: ", ")) of \(node)"
                + (others.isEmpty ? ": every other node holds a rank" : ": \(others)")
                + "; nothing is changed. To stop \(names) and drain it all the same: "
                + "glm-agent drain \(node) --force")
    }

    private func reasonAgainst(_ node: NodeID) -> String {
        if absentSince(node) != nil { return "is out of reach" }
        if isIll(node) { return "cannot run a rank, as `glm-agent doctor` tells" }
        return state.cordon(of: node) != nil
            ? "is cordoned" : "has no room, or is of another super pod"
    }

    // MARK: - With the agreement

    /// Who could not read an order when last heard: such an agent would end at it once it is back. Empty where
    /// there is nobody, and where another node leads.
    func caution(with action: Command.Action) -> String {
        switch action {
        case .cordon, .uncordon, .apply: break
        default: return ""
        }
        let old = members.map(\.node).filter { node in
            absentSince(node) != nil
                && leadership?.understood[node].map { $0 < Self.understands } ?? false
        }
        guard !old.isEmpty else { return "" }
        let names = old.map(\.name).joined(separator: ", ")
        return ". The agent\(old.count == 1 ? "" : "s") of \(names), away now, "
            + "\(old.count == 1 ? "was" : "were") of an older version when last heard, and cannot read "
            + "this order: upgrade before \(old.count == 1 ? "it is" : "they are") started again"
    }
}

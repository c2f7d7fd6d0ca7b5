// The answer to `glm-agent why GROUP`: of the status, what concerns one group, with what it waits for.

import Base
import ClusterState
import Node

extension ClusterStatus {
    /// The published form, `GET /v1/why`; nil where there is no such group.
    func whyAnswer(of name: String) -> JSONValue? {
        if let group = groups.first(where: { $0.name == name }) {
            let waits = waits(name, group.state, group.why)
            return [
                "group": .string(name), "state": .string(group.state),
                "generation": .integer(Int64(group.generation)), "why": .string(group.why),
                "waits_for": JSONValue(waits),
                "serving": group.standing.serving.map { .bool($0) } ?? .null,
                "next_launch": JSONValue(group.standing.nextLaunch?.description),
                "restarts": .integer(Int64(group.restarts)),
                "last_failure": group.lastFailure?.json ?? .null,
                "last_restart": group.restartCost?.last?.json ?? .null,
                "ranks": .array(group.ranks.filter { !$0.why.isEmpty }.map(\.complaint)),
            ]
        }
        guard let router, name == "router" else { return nil }
        return [
            "group": .string(name), "state": .string(router.state),
            "generation": .integer(Int64(router.generation)), "why": .string(router.why),
            "waits_for": JSONValue(waits(name, router.state, router.why)),
            "serving": router.standing.serving.map { .bool($0) } ?? .null,
            "next_launch": JSONValue(router.standing.nextLaunch?.description),
            "restarts": .integer(Int64(router.restarts)),
            "last_failure": router.lastFailure?.json ?? .null,
            "last_restart": router.restartCost?.last?.json ?? .null, "ranks": [],
        ]
    }

    private func waits(_ name: String, _ state: String, _ why: String) -> String? {
        switch state {
        case "waiting", "backoff": why
        case "failed": "for an operator: glm-agent restart \(name)"
        // One group does not run while the deployment is stopped as a whole.
        case "stopped" where wanted == "stopped": "for an operator: glm-agent start"
        case "stopped": "for an operator: glm-agent start \(name)"
        default: nil
        }
    }
}

extension ClusterStatus.Rank {
    /// What it says of itself, which may explain a group that looks well.
    fileprivate var complaint: JSONValue {
        [
            "rank": .integer(Int64(rank)), "node": .string(node), "state": .string(state),
            "why": .string(why),
        ]
    }
}

// `POST /v1/drill`: something is struck on purpose, on whichever node it runs.

import Base
import ClusterState
import HTTP
import Node
import Planning
import WireProtocol
import YAML

extension ControlServer {
    func drill(_ request: HTTPRequest, _ responder: HTTPResponder) {
        guard takesOrders else {
            return responder.fail(
                .forbidden, "this listener is read-only",
                whatToDo: "give the order on the node, over the control socket")
        }
        guard let body = try? JSONValue(parsing: request.body),
            let what = body["what"]?.stringValue, let target = body["target"]?.stringValue
        else {
            return responder.fail(
                .badRequest, "a drill says what to do to whom",
                whatToDo: "`glm-agent drill --help` tells more")
        }
        let seconds = UInt64(max(1, body["seconds"]?.integerValue ?? 10))
        if let (unknown, advice) = misspelt(target, of: what) {
            return responder.fail(Refusal.notFound, unknown, advice, isUnknownName: true)
        }
        guard let (node, strike) = source.state.strike(what, target, seconds: seconds) else {
            return responder.fail(
                .notFound, "nothing of that name runs: \(what) \(target)",
                whatToDo: "`glm-agent status` lists groups, ranks and nodes")
        }
        source.operate(.examine(node, .strike(strike))) { [source] answer in
            switch answer {
            case .document(let text):
                guard let document = try? JSONValue(parsing: text) else {
                    return responder.fail(.internalServerError, "the answer of \(node) is no JSON")
                }
                responder.respond(
                    .json([
                        "what": .string(what), "target": .string(target),
                        "node": .string(node.name),
                        "struck_at": JSONValue(source.leaderTime(of: document, node)?.description),
                        "processes": document["processes"] ?? .array([]),
                    ]))
            case .refused(let refusal, let text, let advice):
                responder.fail(refusal, text, advice)
            case .accepted, .log, .confirmed:
                responder.fail(.internalServerError, "a drill was answered with something else")
            }
        }
    }

    /// What is said of a target that is no name of the cluster, and where the names are; nil for one that is.
    private func misspelt(_ target: String, of what: String) -> (text: String, advice: String)? {
        if ["kill-agent", "freeze-agent"].contains(what) {
            let known = source.status.members.map(\.node)
            guard !known.contains(target) else { return nil }
            return (unknown("node", target, known: known), Advice.nodes)
        }
        let known = source.state.shardNames
        guard !known.contains(target), !source.state.plansShard(target) else { return nil }
        return (unknown("shard", target, known: known), Advice.groups)
    }
}

extension ControlSource {
    /// When the blow fell, by the clock of the leader, who writes the ledger; by that of the struck node
    /// where the two cannot be compared.
    fileprivate func leaderTime(of struck: JSONValue, _ node: NodeID) -> WallTime? {
        guard let time = WallTime(text: struck["struck_at"]?.stringValue ?? "") else { return nil }
        guard let leader = status.leader.map({ NodeID($0) }), let ahead = clockAhead(of: node),
            let leaderAhead = clockAhead(of: leader)
        else { return time }
        return time + (leaderAhead - ahead)
    }
}

extension ReplicatedState {
    /// Who is to be struck how; nil where nothing of that name runs.
    fileprivate func strike(
        _ what: String, _ target: String, seconds: UInt64
    ) -> (node: NodeID, strike: Strike)? {
        switch what {
        case "kill-agent": return (NodeID(target), .killAgent)
        case "freeze-agent": return (NodeID(target), .freezeAgent(seconds: seconds))
        default: break
        }
        guard let (node, shard) = runningShard(target) else { return nil }
        switch what {
        case "kill-shard": return (node, .killShard(shard))
        case "freeze-shard": return (node, .freezeShard(shard))
        case "thaw-shard": return (node, .thawShard(shard))
        default: return nil
        }
    }

    /// `prefill-0/1` or `router`, where its newest generation should run.
    private func runningShard(_ name: String) -> (node: NodeID, shard: ShardID)? {
        for record in groups where record.phase == .running {
            guard let launched = record.launched, let rank = launched.rank(of: name) else {
                continue
            }
            let shard = ShardID(group: record.name, generation: record.generation, rank: rank)
            return (launched.ranks[rank.value].node, shard)
        }
        return nil
    }
}

// Every node is asked at once what it is, by the question that the doctor begins with; one that does not
// answer is told with the reason.

import Base
import EventLoop
import Node
import WireProtocol

/// A round under way; it lives until it is over.
final class InventoryRound {
    private let nodes: [NodeID]
    private let survey: NodeSurvey
    private let completion: (JSONValue) -> Void
    private var answers: [NodeID: JSONValue] = [:]

    init(
        _ loop: Loop, nodes: [NodeID], ask: @escaping NodeSurvey.Ask,
        onProgress: @escaping (String) -> Void, completion: @escaping (JSONValue) -> Void
    ) {
        self.nodes = nodes
        survey = NodeSurvey(loop, nodes: nodes, ask: ask, onProgress: onProgress)
        self.completion = completion
    }

    func start() {
        survey.put(
            nodes.map { ($0, .facts(launchOf: nil)) },
            onAnswer: { self.answers[$0] = self.document($0, $1) },
            then: { self.completion(["nodes": .array(self.nodes.compactMap { self.answers[$0] })]) }
        )
    }

    private func document(_ node: NodeID, _ answer: PeerAnswer) -> JSONValue {
        do {
            guard let inventory = try answer.json()["examination"]?["inventory"] else {
                return ["node": .string(node.name), "error": "its answer has no inventory"]
            }
            return ["node": .string(node.name), "inventory": inventory]
        } catch {
            return ["node": .string(node.name), "error": .string("\(error)")]
        }
    }
}

@available(*, unavailable) extension InventoryRound: Sendable {}

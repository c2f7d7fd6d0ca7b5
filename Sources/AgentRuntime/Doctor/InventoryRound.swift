// Every node is asked at once what it is, by the question that the doctor begins with; one that does not
// answer is told with the reason, and with what it told the leader last.

import Base
import EventLoop
import Node
import WireProtocol

/// A round under way; it lives until it is over.
final class InventoryRound {
    private let nodes: [NodeID]
    private let survey: NodeSurvey
    private let recall: (NodeID, @escaping (PeerAnswer) -> Void) -> Void
    private let completion: (JSONValue) -> Void
    private var answers: [NodeID: JSONValue] = [:]
    private var unrecalled = 0

    init(
        _ loop: Loop, nodes: [NodeID], ask: @escaping NodeSurvey.Ask,
        recall: @escaping (NodeID, @escaping (PeerAnswer) -> Void) -> Void,
        onProgress: @escaping (String) -> Void, completion: @escaping (JSONValue) -> Void
    ) {
        self.nodes = nodes
        self.recall = recall
        survey = NodeSurvey(loop, nodes: nodes, ask: ask, onProgress: onProgress)
        self.completion = completion
    }

    func start() {
        survey.put(
            nodes.map { ($0, .facts(launchOf: nil)) },
            onAnswer: { self.answers[$0] = self.document($0, $1) },
            then: { self.recallSilent() })
    }

    private func recallSilent() {
        let silent = nodes.filter { answers[$0]?["error"] != nil }
        unrecalled = silent.count
        guard !silent.isEmpty else { return finish() }
        for node in silent {
            recall(node) { answer in
                if let told = try? answer.json(), case .object(let members)? = self.answers[node] {
                    self.answers[node] = .object(members + [.init("last_known", told)])
                }
                self.unrecalled -= 1
                if self.unrecalled == 0 { self.finish() }
            }
        }
    }

    private func finish() {
        completion(["nodes": .array(nodes.compactMap { answers[$0] })])
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

// Every node is asked at once what it is, by the question that the doctor begins with; one that does not
// answer is told with the reason.

import Base
import EventLoop
import Node
import WireProtocol

/// A round under way; it lives until it is over.
final class InventoryRound {
    private let loop: Loop
    private let nodes: [NodeID]
    private let ask: (NodeID, NodeQuestion, @escaping (PeerAnswer) -> Void) -> Void
    private let onProgress: (String) -> Void
    private let completion: (JSONValue) -> Void
    private var answers: [NodeID: JSONValue] = [:]
    private var ticker: LoopTimer?
    private let begin: Instant

    init(
        _ loop: Loop, nodes: [NodeID],
        ask: @escaping (NodeID, NodeQuestion, @escaping (PeerAnswer) -> Void) -> Void,
        onProgress: @escaping (String) -> Void, completion: @escaping (JSONValue) -> Void
    ) {
        self.loop = loop
        self.nodes = nodes
        self.ask = ask
        self.onProgress = onProgress
        self.completion = completion
        begin = loop.now
    }

    func start() {
        ticker = loop.every(.seconds(1)) { self.tellProgress() }
        for node in nodes {
            ask(node, .facts) { answer in
                self.answers[node] = self.document(node, answer)
                if self.answers.count == self.nodes.count { self.finish() }
            }
        }
    }

    private func tellProgress() {
        guard loop.now - begin >= .seconds(2) else { return }
        onProgress(progressText(of: nodes, missing: Set(nodes).subtracting(answers.keys)))
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

    private func finish() {
        ticker = nil
        completion(["nodes": .array(nodes.compactMap { answers[$0] })])
    }
}

@available(*, unavailable) extension InventoryRound: Sendable {}

/// Who is waited for, in the order of the nodes.
func progressText(of nodes: [NodeID], missing: Set<NodeID>) -> String {
    let names = nodes.filter { missing.contains($0) }.map(\.name)
    return "\(nodes.count - names.count) of \(nodes.count) nodes have answered; waits for "
        + names.joined(separator: ", ")
}

/// Why an answer is no document.
private struct NoDocument: Error, CustomStringConvertible {
    let description: String
}

extension PeerAnswer {
    func json() throws -> JSONValue {
        switch self {
        case .document(let text): return try JSONValue(parsing: text)
        case .refused(_, let text), .accepted(let text), .log(let text, _):
            throw NoDocument(description: text)
        }
    }
}

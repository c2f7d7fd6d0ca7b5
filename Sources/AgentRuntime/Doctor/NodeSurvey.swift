// Questions to many nodes at once: who has not answered yet is told once a second, since whoever asked
// looks at a terminal, and when all have answered it goes on.

import Base
import EventLoop
import Node
import WireProtocol

/// Asks nodes; lives until its owner lets go of it.
final class NodeSurvey {
    typealias Ask = (NodeID, NodeQuestion, @escaping (PeerAnswer) -> Void) -> Void

    private let loop: Loop
    /// All of the cluster, in the order in which they are named.
    private let nodes: [NodeID]
    private let ask: Ask
    private let onProgress: (String) -> Void
    private let begin: Instant
    private var waitsFor: Set<NodeID> = []
    private var ticker: LoopTimer?

    init(
        _ loop: Loop, nodes: [NodeID], ask: @escaping Ask, onProgress: @escaping (String) -> Void
    ) {
        self.loop = loop
        self.nodes = nodes
        self.ask = ask
        self.onProgress = onProgress
        begin = loop.now
        ticker = loop.every(.seconds(1)) { [weak self] in self?.tellProgress() }
    }

    /// Asks every node its question.
    /// - Parameters:
    ///   - questions: one for a node.
    ///   - onAnswer: told each answer, or why there is none.
    ///   - next: called when the last has been told.
    func put(
        _ questions: [(NodeID, NodeQuestion)], onAnswer: @escaping (NodeID, PeerAnswer) -> Void,
        then next: @escaping () -> Void
    ) {
        waitsFor = Set(questions.map(\.0))
        for (node, question) in questions {
            ask(node, question) { answer in
                onAnswer(node, answer)
                self.waitsFor.remove(node)
                if self.waitsFor.isEmpty { next() }
            }
        }
    }

    func tell(_ text: String) { onProgress(text) }

    private func tellProgress() {
        guard loop.now - begin >= .seconds(2), !waitsFor.isEmpty else { return }
        let names = nodes.filter { waitsFor.contains($0) }.map(\.name)
        onProgress(
            "\(nodes.count - names.count) of \(nodes.count) nodes have answered; waits for "
                + names.joined(separator: ", "))
    }
}

@available(*, unavailable) extension NodeSurvey: Sendable {}

/// Why an answer is no document.
private struct NoDocument: Error, CustomStringConvertible {
    let description: String
}

extension PeerAnswer {
    func json() throws -> JSONValue {
        switch self {
        case .document(let text): return try JSONValue(parsing: text)
        case .refused(_, let text, _), .accepted(let text), .log(let text, _):
            throw NoDocument(description: text)
        case .confirmed: throw NoDocument(description: "another question was answered")
        }
    }
}

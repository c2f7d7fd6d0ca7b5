// The answer that a deployment must give, computed in one process. It shares the arithmetic with
// the distributed engine, and nothing of its networking.

/// What a right deployment says to a prompt.
public enum KnownAnswer {
    /// The completion.
    /// - Parameters:
    ///   - prompt: the prompt's text.
    ///   - maxTokens: how many tokens to write; at least 1.
    ///   - prefill: the world that read the prompt and wrote the first token; nil for a mixed one.
    ///   - decodeOrMixed: the world that wrote the rest.
    /// - Returns: the text, without the prompt.
    public static func expected(
        prompt: String, maxTokens: Int, prefill: WorldShape?, decodeOrMixed: WorldShape
    ) -> String {
        let limit = max(1, maxTokens)
        guard let prefill else {
            return Vocabulary.text(
                of: run(ToySequence(prompt: prompt, tokenLimit: limit), on: decodeOrMixed).tokens)
        }
        let handedOver = run(ToySequence(prompt: prompt, tokenLimit: 1), on: prefill).cache
        let sequence = ToySequence(continuing: handedOver, tokenLimit: limit)
        return Vocabulary.text(of: run(sequence, on: decodeOrMixed).tokens)
    }

    /// The text that the chat endpoint makes of messages before it is read.
    public static func chatPrompt(_ messages: [(role: String, content: String)]) -> String {
        messages.map { "<|\($0.role)|> \($0.content)" }.joined(separator: "\n") + "\n<|assistant|>"
    }

    private static func run(_ sequence: ToySequence, on shape: WorldShape) -> ToySequence {
        let world = ToyWorld(shape: shape)
        var sequence = sequence
        while let work = sequence.work {
            guard let outputs = world.compute(work) else {
                fatalError("a world of its own shape does not hold \(work)")
            }
            _ = sequence.finishLayer(outputs)
        }
        return sequence
    }
}

/// A whole world in one process.
struct ToyWorld {
    let shape: WorldShape
    /// Who is asked when a node rank is addressed.
    let nodes: [ToyNode]

    init(shape: WorldShape) {
        self.init(
            shape: shape,
            nodes: shape.nodes.enumerated().map { rank, address in
                ToyNode(shape: shape, nodeRank: rank, address: address)
            })
    }

    init(shape: WorldShape, nodes: [ToyNode]) {
        self.shape = shape
        self.nodes = nodes
    }

    /// One layer, as the nodes would compute it together; nil where one of them refuses.
    func compute(_ work: LayerWork) -> [Activation]? {
        var outputs: [UInt32: Activation] = [:]
        for (node, rows) in work.rowsByNode(shape) {
            let owned = LayerWork(layer: work.layer, rows: rows)
            guard let routed = try? nodes[node].route(owned) else { return nil }
            var results: [Int: [Activation]] = [:]
            for (target, calls) in routed.calls {
                guard let made = try? nodes[target].compute(calls, layer: work.layer) else {
                    return nil
                }
                results[target] = made
            }
            guard let combined = routed.combine(results) else { return nil }
            for (row, output) in zip(rows, combined) { outputs[row.position] = output }
        }
        return work.rows.map { outputs[$0.position] ?? .zero }
    }
}

extension LayerWork {
    /// The rows by the node that owns them, in the order of node ranks.
    func rowsByNode(_ shape: WorldShape) -> [(node: Int, rows: [Row])] {
        var byNode: [Int: [Row]] = [:]
        for row in rows {
            let owner = shape.owner(ofPosition: row.position, layer: layer)
            byNode[shape.node(ofDevice: owner), default: []].append(row)
        }
        return byNode.keys.sorted().map { ($0, byNode[$0] ?? []) }
    }
}

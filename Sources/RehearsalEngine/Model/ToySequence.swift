// One request as a machine: it asks for one layer after the other and takes the result. Who
// computes a layer, one process or thirty-two, is not its business; that is why the known answer
// and the distributed one come from the same lines.

import Base

/// What prefill hands over to decode.
struct SequenceCache: Hashable, Sendable {
    /// The running sum of each layer.
    var layers = [Activation](repeating: .zero, count: ToyModel.layerCount)
    /// The position of the next token.
    var position: UInt32 = 0
    /// The token written last.
    var token: UInt64 = 0
}

/// One layer to be computed for some tokens.
struct LayerWork: Hashable, Sendable {
    let layer: Int
    let rows: [Row]
}

/// A request on its way through the model.
struct ToySequence: Sendable {
    private enum Phase {
        case reading, writing, done
    }

    /// The tokens written so far, one that came with the cache included.
    private(set) var tokens: [UInt64] = []
    private(set) var cache: SequenceCache
    private var phase: Phase
    private var rows: [Row] = []
    private var layer = 0
    private let tokenLimit: Int

    /// Reads a prompt, then writes.
    init(prompt: String, tokenLimit: Int) {
        self.tokenLimit = tokenLimit
        cache = SequenceCache()
        phase = .reading
        rows = Vocabulary.tokens(of: prompt).enumerated().map { index, token in
            let position = UInt32(index)
            return Row(
                position: position,
                activation: ToyModel.embed(token: token, position: position))
        }
        cache.position = UInt32(rows.count)
        cache.token = UInt64(rows.count)
        enterLayer()
    }

    /// Writes on from where another world stopped.
    init(continuing cache: SequenceCache, tokenLimit: Int) {
        self.cache = cache
        self.tokenLimit = tokenLimit
        phase = .writing
        tokens = [cache.token]
        beginToken()
    }

    /// The next layer to compute; nil when nothing is left to write.
    var work: LayerWork? {
        if case .done = phase { nil } else { LayerWork(layer: layer, rows: rows) }
    }

    /// Takes the outputs of ``work``, in the order of its rows.
    /// - Returns: whether a token was written.
    mutating func finishLayer(_ outputs: [Activation]) -> Bool {
        invariant(
            outputs.count == rows.count,
            "layer \(layer) gave \(outputs.count) outputs for \(rows.count) rows")
        for index in rows.indices { rows[index].activation = outputs[index] }
        layer += 1
        if layer < ToyModel.layerCount {
            enterLayer()
            return false
        }
        guard case .writing = phase, let last = rows.last else {
            phase = .writing
            beginToken()
            return false
        }
        cache.token = ToyModel.sample(last.activation)
        tokens.append(cache.token)
        beginToken()
        return true
    }

    private mutating func beginToken() {
        guard tokens.count < tokenLimit else {
            phase = .done
            rows = []
            return
        }
        let activation = ToyModel.embed(token: cache.token, position: cache.position)
        rows = [Row(position: cache.position, activation: activation)]
        cache.position += 1
        layer = 0
        enterLayer()
    }

    private mutating func enterLayer() {
        for index in rows.indices {
            if case .writing = phase {
                rows[index].activation = ToyModel.attend(
                    rows[index].activation, to: cache.layers[layer])
            }
            cache.layers[layer] = ToyModel.remember(
                rows[index].activation, in: cache.layers[layer])
        }
    }
}

// The toy stands for GLM-5.1's shape, not for its knowledge: 256 experts, eight of them chosen for
// each token, layers cut into pipeline stages. All arithmetic wraps in 32-bit integers, so that the
// answer is the same bits on every machine, and a single wrong term changes everything after it.
// Weights are computed from their place when they are needed: no memory, no files.

/// The hidden state of one token.
typealias Activation = SIMD8<Int32>

/// One token of a batch at some layer.
struct Row: Hashable, Sendable {
    /// The place in the sequence, counted from 0.
    let position: UInt32
    var activation: Activation
}

/// One expert chosen for a token.
struct Choice: Hashable, Sendable {
    let expert: Int
    let weight: Int32
}

/// Weights and arithmetic, the same in every process.
enum ToyModel {
    static let layerCount = 8
    static let expertCount = 256
    static let expertsPerToken = 8
    private static let seed: UInt64 = 0x474C_4D2D_352E_3100

    /// The input of a token at a position.
    static func embed(token: UInt64, position: UInt32) -> Activation {
        activation(Hash.mix(Hash.mix(seed, token), UInt64(position)))
    }

    /// What a token sees of those before it: a running sum in place of attention over a cache.
    static func attend(_ activation: Activation, to cache: Activation) -> Activation {
        activation &+ (cache ^ (cache &>> 9)) &* 3
    }

    /// The running sum with one more token.
    static func remember(_ activation: Activation, in cache: Activation) -> Activation {
        cache &* 31 &+ activation
    }

    /// The experts for a token, all different: a hash of the token in place of a learned gate.
    static func route(_ activation: Activation, layer: Int) -> [Choice] {
        var state = Hash.mix(seed ^ 0x6761_7465, UInt64(layer))
        for lane in 0..<Activation.scalarCount {
            state = Hash.mix(state, UInt64(UInt32(bitPattern: activation[lane])))
        }
        var choices: [Choice] = []
        while choices.count < expertsPerToken {
            state = Hash.mix(state, UInt64(choices.count))
            let expert = Int(state % UInt64(expertCount))
            guard !choices.contains(where: { $0.expert == expert }) else { continue }
            choices.append(Choice(expert: expert, weight: Int32(state >> 61) | 1))
        }
        return choices
    }

    /// What an expert makes of a token, marked by the device that computed it.
    static func expert(
        _ expert: Int, layer: Int, on device: UInt64, _ input: Activation
    ) -> Activation {
        let base = Hash.mix(Hash.mix(seed ^ 0x6D6F_6500, UInt64(layer)), UInt64(expert))
        var output = Activation.zero
        for row in 0..<Activation.scalarCount {
            let weights = Self.weights(Hash.mix(base, UInt64(row)))
            output[row] = (input &* weights).wrappedSum()
        }
        return (output ^ (output &>> 5)) &+ activation(Hash.mix(device, UInt64(expert)))
    }

    /// The token after the layer: the residual, the weighted results, the mark of its owner.
    static func combine(
        _ input: Activation, _ results: [(weight: Int32, output: Activation)], owner: UInt64
    ) -> Activation {
        let sum = results.reduce(input &+ activation(owner)) { $0 &+ $1.output &* $1.weight }
        return sum ^ (sum &>> 13)
    }

    /// The next token, by the highest score over the vocabulary.
    static func sample(_ activation: Activation) -> UInt64 {
        let head = seed ^ 0x6865_6164
        var best = (score: Int32.min, token: 0)
        for token in Vocabulary.words.indices {
            let score = (activation &* weights(Hash.mix(head, UInt64(token)))).wrappedSum()
            if score > best.score { best = (score, token) }
        }
        return UInt64(best.token)
    }

    /// Eight small odd numbers.
    private static func weights(_ bits: UInt64) -> Activation {
        var weights = Activation.zero
        for lane in 0..<Activation.scalarCount {
            weights[lane] = Int32(Int8(truncatingIfNeeded: bits >> (8 * UInt64(lane)))) | 1
        }
        return weights
    }

    private static func activation(_ bits: UInt64) -> Activation {
        var state = bits
        var activation = Activation.zero
        for pair in 0..<Activation.scalarCount / 2 {
            state = Hash.mix(state, UInt64(pair))
            activation[2 * pair] = Int32(truncatingIfNeeded: state)
            activation[2 * pair + 1] = Int32(truncatingIfNeeded: state >> 32)
        }
        return activation
    }
}

/// A 64-bit hash that is the same in every process, unlike Swift's own.
enum Hash {
    /// Folds a value in: the finalizer of SplitMix64 over the sum.
    static func mix(_ state: UInt64, _ value: UInt64) -> UInt64 {
        var mixed = state &+ 0x9E37_79B9_7F4A_7C15 &+ value &* 0xD6E8_FEB8_6659_FD93
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

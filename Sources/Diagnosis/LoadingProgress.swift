// How far an engine has come with its load, as its log tells it. A load takes up to half an hour, so a
// time limit alone cannot tell a long one from a stuck one; whether anything moves can. SGLang says
// every step: the meeting of the ranks, the weights file by file, the memory, the graphs batch size by
// batch size, the warm-up.

/// A moment of a load.
public struct LoadingProgress: Hashable, Sendable {
    /// In the order in which an engine goes through them.
    public enum Phase: String, Hashable, Sendable, CaseIterable, Comparable {
        /// The ranks meet.
        case meeting
        /// Weights are read.
        case weights
        /// Weights are there; the cache is laid out.
        case memory
        /// Graphs are captured.
        case graphs
        /// The HTTP port is open; the first request is under way.
        case warmup
        /// It serves.
        case ready

        public static func < (left: Phase, right: Phase) -> Bool { left.order < right.order }

        private var order: Int {
            switch self {
            case .meeting: 0
            case .weights: 1
            case .memory: 2
            case .graphs: 3
            case .warmup: 4
            case .ready: 5
            }
        }
    }

    /// The furthest phase that any rank of the node has reached.
    public var phase: Phase
    /// Steps of that phase, such as files of weights; nil where it does not count any.
    public var steps: Steps?
    /// Rises with every step that the log tells, also with those of a rank that lags behind or of
    /// the draft model, which is loaded after the graphs of the first.
    public var moves: Int

    public struct Steps: Hashable, Sendable {
        public let done: Int
        public let total: Int

        /// nil where the numbers make no sense.
        public init?(done: Int, total: Int) {
            guard total > 0, (0...total).contains(done) else { return nil }
            self.done = done
            self.total = total
        }
    }

    public init(phase: Phase, steps: Steps? = nil, moves: Int) {
        self.phase = phase
        self.steps = steps
        self.moves = moves
    }

    /// From 0 to 1 through the phase; nil where it is not known.
    public var fraction: Double? { steps.map { Double($0.done) / Double($0.total) } }

    /// Whether the load has moved on since an earlier look. A look by an agent that has begun to read
    /// anew counts too: any difference is a sign of life, and a stuck load shows none.
    public func hasMoved(since earlier: LoadingProgress?) -> Bool { self != earlier }

    /// For people: `weights 13/29`.
    public var text: String {
        phase.rawValue + (steps.map { " \($0.done)/\($0.total)" } ?? "")
    }
}

/// Follows the progress of one engine through the lines of its log.
public struct LoadingReader: Hashable, Sendable {
    /// Ranks of a node whose steps are told apart; more than any node has.
    private static let sourceLimit = 64

    public private(set) var progress: LoadingProgress?
    private var last: [String: Step] = [:]

    public init() {}

    /// Takes the next line.
    public mutating func read(_ line: LogLine) {
        guard let step = Step(line) else { return }
        let source = last.count < Self.sourceLimit ? line.prefix?.speaker ?? "" : ""
        guard last.updateValue(step, forKey: source) != step else { return }
        let moves = (progress?.moves ?? 0) + 1
        if let shown = progress, step.phase < shown.phase {
            progress?.moves = moves
        } else {
            progress = LoadingProgress(phase: step.phase, steps: step.steps, moves: moves)
        }
    }

    /// What one line says.
    private struct Step: Hashable, Sendable {
        let phase: LoadingProgress.Phase
        let steps: LoadingProgress.Steps?
        /// Tells the end of a phase from its beginning.
        let mark: Int

        /// Texts of SGLang 0.5, and what they begin or end.
        private static let marks = PatternSet<LoadingProgress.Phase>([
            "Init torch distributed begin": .meeting,
            "Init torch distributed ends": .weights,
            "Load weight begin": .weights,
            "Loading safetensors checkpoint shards": .weights,
            "Loading pt checkpoint shards": .weights,
            "Loading np_cache checkpoint shards": .weights,
            "Multi-thread loading": .weights,
            "Load weight end": .memory,
            "KV Cache is allocated": .memory,
            "Memory pool end": .memory,
            "graph begin": .graphs,
            "Capturing batches": .graphs,
            "graph end": .graphs,
            "Uvicorn running on": .warmup,
            "disaggregation warmup": .warmup,
            "The server is fired up and ready to roll!": .ready,
        ])

        init?(_ line: LogLine) {
            guard let found = Self.marks.first(in: line.text) else { return nil }
            phase = found.value
            mark = found.index
            steps = Self.counts(in: line.text)
        }

        /// The `13/29` of a progress bar: it stands behind the last bar sign.
        private static func counts(in text: [UInt8]) -> LoadingProgress.Steps? {
            guard let bar = text.lastIndex(of: UInt8(ascii: "|")) else { return nil }
            var cursor = Cursor(text, at: bar + 1)
            cursor.skipSpaces()
            guard let done = cursor.number(), cursor.take("/"), let total = cursor.number() else {
                return nil
            }
            return LoadingProgress.Steps(done: done, total: total)
        }
    }
}

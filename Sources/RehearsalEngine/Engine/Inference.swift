// Running sequences over the world: rank 0's scheduler. Sequences take turns at every layer, since
// each waits for the network.

import Base
import EventLoop

/// A sequence that is being computed.
final class InferenceRun {
    fileprivate(set) var sequence: ToySequence
    let requestID: String
    fileprivate var isOver = false
    fileprivate var deadline: LoopTimer?
    /// What starts the next token.
    fileprivate var pace: LoopTimer?
    fileprivate let onToken: (ToySequence) -> Void
    fileprivate let completion: (ToySequence?) -> Void

    fileprivate init(
        _ sequence: ToySequence, requestID: String, onToken: @escaping (ToySequence) -> Void,
        completion: @escaping (ToySequence?) -> Void
    ) {
        self.sequence = sequence
        self.requestID = requestID
        self.onToken = onToken
        self.completion = completion
    }
}

/// The sequences under way.
final class Inference {
    private let loop: Loop
    private let fabric: ForwardFabric
    private let tokenInterval: Duration
    private var runs: [ObjectIdentifier: InferenceRun] = [:]
    /// Tokens written since the start.
    private(set) var tokenCount = 0

    init(_ loop: Loop, _ fabric: ForwardFabric, tokenInterval: Duration) {
        self.loop = loop
        self.fabric = fabric
        self.tokenInterval = tokenInterval
    }

    var runningCount: Int { runs.count }

    /// Starts a sequence.
    /// - Parameters:
    ///   - sequence: what to compute.
    ///   - requestID: the name under which it can be aborted.
    ///   - onToken: told after every token.
    ///   - completion: given the finished sequence, or nil where it was aborted.
    /// - Returns: the run, to cancel it with.
    @discardableResult
    func start(
        _ sequence: ToySequence, requestID: String,
        onToken: @escaping (ToySequence) -> Void = { _ in },
        completion: @escaping (ToySequence?) -> Void
    ) -> InferenceRun {
        let run = InferenceRun(
            sequence, requestID: requestID, onToken: onToken, completion: completion)
        runs[ObjectIdentifier(run)] = run
        advance(run)
        return run
    }

    /// Ends a run without telling it.
    func cancel(_ run: InferenceRun) {
        run.isOver = true
        run.deadline = nil
        run.pace = nil
        runs[ObjectIdentifier(run)] = nil
    }

    /// Aborts the runs of a request, or all.
    func abort(requestID: String?) {
        for run in runs.values where requestID == nil || run.requestID == requestID {
            cancel(run)
            run.completion(nil)
        }
    }

    /// One token over all ranks.
    /// - Parameters:
    ///   - limit: how long to wait.
    ///   - completion: told whether it came.
    func probe(within limit: Duration, completion: @escaping (Bool) -> Void) {
        let sequence = ToySequence(prompt: "health", tokenLimit: 1)
        let run = start(sequence, requestID: "HEALTH_CHECK") { completion($0 != nil) }
        run.deadline = loop.after(limit) { [weak self, weak run] in
            if let run { self?.cancel(run) }
            completion(false)
        }
    }

    private func advance(_ run: InferenceRun) {
        guard !run.isOver else { return }
        guard let work = run.sequence.work else {
            cancel(run)
            return loop.soon { run.completion(run.sequence) }
        }
        fabric.compute(work) { [weak self] outputs in
            guard let self, !run.isOver else { return }
            let isToken = run.sequence.finishLayer(outputs)
            if isToken {
                tokenCount += 1
                run.onToken(run.sequence)
            }
            guard isToken, run.sequence.work != nil, tokenInterval > .zero else {
                return loop.soon { [weak self] in self?.advance(run) }
            }
            run.pace = loop.after(tokenInterval) { [weak self] in self?.advance(run) }
        }
    }
}

@available(*, unavailable) extension Inference: Sendable {}
@available(*, unavailable) extension InferenceRun: Sendable {}

// One streamed request, timed by the definitions of sglang.bench_serving: the time to the first token is
// that of the first event with text; the time between tokens is an interval between events, shared by
// the tokens that came with the later one; the latency ends with the stream's last event.

import Base

/// What became of one request.
struct RequestRecord: Hashable, Sendable {
    let request: Int
    let inputTokens: Int
    let outputTokens: Int
    let text: String
    let firstTokenSeconds: Double
    /// One for each token behind those of the first event.
    let gapSeconds: [Double]
    let latencySeconds: Double

    /// Seconds for each token behind the first; nil where there is none.
    var secondsPerOutputToken: Double? {
        outputTokens > 1 ? (latencySeconds - firstTokenSeconds) / Double(outputTokens - 1) : nil
    }
}

/// Why a request gave no result.
struct RequestFailure: Error, Hashable, Sendable, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// Reads the events of one request as they come.
struct RequestMeter: Sendable {
    private let request: BenchmarkRequest
    private let begin: Instant
    private var firstTokenAt: Instant?
    private var lastTokenAt: Instant
    private var lastEventAt: Instant
    private var gaps: [Double] = []
    private var tokens = 0
    private var text = ""
    private var isDone = false

    init(_ request: BenchmarkRequest, at now: Instant) {
        self.request = request
        begin = now
        lastTokenAt = now
        lastEventAt = now
    }

    /// Takes the data of one event.
    /// - Throws: where the engine tells an error, or something else than tokens.
    mutating func take(_ data: String, at now: Instant) throws(RequestFailure) {
        lastEventAt = now
        guard data != "[DONE]" else {
            isDone = true
            return
        }
        guard let document = try? JSONValue(parsing: data) else {
            throw RequestFailure("an event that is no JSON: \(data.prefix(200))")
        }
        if let error = document["error"], error != .null {
            throw RequestFailure(
                "the engine says: \(error["message"]?.stringValue ?? error.compact)")
        }
        guard let text = document["text"]?.stringValue, !text.isEmpty else { return }
        guard let count = document["meta_info"]?["completion_tokens"]?.integerValue,
            (Int64(tokens)...1_000_000_000).contains(count)
        else { throw RequestFailure("an event without a number of tokens that makes sense") }
        self.text = text
        let new = Int(count) - tokens
        if firstTokenAt == nil {
            firstTokenAt = now
        } else {
            guard new > 0 else { return }
            // No request has more tokens than it asked for, so this is bounded.
            guard gaps.count + new <= request.outputTokens else {
                throw RequestFailure(
                    "\(count) tokens came, and \(request.outputTokens) were asked for")
            }
            let gap = (now - lastTokenAt).inSeconds / Double(new)
            gaps += repeatElement(gap, count: new)
        }
        lastTokenAt = now
        tokens = Int(count)
    }

    /// The request, once its stream has ended.
    /// - Throws: where something is missing.
    func finished() throws(RequestFailure) -> RequestRecord {
        guard isDone else { throw RequestFailure("the stream ended before its end was told") }
        guard let firstTokenAt else { throw RequestFailure("no token came") }
        guard tokens == request.outputTokens else {
            throw RequestFailure("\(tokens) tokens came of \(request.outputTokens)")
        }
        return RequestRecord(
            request: request.number, inputTokens: request.inputTokens.count, outputTokens: tokens,
            text: text, firstTokenSeconds: (firstTokenAt - begin).inSeconds, gapSeconds: gaps,
            latencySeconds: (lastEventAt - begin).inSeconds)
    }
}

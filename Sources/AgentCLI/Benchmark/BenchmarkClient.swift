// The built-in client: sends requests of the form of sglang.bench_serving to POST /generate, as many at
// a time as the load says, and times their streams. It has no tokenizer, so it sends token ids. Like
// bench_serving it sends one request first whose time does not count.

import Base
import EventLoop
import HTTP

/// What the requests came to.
struct BenchmarkOutcome: Sendable {
    /// In the order of the requests.
    var records: [RequestRecord] = []
    /// By request.
    var failures: [(request: Int, reason: String)] = []
    var duration = Duration.zero
}

/// One run of a load against a service.
final class BenchmarkClient {
    private let loop: Loop
    private let http: HTTPClient
    private let url: String
    private let load: BenchmarkLoad
    private let seed: UInt64
    private let arrivals: [Duration]
    /// bench_serving gives a request six hours.
    private static let requestLimit = Duration.seconds(6 * 3600)

    private var begin = Instant.zero
    private var next = 0
    private var open = 0
    private var timer: LoopTimer?
    private(set) var outcome = BenchmarkOutcome()
    private var completion: (() -> Void)?

    /// - Parameters:
    ///   - loop: where the requests run.
    ///   - service: `http://HOST:PORT`.
    ///   - load: what is sent.
    ///   - seed: what the tokens are drawn from.
    /// - Throws: when no descriptor is left.
    init(
        _ loop: Loop, service: String, load: BenchmarkLoad, seed: UInt64
    ) throws(UVError) {
        self.loop = loop
        self.load = load
        self.seed = seed
        url = service + "/generate"
        arrivals = load.arrivals(seed: seed)
        http = try HTTPClient(loop)
    }

    /// How many requests are over.
    var finishedCount: Int { outcome.records.count + outcome.failures.count }

    /// Runs the whole load.
    /// - Parameter completion: told once, at the end, or with the failure of the first request, which
    ///   the others would share.
    func start(completion: @escaping (RequestFailure?) -> Void) {
        send(load.request(0, seed: seed)) { [self] result in
            if case .failure(let failure) = result { return completion(failure) }
            self.completion = { completion(nil) }
            begin = loop.now
            sendWhatIsDue()
        }
    }

    private func sendWhatIsDue() {
        while next < load.requestCount, open < load.openLimit {
            let due = begin + arrivals[next]
            guard due <= loop.now else {
                timer = loop.after(due - loop.now) { [weak self] in self?.sendWhatIsDue() }
                return
            }
            let number = next
            next += 1
            open += 1
            send(load.request(number, seed: seed)) { [weak self] in self?.finished(number, $0) }
        }
    }

    private func finished(_ number: Int, _ result: Result<RequestRecord, RequestFailure>) {
        open -= 1
        switch result {
        case .success(let record): outcome.records.append(record)
        case .failure(let failure): outcome.failures.append((number, failure.description))
        }
        sendWhatIsDue()
        guard open == 0, next == load.requestCount, let completion else { return }
        self.completion = nil
        outcome.duration = loop.now - begin
        outcome.records.sort { $0.request < $1.request }
        outcome.failures.sort { $0.request < $1.request }
        completion()
    }

    // MARK: - One request

    private func send(
        _ request: BenchmarkRequest,
        completion: @escaping (Result<RequestRecord, RequestFailure>) -> Void
    ) {
        let stream = StreamedRequest(request, at: loop.now)
        let sent = HTTPClientRequest.json(
            .post, url, request.body, timeout: Self.requestLimit)
        stream.call = http.stream(
            sent,
            onHead: { stream.isGood = $0.status.isSuccess },
            onBody: { [loop] bytes in
                guard let failure = stream.take(bytes, at: loop.now) else { return }
                stream.call?.cancel()
                completion(.failure(failure))
            },
            completion: { completion(stream.result($0)) })
    }
}

@available(*, unavailable) extension BenchmarkClient: Sendable {}

extension BenchmarkRequest {
    /// What bench_serving sends, with token ids in the place of a text.
    fileprivate var body: JSONValue {
        [
            "input_ids": .array(inputTokens.map { .integer(Int64($0)) }),
            "sampling_params": [
                "temperature": 0, "max_new_tokens": JSONValue(outputTokens), "ignore_eos": true,
            ],
            "stream": true,
        ]
    }
}

/// A request under way.
private final class StreamedRequest {
    var call: HTTPCall?
    var isGood = false
    private var parser = EventStreamParser()
    private var meter: RequestMeter
    private var refusal: [UInt8] = []
    private static let refusalLimitBytes = 4096

    init(_ request: BenchmarkRequest, at now: Instant) {
        meter = RequestMeter(request, at: now)
    }

    /// - Returns: why the rest is not worth reading.
    func take(_ bytes: [UInt8], at now: Instant) -> RequestFailure? {
        guard isGood else {
            refusal += bytes.prefix(max(0, Self.refusalLimitBytes - refusal.count))
            return nil
        }
        do {
            for data in try parser.take(bytes) { try meter.take(data, at: now) }
            return nil
        } catch {
            return RequestFailure("\(error)")
        }
    }

    func result(
        _ result: Result<HTTPResponse, HTTPClientError>
    ) -> Result<RequestRecord, RequestFailure> {
        switch result {
        case .failure(let error): return .failure(RequestFailure("\(error)"))
        case .success(let response) where !response.status.isSuccess:
            let text = String(decoding: refusal, as: UTF8.self)
            return .failure(RequestFailure("answered \(response.status): \(text.prefix(300))"))
        case .success:
            do throws(RequestFailure) {
                return .success(try meter.finished())
            } catch {
                return .failure(error)
            }
        }
    }
}

@available(*, unavailable) extension StreamedRequest: Sendable {}

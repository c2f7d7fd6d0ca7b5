// One request on its way through the router. Without disaggregation one worker gets it. With it,
// the router draws a room, writes prefill and room into the body, sends the same body to a prefill
// and a decode, and gives the client what the decode answers. A prefill that refuses is replaced by
// the next one as long as the client has seen nothing.

import Base
import EventLoop
import HTTP

/// Where a request stands.
final class RouterProxy {
    private let workers: RouterWorkers
    private let client: HTTPClient
    private let path: String
    private let body: JSONValue
    private let responder: HTTPResponder
    private let room: () -> Int64
    private let timeout: Duration
    private var onOver: ((RouterProxy) -> Void)?

    private var prefillCall: HTTPCall?
    private var answerCall: HTTPCall?
    private var prefill: RouterWorker?
    private var answering: RouterWorker?
    private var tried: Set<String> = []
    private var attempts = 0
    private static let attemptLimit = 5
    private var stream: HTTPStream?
    /// The decode's whole answer, until the prefill is done as well.
    private var held: HTTPResponse?
    private var isPrefillDone = false

    init(
        _ workers: RouterWorkers, _ client: HTTPClient, path: String, body: JSONValue,
        responder: HTTPResponder, timeout: Duration, room: @escaping () -> Int64,
        onOver: @escaping (RouterProxy) -> Void
    ) {
        self.workers = workers
        self.client = client
        self.path = path
        self.body = body
        self.responder = responder
        self.timeout = timeout
        self.room = room
        self.onOver = onOver
        responder.onClosed { [weak self] in self?.over() }
    }

    private var isStreamed: Bool { body["stream"]?.boolValue ?? false }

    /// Sends it to a worker, or to a pair of them.
    func start(isDisaggregated: Bool) {
        guard isDisaggregated else { return startRegular() }
        guard let prefill = workers.next(.prefill, avoiding: tried),
            let decode = workers.next(.decode, avoiding: tried)
        else { return refuse() }
        take(prefill, decode)
        let document = body.adding([
            .init("bootstrap_host", .string(prefill.address.host)),
            .init("bootstrap_port", JSONValue(prefill.address.bootstrapPort.map { Int($0) })),
            .init("bootstrap_room", .integer(room())),
        ])
        prefillCall = client.send(request(prefill, document)) { [weak self] result in
            self?.prefillEnded(result)
        }
        ask(decode, document)
    }

    private func startRegular() {
        guard let worker = workers.next(.regular, avoiding: tried) else { return refuse() }
        isPrefillDone = true
        take(nil, worker)
        ask(worker, body)
    }

    private func request(_ worker: RouterWorker, _ document: JSONValue) -> HTTPClientRequest {
        .json(.post, worker.address.url + path, document, timeout: timeout)
    }

    private func ask(_ worker: RouterWorker, _ document: JSONValue) {
        let request = request(worker, document)
        guard isStreamed else {
            answerCall = client.send(request) { [weak self] in self?.answered($0) }
            return
        }
        var status = HTTPStatus.ok
        var refusal: [UInt8] = []
        answerCall = client.stream(request) {
            status = $0.status
        } onBody: { [weak self] bytes in
            guard status.isSuccess else { return refusal += bytes }
            self?.pass(bytes)
        } completion: { [weak self] result in
            self?.streamEnded(
                result.map { HTTPResponse($0.status, headers: $0.headers, body: refusal) })
        }
    }

    // MARK: - Prefill

    private func prefillEnded(_ result: Result<HTTPResponse, HTTPClientError>) {
        prefillCall = nil
        switch result {
        case .success(let response) where response.status.isSuccess:
            isPrefillDone = true
            if let held { deliver(held) }
        case .success(let response): giveUp(response)
        case .failure(let error):
            prefill?.refusedRequest()
            guard stream == nil else { return giveUp(nil) }
            retry(prefill, after: error)
        }
    }

    // MARK: - The answer

    private func answered(_ result: Result<HTTPResponse, HTTPClientError>) {
        answerCall = nil
        switch result {
        case .success(let response):
            // An error needs no prefill; an answer is only whole with it.
            if isPrefillDone || !response.status.isSuccess { return deliver(response) }
            held = response
        case .failure(let error):
            answering?.refusedRequest()
            retry(isPrefillDone ? answering : nil, after: error)
        }
    }

    private func pass(_ bytes: [UInt8]) {
        if stream == nil {
            stream = responder.stream(headers: ["Content-Type": "text/event-stream"])
            stream?.onClosed { [weak self] in self?.over() }
        }
        stream?.write(bytes)
    }

    private func streamEnded(_ result: Result<HTTPResponse, HTTPClientError>) {
        answerCall = nil
        switch result {
        case .success(let response) where response.status.isSuccess:
            stream?.finish()
            over()
        case .success(let response): deliver(response)
        case .failure(let error):
            answering?.refusedRequest()
            guard stream == nil else { return giveUp(nil) }
            retry(answering, after: error)
        }
    }

    private func deliver(_ response: HTTPResponse) {
        responder.respond(
            HTTPResponse(
                response.status,
                headers: ["Content-Type": response.headers["Content-Type"] ?? "application/json"],
                body: response.body))
        over()
    }

    // MARK: - Failure

    private func retry(_ failed: RouterWorker?, after error: HTTPClientError) {
        let isDisaggregated = prefill != nil
        release()
        attempts += 1
        guard let failed, attempts < Self.attemptLimit else {
            return fail(.badGateway, "worker_failed", error.description)
        }
        tried.insert(failed.id)
        held = nil
        isPrefillDone = false
        start(isDisaggregated: isDisaggregated)
    }

    /// The prefill said no, or the client has already seen a part: there is nothing to repeat.
    private func giveUp(_ response: HTTPResponse?) {
        if let response, stream == nil { return deliver(response) }
        stream = nil
        over()
    }

    private func refuse() {
        fail(.serviceUnavailable, "server_selection_failed", "No available workers")
    }

    private func fail(_ status: HTTPStatus, _ code: String, _ message: String) {
        responder.respond(
            .json(
                ["error": ["code": .string(code), "message": .string(message)]], status: status))
        over()
    }

    private func take(_ prefill: RouterWorker?, _ answering: RouterWorker) {
        self.prefill = prefill
        self.answering = answering
        prefill?.load += 1
        answering.load += 1
    }

    private func release() {
        prefillCall?.cancel()
        answerCall?.cancel()
        (prefillCall, answerCall) = (nil, nil)
        prefill?.load -= 1
        answering?.load -= 1
        (prefill, answering) = (nil, nil)
    }

    private func over() {
        guard let action = onOver else { return }
        onOver = nil
        release()
        action(self)
    }
}

@available(*, unavailable) extension RouterProxy: Sendable {}

extension JSONValue {
    /// The object with more members at its end, which replace those of the same name.
    func adding(_ members: [Member]) -> JSONValue {
        let names = Set(members.map(\.name))
        return .object((objectValue ?? []).filter { !names.contains($0.name) } + members)
    }
}

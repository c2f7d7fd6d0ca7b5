// Serving requests for text by role: a mixed engine reads and writes, a prefill reads and hands
// over, a decode fetches and writes.

import Base
import EventLoop
import HTTP

/// Rank 0's service behind the generation endpoints.
final class GenerationService {
    let inference: Inference
    private let loop: Loop
    private let arguments: EngineArguments
    private let settings: EngineSettings
    private let bootstrap: BootstrapServer?
    private let registration: TransferRegistration?
    private let client: HTTPClient
    private var requestCount = 0
    /// Requests that have no whole answer yet.
    private(set) var openCount = 0
    /// Told when a request has been answered.
    var onAnswered: (() -> Void)?

    /// - Throws: when no descriptor is left for the client.
    init(
        _ loop: Loop, arguments: EngineArguments, settings: EngineSettings, inference: Inference,
        bootstrap: BootstrapServer?, registration: TransferRegistration?
    ) throws(UVError) {
        self.loop = loop
        self.arguments = arguments
        self.settings = settings
        self.inference = inference
        self.bootstrap = bootstrap
        self.registration = registration
        client = try HTTPClient(loop)
    }

    func close() {
        client.close()
        onAnswered = nil
    }

    func serve(_ dialect: Dialect, _ request: HTTPRequest, _ responder: HTTPResponder) {
        do throws(RequestError) {
            guard let body = try? JSONValue(parsing: request.body) else {
                throw .bad("the body is no JSON document")
            }
            let generation = try GenerationRequest(dialect, body)
            try check(generation)
            requestCount += 1
            openCount += 1
            let reply = GenerationReply(
                request: generation, requestID: generation.requestID ?? "rehearsal-\(requestCount)",
                model: arguments.servedModelName,
                createdSeconds: loop.wallTime.millisecondsSinceEpoch / 1000)
            let answer = GenerationAnswer(reply, responder) { [weak self] in
                self?.openCount -= 1
                self?.onAnswered?()
            }
            serve(answer)
        } catch {
            responder.respond(.json(error.document, status: HTTPStatus(error.status)))
        }
    }

    private func check(_ generation: GenerationRequest) throws(RequestError) {
        let length = Vocabulary.count(generation.prompt) + generation.tokenLimit
        guard length <= arguments.contextLength else {
            throw .bad(
                "the request takes \(length) tokens, more than the context length of "
                    + "\(arguments.contextLength)")
        }
        guard arguments.role == .mixed || generation.bootstrap != nil else {
            throw .bad("Disaggregated request received without bootstrap room id.")
        }
    }

    private func serve(_ answer: GenerationAnswer) {
        let request = answer.reply.request
        switch (arguments.role, request.bootstrap) {
        case (.prefill, let address?): prefill(answer, room: address.room)
        case (.decode, let address?): decode(answer, address)
        default:
            write(answer, ToySequence(prompt: request.prompt, tokenLimit: request.tokenLimit))
        }
    }

    private func write(_ answer: GenerationAnswer, _ sequence: ToySequence) {
        // What came with the cache is news to the client, too.
        if !sequence.tokens.isEmpty { answer.progress(sequence.tokens) }
        run(answer, sequence) { answer.finish($0.tokens) }
    }

    private func run(
        _ answer: GenerationAnswer, _ sequence: ToySequence,
        completion: @escaping (ToySequence) -> Void
    ) {
        let isWriting = arguments.role != .prefill
        let run = inference.start(sequence, requestID: answer.reply.requestID) { sequence in
            if isWriting { answer.progress(sequence.tokens) }
        } completion: { sequence in
            guard let sequence else {
                return answer.fail(RequestError(status: 500, message: "Request aborted."))
            }
            completion(sequence)
        }
        answer.onLeft = { [weak self] in self?.inference.cancel(run) }
    }

    private func prefill(_ answer: GenerationAnswer, room: Int64) {
        let sequence = ToySequence(prompt: answer.reply.request.prompt, tokenLimit: 1)
        run(answer, sequence) { [weak self] in self?.handOver($0, answer, room: room) }
    }

    private func handOver(_ sequence: ToySequence, _ answer: GenerationAnswer, room: Int64) {
        guard let bootstrap else { preconditionFailure("a prefill without bootstrap server") }
        let limit = loop.after(settings.bootstrapTimeout) { [weak bootstrap] in
            bootstrap?.withdraw(room: room)
            answer.fail(
                RequestError(
                    status: 500,
                    message: "Prefill bootstrap failed: no decode came for room \(room)"))
        }
        answer.onLeft = { [weak bootstrap] in
            limit.cancel()
            bootstrap?.withdraw(room: room)
        }
        let offer = HandOver(cache: sequence.cache, stores: registration?.stores ?? [])
        bootstrap.offer(offer, room: room) {
            limit.cancel()
            answer.progress(sequence.tokens)
            answer.finish(sequence.tokens)
        }
    }

    private func decode(_ answer: GenerationAnswer, _ address: BootstrapAddress) {
        PromptFetch.start(
            address, stores: registration?.stores ?? [], client: client,
            within: settings.waitingTimeout
        ) { [weak self] result in
            switch result {
            case .failure(let error): answer.fail(error)
            case .success where answer.isOver: break
            case .success(let cache):
                let limit = answer.reply.request.tokenLimit
                self?.write(answer, ToySequence(continuing: cache, tokenLimit: limit))
            }
        }
    }
}

@available(*, unavailable) extension GenerationService: Sendable {}

/// The answer to one request on its way out, streamed or whole. It is over once and for all after
/// the first end: finished, failed, or the client has left.
final class GenerationAnswer {
    let reply: GenerationReply
    /// Called when the client leaves before the end.
    var onLeft: (() -> Void)?

    private let responder: HTTPResponder
    private var stream: HTTPStream?
    private var onOver: (() -> Void)?

    init(_ reply: GenerationReply, _ responder: HTTPResponder, onOver: @escaping () -> Void) {
        self.reply = reply
        self.responder = responder
        self.onOver = onOver
        responder.onClosed { [weak self] in self?.left() }
    }

    var isOver: Bool { onOver == nil }

    func progress(_ tokens: [UInt64]) {
        guard !isOver, reply.request.isStreamed else { return }
        openStream()
        stream?.write(reply.chunk(tokens))
    }

    func finish(_ tokens: [UInt64]) {
        guard !isOver else { return }
        if reply.request.isStreamed {
            openStream()
            end(with: reply.closing(tokens))
        } else {
            responder.respond(.json(reply.whole(tokens)))
        }
        over()
    }

    func fail(_ error: RequestError) {
        guard !isOver else { return }
        if stream == nil {
            responder.respond(.json(error.document, status: HTTPStatus(error.status)))
        } else {
            end(with: reply.failure(error))
        }
        over()
    }

    private func openStream() {
        guard stream == nil else { return }
        stream = responder.stream(headers: ["Content-Type": "text/event-stream; charset=utf-8"])
        stream?.onClosed { [weak self] in self?.left() }
        for event in reply.opening { stream?.write(event) }
    }

    private func end(with events: [String]) {
        for event in events { stream?.write(event) }
        stream?.finish()
    }

    private func left() {
        guard !isOver else { return }
        let onLeft = onLeft
        over()
        onLeft?()
    }

    private func over() {
        let action = onOver
        onOver = nil
        onLeft = nil
        action?()
    }
}

@available(*, unavailable) extension GenerationAnswer: Sendable {}

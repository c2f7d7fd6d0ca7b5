// A small router in place of sglang_router, with the endpoints that an operator's tools look at
// (sglang-router 0.3.2). Its clocks run faster: workers are checked every second (four
// times until they come up), and one good check suffices.

import Base
public import EventLoop
import HTTP

/// A running router.
public final class RehearsalRouter {
    private let loop: Loop
    private let arguments: RouterArguments
    private let log: EngineLog
    private let workers = RouterWorkers()
    private let client: HTTPClient
    private var server: HTTPServer?
    private var checks: LoopTimer?
    private var proxies: [ObjectIdentifier: RouterProxy] = [:]
    private var rooms: SeededGenerator
    private var isDraining = false
    private var onExit: ((Int32) -> Void)?

    private var tick = 0

    /// Workers are checked so often until they come up, and every `ticksPerCheck` times after.
    private static let tickInterval = Duration.milliseconds(250)
    private static let ticksPerCheck = 4
    private static let checkTimeout = Duration.seconds(5)

    /// - Parameters:
    ///   - loop: where it lives.
    ///   - argv: the words after `sglang_router.launch_router`.
    ///   - output: takes each line of its log.
    ///   - exit: called once with the exit code, when the process should end.
    /// - Throws: ``ArgumentError``, with the exit code that the router would give.
    public init(
        _ loop: Loop, argv: [String], output: @escaping (String) -> Void,
        exit: @escaping (Int32) -> Void
    ) throws(ArgumentError) {
        self.loop = loop
        arguments = try RouterArguments(parsing: argv)
        log = EngineLog(loop, speaker: "router", output: output)
        onExit = exit
        rooms = SeededGenerator(seed: UInt64(bitPattern: loop.now.nanoseconds))
        do throws(UVError) {
            client = try HTTPClient(loop)
        } catch {
            throw .check("\(error)")
        }
    }

    /// Listens, and looks for its workers from now on.
    public func start() {
        for address in arguments.workers { _ = workers.add(address, at: loop.now) }
        do throws(UVError) {
            server = try HTTPServer(
                loop, listen: .tcp(arguments.listen), limits: .engine
            ) { [weak self] request, responder in self?.answer(request, responder) }
        } catch {
            log("ERROR cannot listen on \(arguments.listen): \(error)")
            return end(1)
        }
        log("router listens on \(arguments.listen) with \(workers.all.count) workers")
        checks = loop.every(Self.tickInterval) { [weak self] in self?.checkAll() }
        checkAll()
    }

    /// What SIGTERM does: no new requests, those under way are finished, then exit code 0.
    public func terminate() {
        isDraining = true
        if proxies.isEmpty { end(0) }
    }

    /// Lets go of everything at once.
    public func stop() {
        onExit = nil
        checks = nil
        client.close()
        server?.close()
        server = nil
        proxies = [:]
    }

    private func end(_ code: Int32) {
        let action = onExit
        stop()
        action?(code)
    }

    // MARK: - Health of workers

    private func checkAll() {
        let isRound = tick.isMultiple(of: Self.ticksPerCheck)
        tick += 1
        for worker in workers.all
        where !worker.isBeingChecked && (isRound || !worker.hasBeenHealthy) {
            guard worker.hasBeenHealthy || loop.now - worker.addedAt < arguments.startupTimeout
            else {
                log("worker \(worker.address.url) never came up, dropped")
                workers.remove(worker)
                continue
            }
            check(worker)
        }
    }

    private func check(_ worker: RouterWorker) {
        worker.isBeingChecked = true
        let url = worker.address.url + "/health"
        client.send(HTTPClientRequest(.get, url, timeout: Self.checkTimeout)) { [weak self] in
            worker.isBeingChecked = false
            let isGood =
                if case .success(let response) = $0 { response.status.isSuccess } else { false }
            guard worker.checked(isGood) else { return }
            self?.log("worker \(worker.address.url) is \(isGood ? "healthy" : "unhealthy")")
        }
    }

    private var isReady: Bool {
        let kinds: [WorkerKind] = arguments.isDisaggregated ? [.prefill, .decode] : [.regular]
        return kinds.allSatisfy { workers.count($0, healthyOnly: true) > 0 }
    }

    // MARK: - Requests

    private func answer(_ request: HTTPRequest, _ responder: HTTPResponder) {
        if request.method == .post, Dialect(path: request.path) != nil {
            return proxy(request, responder)
        }
        if request.path.hasPrefix("/workers/") {
            return responder.respond(worker(String(request.path.dropFirst(9)), request.method))
        }
        switch (request.method, request.path) {
        case (.get, "/health"), (.get, "/liveness"): responder.respond(.text("OK"))
        case (.get, "/readiness"): responder.respond(readiness)
        case (.get, "/health_generate"):
            let isAny = workers.all.contains(where: \.isHealthy)
            responder.respond(.text("", status: isAny ? .ok : .serviceUnavailable))
        case (.get, "/workers"): responder.respond(.json(list))
        case (.post, "/workers"): responder.respond(addWorker(request))
        case (.get, "/get_server_info"): responder.respond(.json(list))
        case (.get, "/v1/models"), (.get, "/get_model_info"):
            forward(request.path, responder)
        default: responder.respond(.text("", status: .notFound))
        }
    }

    private var readiness: HTTPResponse {
        let healthy = workers.all.count { $0.isHealthy }
        guard isReady, !isDraining else {
            return .json(
                ["status": "not ready", "reason": "insufficient healthy workers"],
                status: .serviceUnavailable)
        }
        return .json([
            "status": "ready", "healthy_workers": JSONValue(healthy),
            "total_workers": JSONValue(workers.all.count),
        ])
    }

    private var list: JSONValue {
        [
            "workers": .array(workers.all.map(\.document)), "total": JSONValue(workers.all.count),
            "stats": [
                "prefill_count": JSONValue(workers.count(.prefill)),
                "decode_count": JSONValue(workers.count(.decode)),
                "regular_count": JSONValue(workers.count(.regular)),
            ],
        ]
    }

    private func addWorker(_ request: HTTPRequest) -> HTTPResponse {
        guard let body = try? JSONValue(parsing: request.body), let url = body["url"]?.stringValue,
            let kind = WorkerKind(rawValue: body["worker_type"]?.stringValue ?? "regular"),
            let address = try? WorkerAddress(
                kind, url: url,
                bootstrapPort: body["bootstrap_port"]?.integerValue.flatMap(
                    UInt16.init(exactly:)))
        else { return .text("url and worker_type are needed\n", status: .badRequest) }
        guard let worker = workers.add(address, at: loop.now) else {
            return .json(
                ["status": "failed", "message": "worker already exists"], status: .accepted)
        }
        log("worker \(address.url) added")
        check(worker)
        return .json(
            ["status": "accepted", "worker_id": .string(worker.id), "url": .string(address.url)],
            status: .accepted)
    }

    private func worker(_ id: String, _ method: HTTPMethod) -> HTTPResponse {
        guard let worker = workers.worker(id: id) else {
            return .json(["error": "worker not found"], status: .notFound)
        }
        guard method == .delete else { return .json(worker.document) }
        workers.remove(worker)
        log("worker \(worker.address.url) removed")
        return .json(["status": "accepted", "worker_id": .string(id)], status: .accepted)
    }

    /// A question that any engine can answer.
    private func forward(_ path: String, _ responder: HTTPResponder) {
        guard
            let worker = workers.next(.decode) ?? workers.next(.regular) ?? workers.next(.prefill)
        else { return responder.respond(.text("", status: .serviceUnavailable)) }
        client.send(HTTPClientRequest(.get, worker.address.url + path)) { result in
            switch result {
            case .success(let response):
                responder.respond(
                    HTTPResponse(
                        response.status, headers: ["Content-Type": "application/json"],
                        body: response.body))
            case .failure(let error):
                responder.respond(.text("\(error)\n", status: .badGateway))
            }
        }
    }

    private func proxy(_ request: HTTPRequest, _ responder: HTTPResponder) {
        guard !isDraining else { return responder.respond(.text("", status: .serviceUnavailable)) }
        guard let body = try? JSONValue(parsing: request.body), body.objectValue != nil else {
            return responder.respond(.text("the body is no JSON object\n", status: .badRequest))
        }
        let proxy = RouterProxy(
            workers, client, path: request.path, body: body, responder: responder,
            timeout: arguments.requestTimeout,
            room: { [weak self] in Int64((self?.rooms.next() ?? 0) >> 1) },
            onOver: { [weak self] in self?.finished($0) })
        proxies[ObjectIdentifier(proxy)] = proxy
        proxy.start(isDisaggregated: arguments.isDisaggregated)
    }

    private func finished(_ proxy: RouterProxy) {
        proxies[ObjectIdentifier(proxy)] = nil
        if isDraining, proxies.isEmpty {
            loop.soon { [weak self] in self?.end(0) }
        }
    }
}

@available(*, unavailable) extension RehearsalRouter: Sendable {}

// The HTTP surface of an engine: rank 0's, which opens only after every rank has loaded, and the
// dummy health server of the others, which says 200 whatever happens to the instance.

import Base
import EventLoop
import HTTP

/// Rank 0's endpoints.
final class EngineSurface {
    enum State {
        case warmingUp, ready, draining
    }

    var state = State.warmingUp
    private let service: GenerationService
    private let arguments: EngineArguments
    private let settings: EngineSettings
    private let onFault: (Fault) -> Bool
    private var server: HTTPServer?

    init(
        _ service: GenerationService, _ arguments: EngineArguments, _ settings: EngineSettings,
        onFault: @escaping (Fault) -> Bool
    ) {
        self.service = service
        self.arguments = arguments
        self.settings = settings
        self.onFault = onFault
    }

    /// - Throws: when the port cannot be bound.
    func listen(_ loop: Loop) throws(UVError) {
        server = try HTTPServer(
            loop, listen: .tcp(Endpoint(host: arguments.host, port: arguments.port)),
            limits: .engine
        ) { [weak self] request, responder in self?.answer(request, responder) }
    }

    func close() {
        server?.close()
        server = nil
    }

    private func answer(_ request: HTTPRequest, _ responder: HTTPResponder) {
        if request.method == .post, let dialect = Dialect(path: request.path) {
            guard state == .ready else { return responder.respond(unavailable) }
            return service.serve(dialect, request, responder)
        }
        switch (request.method, request.path) {
        case (.get, "/health"), (.get, "/health_generate"): health(responder)
        case (.post, "/rehearsal/fault"):
            responder.respond(FaultEndpoint.answer(request, onFault))
        case (.get, _): responder.respond(document(request.path) ?? notFound)
        case (.post, "/flush_cache"): responder.respond(.text("Cache flushed.\n"))
        case (.post, "/abort_request"): responder.respond(abort(request))
        default: responder.respond(notFound)
        }
    }

    private var unavailable: HTTPResponse { .text("", status: .serviceUnavailable) }

    private var notFound: HTTPResponse {
        .json(["detail": "Not Found"], status: .notFound)
    }

    private func health(_ responder: HTTPResponder) {
        guard state == .ready else { return responder.respond(unavailable) }
        service.inference.probe(within: settings.healthTimeout) { [unavailable] isHealthy in
            responder.respond(isHealthy ? .text("") : unavailable)
        }
    }

    private func abort(_ request: HTTPRequest) -> HTTPResponse {
        let body = try? JSONValue(parsing: request.body)
        let isForAll = body?["abort_all"]?.boolValue ?? false
        guard isForAll || body?["rid"]?.stringValue != nil else {
            return .text("rid or abort_all is needed\n", status: .badRequest)
        }
        service.inference.abort(requestID: isForAll ? nil : body?["rid"]?.stringValue)
        return .text("")
    }

    private func document(_ path: String) -> HTTPResponse? {
        switch path {
        case "/ping": .text("")
        case "/model_info", "/get_model_info": .json(modelInfo)
        case "/server_info", "/get_server_info": .json(serverInfo)
        case "/v1/models": .json(models)
        case "/flush_cache": .text("Cache flushed.\n")
        case "/metrics" where arguments.flags.has("--enable-metrics"):
            HTTPResponse(
                .ok, headers: ["Content-Type": "text/plain; version=0.0.4"],
                body: Array(metrics.utf8))
        default: nil
        }
    }

    private var modelInfo: JSONValue {
        [
            "model_path": .string(arguments.modelPath),
            "tokenizer_path": .string(arguments.modelPath), "is_generation": true,
            "preferred_sampling_params": .null, "weight_version": "rehearsal",
        ]
    }

    private var models: JSONValue {
        let model: JSONValue = [
            "id": .string(arguments.servedModelName), "object": "model", "created": 0,
            "owned_by": "sglang", "root": .string(arguments.servedModelName),
            "max_model_len": JSONValue(arguments.contextLength),
        ]
        return ["object": "list", "data": [model]]
    }

    private var serverInfo: JSONValue {
        [
            "model_path": .string(arguments.modelPath),
            "served_model_name": .string(arguments.servedModelName),
            "host": .string(arguments.host), "port": JSONValue(Int(arguments.port)),
            "tp_size": JSONValue(arguments.tensorParallel),
            "pp_size": JSONValue(arguments.pipelineParallel),
            "dp_size": JSONValue(arguments.dataParallel),
            "ep_size": JSONValue(arguments.expertParallel),
            "attn_cp_size": JSONValue(arguments.attentionContextParallel),
            "nnodes": JSONValue(arguments.nodeCount), "node_rank": JSONValue(arguments.nodeRank),
            "dist_init_addr": JSONValue(arguments.distInit?.description),
            "disaggregation_mode": .string(
                arguments.role == .mixed ? "null" : arguments.role.rawValue),
            "disaggregation_bootstrap_port": JSONValue(Int(arguments.bootstrapPort)),
            "context_length": JSONValue(arguments.contextLength),
            "status": .string(state == .ready ? "ready" : "starting"),
            "internal_states": [["running": JSONValue(service.inference.runningCount)]],
            "version": "rehearsal",
        ]
    }

    private var metrics: String {
        let label = "{model_name=\"\(arguments.servedModelName)\"}"
        let inference = service.inference
        return """
            # HELP sglang:num_running_reqs The number of running requests.
            # TYPE sglang:num_running_reqs gauge
            sglang:num_running_reqs\(label) \(inference.runningCount)
            # HELP sglang:generation_tokens_total Number of generation tokens processed.
            # TYPE sglang:generation_tokens_total counter
            sglang:generation_tokens_total\(label) \(inference.tokenCount)

            """
    }
}

@available(*, unavailable) extension EngineSurface: Sendable {}

/// The health server of node ranks above 0.
final class DummyHealthServer {
    private var server: HTTPServer?

    /// - Throws: when the port cannot be bound.
    init(
        _ loop: Loop, on endpoint: Endpoint, onFault: @escaping (Fault) -> Bool
    ) throws(UVError) {
        server = try HTTPServer(loop, listen: .tcp(endpoint)) { request, responder in
            switch (request.method, request.path) {
            case (.get, "/ping"), (.get, "/health"), (.get, "/health_generate"):
                responder.respond(.text(""))
            case (.post, "/rehearsal/fault"):
                responder.respond(FaultEndpoint.answer(request, onFault))
            default: responder.respond(.text("", status: .notFound))
            }
        }
    }

    func close() {
        server?.close()
        server = nil
    }
}

@available(*, unavailable) extension DummyHealthServer: Sendable {}

// The bootstrap server of a prefill: its ranks register here, decode asks here who they are, and,
// in place of the transfer over RDMA, fetches the finished prompt of a room.

import Base
import EventLoop
import HTTP

/// What a prefill offers under a room.
struct HandOver: Sendable {
    let cache: SequenceCache
    /// The transfer stores in which the prefill has been registered; none where it needs none.
    let stores: [String]

    var document: JSONValue {
        let layers = cache.layers.map { layer in
            JSONValue.array((0..<Activation.scalarCount).map { .integer(Int64(layer[$0])) })
        }
        return [
            "stores": .array(stores.map { .string($0) }),
            "position": .integer(Int64(cache.position)),
            "token": .integer(Int64(bitPattern: cache.token)), "layers": .array(layers),
        ]
    }

    init(cache: SequenceCache, stores: [String]) {
        self.cache = cache
        self.stores = stores
    }

    init?(_ document: JSONValue) {
        guard let stores = document["stores"]?.arrayValue,
            let position = document["position"]?.integerValue.flatMap(UInt32.init(exactly:)),
            let token = document["token"]?.integerValue,
            let rows = document["layers"]?.arrayValue, rows.count == ToyModel.layerCount
        else { return nil }
        var cache = SequenceCache()
        cache.position = position
        cache.token = UInt64(bitPattern: token)
        for (index, row) in rows.enumerated() {
            let lanes = row.arrayValue ?? []
            let numbers = lanes.compactMap { $0.integerValue.flatMap(Int32.init(exactly:)) }
            guard numbers.count == Activation.scalarCount else { return nil }
            cache.layers[index] = Activation(numbers)
        }
        self.init(cache: cache, stores: stores.compactMap(\.stringValue))
    }

    /// Whether a decode that has been in these stores knows the prefill.
    func isMet(from others: [String]) -> Bool {
        stores.contains(where: others.contains) || (stores.isEmpty && others.isEmpty)
    }
}

/// Runs in node rank 0 of a prefill, from before the model has loaded.
final class BootstrapServer {
    private struct Offer {
        let handOver: HandOver
        let onFetched: () -> Void
    }

    private var server: HTTPServer?
    private let arguments: EngineArguments
    private let log: EngineLog
    private var registered: [Int: Int] = [:]
    private var offers: [Int64: Offer] = [:]
    private var waiting: [Int64: HTTPResponder] = [:]

    init(_ arguments: EngineArguments, log: EngineLog) {
        self.arguments = arguments
        self.log = log
    }

    /// Starts to listen. A failure is only logged, as by SGLang.
    func start(_ loop: Loop) {
        let endpoint = Endpoint(host: arguments.host, port: arguments.bootstrapPort)
        var limits = HTTPServerLimits()
        limits.connections = 1024
        do throws(UVError) {
            server = try HTTPServer(loop, listen: .tcp(endpoint), limits: limits) {
                [weak self] request, responder in self?.answer(request, responder)
            }
        } catch {
            log("Server error: the bootstrap server cannot listen on \(endpoint): \(error)")
        }
    }

    func close() {
        server?.close()
        server = nil
        (offers, waiting) = ([:], [:])
    }

    /// Keeps a prompt for the decode that will ask for its room.
    func offer(_ handOver: HandOver, room: Int64, onFetched: @escaping () -> Void) {
        let offer = Offer(handOver: handOver, onFetched: onFetched)
        guard let responder = waiting.removeValue(forKey: room) else {
            offers[room] = offer
            return
        }
        give(offer, to: responder)
    }

    /// Nobody came for it.
    func withdraw(room: Int64) {
        offers[room] = nil
    }

    private func answer(_ request: HTTPRequest, _ responder: HTTPResponder) {
        switch (request.method, request.path) {
        case (.get, "/health"): responder.respond(.text("OK"))
        case (.put, "/route"): responder.respond(register(request))
        case (.get, "/route"): responder.respond(route(request))
        case (.get, "/kv"): fetch(request, responder)
        default: responder.respond(.text("404: Not Found", status: .notFound))
        }
    }

    private func register(_ request: HTTPRequest) -> HTTPResponse {
        guard let document = try? JSONValue(parsing: request.body),
            let rank = document["node_rank"]?.integerValue,
            let devices = document["devices"]?.integerValue
        else { return .text("Invalid registration", status: .badRequest) }
        registered[Int(rank)] = Int(devices)
        return .text("OK")
    }

    private func route(_ request: HTTPRequest) -> HTTPResponse {
        let names = ["prefill_dp_rank", "prefill_cp_rank", "target_tp_rank", "target_pp_rank"]
        guard names.allSatisfy({ request.parameter($0) != nil }) else {
            return .text("Missing inputs for bootstrap server.", status: .badRequest)
        }
        let count = registered.values.reduce(0, +)
        guard count == arguments.tensorParallel * arguments.pipelineParallel else {
            return .text(
                "Prefill server not fully registered yet (\(count) workers registered).",
                status: .serviceUnavailable)
        }
        return .json([
            "attn_tp_size": JSONValue(arguments.tensorParallel / arguments.dataParallel),
            "attn_cp_size": JSONValue(arguments.attentionContextParallel),
            "dp_size": JSONValue(arguments.dataParallel),
            "pp_size": JSONValue(arguments.pipelineParallel),
        ])
    }

    private func fetch(_ request: HTTPRequest, _ responder: HTTPResponder) {
        guard let room = request.parameter("room").flatMap({ Int64($0) }) else {
            return responder.respond(.text("Missing room", status: .badRequest))
        }
        if let offer = offers.removeValue(forKey: room) { return give(offer, to: responder) }
        waiting[room] = responder
        responder.onClosed { [weak self] in self?.waiting[room] = nil }
    }

    private func give(_ offer: Offer, to responder: HTTPResponder) {
        responder.respond(.json(offer.handOver.document))
        offer.onFetched()
    }
}

@available(*, unavailable) extension BootstrapServer: Sendable {}

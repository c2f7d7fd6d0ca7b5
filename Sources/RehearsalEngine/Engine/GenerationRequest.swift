// A request for text, in the three dialects that SGLang speaks.

import Base

/// How a client asks, and wants to be answered.
enum Dialect: Sendable {
    /// `/generate`.
    case native
    /// `/v1/completions`.
    case completions
    /// `/v1/chat/completions`.
    case chat

    init?(path: String) {
        switch path {
        case "/generate": self = .native
        case "/v1/completions": self = .completions
        case "/v1/chat/completions": self = .chat
        default: return nil
        }
    }
}

/// Why a request cannot be served: the status and the words for the client.
struct RequestError: Error, Hashable, Sendable {
    let status: Int
    let message: String

    static func bad(_ message: String) -> RequestError {
        RequestError(status: 400, message: message)
    }

    var document: JSONValue {
        [
            "object": "error", "message": .string(message), "code": JSONValue(status),
            "error": ["message": .string(message)],
        ]
    }
}

/// Where a decode finds the prompt that a prefill has read.
struct BootstrapAddress: Hashable, Sendable {
    let endpoint: Endpoint
    let room: Int64
}

/// One request.
struct GenerationRequest: Hashable, Sendable {
    let dialect: Dialect
    let prompt: String
    let tokenLimit: Int
    let isStreamed: Bool
    let wantsUsage: Bool
    let requestID: String?
    let bootstrap: BootstrapAddress?

    /// - Throws: what is wrong with it.
    init(_ dialect: Dialect, _ body: JSONValue) throws(RequestError) {
        self.dialect = dialect
        prompt = try Self.prompt(dialect, body)
        let limit =
            switch dialect {
            case .native: body["sampling_params"]?["max_new_tokens"] ?? 128
            case .completions: body["max_tokens"] ?? 16
            case .chat: body["max_completion_tokens"] ?? body["max_tokens"] ?? 32
            }
        guard let limit = limit.integerValue, (1...1_000_000).contains(limit) else {
            throw .bad("max tokens must be a whole number from 1 up")
        }
        tokenLimit = Int(limit)
        isStreamed = body["stream"]?.boolValue ?? false
        wantsUsage = body["stream_options"]?["include_usage"]?.boolValue ?? false
        requestID = body["rid"]?.stringValue
        bootstrap = try Self.bootstrap(body)
    }

    private static func prompt(
        _ dialect: Dialect, _ body: JSONValue
    ) throws(RequestError) -> String {
        switch dialect {
        case .native:
            if let text = body["text"]?.stringValue { return text }
            if let tokens = body["input_ids"]?.arrayValue {
                return tokens.map(\.compact).joined(separator: " ")
            }
            throw .bad("either text or input_ids must be provided, for one request at a time")
        case .completions:
            let prompt = body["prompt"]
            if let text = prompt?.stringValue { return text }
            if let only = prompt?.arrayValue, only.count == 1, let text = only[0].stringValue {
                return text
            }
            throw .bad("prompt must be one text")
        case .chat:
            guard let messages = body["messages"]?.arrayValue, !messages.isEmpty else {
                throw .bad("messages must not be empty")
            }
            return KnownAnswer.chatPrompt(
                messages.map { message in
                    (message["role"]?.stringValue ?? "user", content(of: message))
                })
        }
    }

    private static func content(of message: JSONValue) -> String {
        if let text = message["content"]?.stringValue { return text }
        let parts = message["content"]?.arrayValue ?? []
        return parts.compactMap { $0["text"]?.stringValue }.joined(separator: " ")
    }

    private static func bootstrap(_ body: JSONValue) throws(RequestError) -> BootstrapAddress? {
        guard let host = body["bootstrap_host"], host != .null else { return nil }
        let port = body["bootstrap_port"].flatMap { $0 == .null ? nil : $0 } ?? 8998
        guard let host = host.stringValue,
            let port = port.integerValue.flatMap(UInt16.init(exactly:)),
            let room = body["bootstrap_room"]?.integerValue
        else { throw .bad("bootstrap_host, bootstrap_port and bootstrap_room do not make sense") }
        return BootstrapAddress(endpoint: Endpoint(host: host, port: port), room: room)
    }
}

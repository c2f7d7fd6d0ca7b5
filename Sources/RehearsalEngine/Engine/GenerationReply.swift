// What goes back to the client, whole or as server-sent events.

import Base

/// Words the tokens of one request for its dialect.
struct GenerationReply: Sendable {
    let request: GenerationRequest
    let requestID: String
    let model: String
    let createdSeconds: Int64

    private var promptTokens: Int { Vocabulary.count(request.prompt) }

    /// The whole answer.
    func whole(_ tokens: [UInt64]) -> JSONValue {
        let text = Vocabulary.text(of: tokens)
        switch request.dialect {
        case .native: return native(tokens, isLast: true)
        case .completions:
            return envelope(
                "text_completion", choice: ["text": .string(text)], isLast: true,
                usage: usage(tokens.count))
        case .chat:
            let message: JSONValue = ["role": "assistant", "content": .string(text)]
            return envelope(
                "chat.completion", choice: ["message": message], isLast: true,
                usage: usage(tokens.count))
        }
    }

    /// The events that go out before the first token.
    var opening: [String] {
        guard request.dialect == .chat else { return [] }
        let delta: JSONValue = ["role": "assistant", "content": ""]
        return [event(envelope("chat.completion.chunk", choice: ["delta": delta], isLast: false))]
    }

    /// The event after a token.
    func chunk(_ tokens: [UInt64]) -> String {
        let isLast = tokens.count >= request.tokenLimit
        let word = Vocabulary.text(of: tokens.suffix(1))
        let text = JSONValue.string(tokens.count > 1 ? " " + word : word)
        switch request.dialect {
        case .native: return event(native(tokens, isLast: isLast))
        case .completions:
            return event(envelope("text_completion", choice: ["text": text], isLast: isLast))
        case .chat:
            return event(
                envelope(
                    "chat.completion.chunk", choice: ["delta": ["content": text]], isLast: isLast))
        }
    }

    /// The events that end the stream.
    func closing(_ tokens: [UInt64]) -> [String] {
        guard request.wantsUsage, request.dialect != .native else { return ["data: [DONE]\n\n"] }
        let object = request.dialect == .chat ? "chat.completion.chunk" : "text_completion"
        let document: JSONValue = [
            "id": .string(requestID), "object": .string(object),
            "created": .integer(createdSeconds), "model": .string(model), "choices": [],
            "usage": usage(tokens.count),
        ]
        return [event(document), "data: [DONE]\n\n"]
    }

    /// What ends a stream that fails half way.
    func failure(_ error: RequestError) -> [String] {
        [event(error.document), "data: [DONE]\n\n"]
    }

    private func event(_ document: JSONValue) -> String {
        "data: \(document.compact)\n\n"
    }

    private func native(_ tokens: [UInt64], isLast: Bool) -> JSONValue {
        let reason: JSONValue =
            isLast ? ["type": "length", "length": JSONValue(tokens.count)] : .null
        return [
            "text": .string(Vocabulary.text(of: tokens)),
            "output_ids": .array(tokens.map { .integer(Int64($0)) }),
            "meta_info": [
                "id": .string(requestID), "finish_reason": reason,
                "prompt_tokens": JSONValue(promptTokens),
                "completion_tokens": JSONValue(tokens.count), "cached_tokens": 0,
            ],
        ]
    }

    private func envelope(
        _ object: String, choice: JSONValue, isLast: Bool, usage: JSONValue? = nil
    ) -> JSONValue {
        let reason: JSONValue = isLast ? "length" : .null
        let fields = choice.objectValue ?? []
        var members: [JSONValue.Member] = [
            .init("id", .string(requestID)), .init("object", .string(object)),
            .init("created", .integer(createdSeconds)), .init("model", .string(model)),
            .init(
                "choices",
                [.object([.init("index", 0)] + fields + [.init("finish_reason", reason)])]),
        ]
        if let usage { members.append(.init("usage", usage)) }
        return .object(members)
    }

    private func usage(_ completionTokens: Int) -> JSONValue {
        [
            "prompt_tokens": JSONValue(promptTokens),
            "completion_tokens": JSONValue(completionTokens),
            "total_tokens": JSONValue(promptTokens + completionTokens),
        ]
    }
}

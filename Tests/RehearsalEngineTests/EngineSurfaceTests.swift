// The HTTP surface, as bench_serving, the router and an agent read it.

import Base
import EventLoop
import HTTP
import Testing

@testable import RehearsalEngine

@Suite(.serialized) struct EngineSurfaceTests {
    private static func loneMixed(
        _ deployment: LiveDeployment, _ environment: [String: String] = [:]
    ) throws -> (String, WorldShape) {
        let host = deployment.host(1)
        let shard = PublishedShard(
            argv: [
                "--model-path", "/models/glm", "--served-model-name", "glm-5", "--host", host,
                "--port", "6688", "--tp-size", "4", "--context-length", "100", "--enable-metrics",
            ], environment: environment)
        try deployment.launch(shard)
        deployment.waitUntilReady(1)
        return (host, try WorldShape(EngineArguments(parsing: shard.argv), nodes: [host]))
    }

    /// The documents of a stream, and whether it ended as it should.
    private func events(_ response: HTTPResponse) throws -> [JSONValue] {
        #expect(response.headers["Content-Type"]?.hasPrefix("text/event-stream") == true)
        let parts = response.bodyText.split(separator: "\n\n").map(String.init)
        #expect(parts.allSatisfy { $0.hasPrefix("data: ") })
        #expect(parts.last == "data: [DONE]")
        return try parts.dropLast().map { try JSONValue(parsing: String($0.dropFirst(6))) }
    }

    @Test func `generate streams the growing text and its token count`() throws {
        let deployment = try LiveDeployment(subnet: 60)
        let (host, shape) = try Self.loneMixed(deployment)
        let answer = KnownAnswer.expected(
            prompt: "hello there", maxTokens: 3, prefill: nil, decodeOrMixed: shape)
        let response = deployment.post(
            host, 6688, "/generate",
            [
                "text": "hello there", "stream": true,
                "sampling_params": ["max_new_tokens": 3, "temperature": 0, "ignore_eos": true],
            ])
        let events = try events(response)
        #expect(events.compactMap { $0["meta_info"]?["completion_tokens"] } == [1, 2, 3])
        #expect(events.last?["text"]?.stringValue == answer)
        #expect(events.allSatisfy { answer.hasPrefix($0["text"]?.stringValue ?? "?") })
        #expect(events.last?["meta_info"]?["finish_reason"]?["type"] == "length")
        #expect(events.last?["meta_info"]?["prompt_tokens"] == 2)
    }

    @Test func `completions and chat give the same words in their own forms`() throws {
        let deployment = try LiveDeployment(subnet: 61)
        let (host, shape) = try Self.loneMixed(deployment)
        let answer = KnownAnswer.expected(
            prompt: "say it", maxTokens: 3, prefill: nil, decodeOrMixed: shape)
        let body: JSONValue = ["model": "glm-5", "prompt": "say it", "max_tokens": 3]
        let whole = try JSONValue(
            parsing: deployment.post(host, 6688, "/v1/completions", body).body)
        #expect(whole["choices"]?[0]?["text"]?.stringValue == answer)
        #expect(whole["usage"]?["completion_tokens"] == 3)
        let streamed = try events(
            deployment.post(
                host, 6688, "/v1/completions", body.adding([.init("stream", true)])))
        #expect(streamed.compactMap { $0["choices"]?[0]?["text"]?.stringValue }.joined() == answer)

        let chatAnswer = KnownAnswer.expected(
            prompt: KnownAnswer.chatPrompt([("user", "say it")]), maxTokens: 3, prefill: nil,
            decodeOrMixed: shape)
        let chat: JSONValue = [
            "messages": [["role": "user", "content": "say it"]], "max_tokens": 3, "stream": true,
            "stream_options": ["include_usage": true],
        ]
        let chunks = try events(deployment.post(host, 6688, "/v1/chat/completions", chat))
        let words = chunks.compactMap { $0["choices"]?[0]?["delta"]?["content"]?.stringValue }
        #expect(words.joined() == chatAnswer)
        #expect(chunks.first?["choices"]?[0]?["delta"]?["role"] == "assistant")
        #expect(chunks.last?["usage"]?["total_tokens"]?.integerValue != nil)
    }

    @Test(arguments: [
        ("/generate", "{", 400), ("/generate", "{}", 400),
        ("/generate", #"{"text":"a","sampling_params":{"max_new_tokens":0}}"#, 400),
        ("/generate", #"{"text":"a","sampling_params":{"max_new_tokens":100}}"#, 400),
        ("/generate", #"{"text":["a","b"]}"#, 400),
        ("/generate", #"{"input_ids":[1,2,3],"sampling_params":{"max_new_tokens":1}}"#, 200),
        ("/v1/completions", #"{"prompt":7}"#, 400),
        ("/v1/chat/completions", #"{"messages":[]}"#, 400),
        ("/nothing", "{}", 404), ("/flush_cache", "", 200), ("/abort_request", "{}", 400),
        ("/abort_request", #"{"rid":"x"}"#, 200), ("/rehearsal/fault", "{}", 400),
        ("/rehearsal/fault", #"{"fault":"crash-at-start"}"#, 409),
    ])
    func `posts are answered`(path: String, body: String, status: Int) throws {
        let deployment = try LiveDeployment(subnet: 62)
        let (host, _) = try Self.loneMixed(deployment)
        let response = deployment.send(
            HTTPClientRequest(.post, "http://\(host):6688\(path)", body: Array(body.utf8)))
        #expect(response.status.code == status, "\(response.bodyText)")
        #expect(deployment.exits.isEmpty)
    }

    @Test func `the documents of an engine name its arguments`() throws {
        let deployment = try LiveDeployment(subnet: 63)
        let (host, _) = try Self.loneMixed(deployment)
        for path in [
            "/health", "/health_generate", "/model_info", "/get_model_info", "/server_info",
            "/get_server_info", "/v1/models", "/metrics",
        ] {
            #expect(deployment.get(host, 6688, path).status.code == 200, "\(path)")
        }
        let models = try JSONValue(parsing: deployment.get(host, 6688, "/v1/models").body)
        #expect(models["data"]?[0]?["id"] == "glm-5")
        let info = try JSONValue(parsing: deployment.get(host, 6688, "/server_info").body)
        #expect(info["tp_size"] == 4 && info["model_path"] == "/models/glm")
        #expect(deployment.get(host, 6688, "/metrics").bodyText.contains("sglang:num_running_reqs"))
        #expect(deployment.get(host, 6688, "/nothing").status.code == 404)
    }

    @Test func `an aborted request is told so`() throws {
        let deployment = try LiveDeployment(subnet: 64)
        let slow = ["GLM_REHEARSAL_TOKEN_SECONDS": "0.03"]
        let (host, _) = try Self.loneMixed(deployment, slow)
        let client = try HTTPClient(deployment.loop)
        var answer: HTTPResponse?
        let body: JSONValue = ["text": "a", "rid": "r1", "sampling_params": ["max_new_tokens": 90]]
        client.send(.json(.post, "http://\(host):6688/generate", body)) { answer = try? $0.get() }
        deployment.wait("a running request") {
            deployment.get(host, 6688, "/server_info").bodyText.contains("\"running\":1")
        }
        _ = deployment.post(host, 6688, "/abort_request", ["rid": "r1"])
        deployment.wait("the answer") { answer != nil }
        #expect(answer?.status.code == 500)
        client.close()
    }
}

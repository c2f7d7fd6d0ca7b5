// A whole deployment on one loop: engines and router as they would be processes, each on addresses
// of its own in 127.77.<subnet>.0/24.

import Base
import EventLoop
import HTTP
import RehearsalEngine
import Testing

final class LiveDeployment {
    let loop: Loop
    let subnet: Int
    private let client: HTTPClient
    private(set) var engines: [EngineInstance] = []
    /// By the number of the engine.
    private(set) var exits: [Int: EngineInstance.Exit] = [:]
    private(set) var routers: [RehearsalRouter] = []
    private(set) var routerExits: [Int32] = []
    private(set) var lines: [String] = []
    private(set) var spawned: [[String]] = []

    init(subnet: Int) throws {
        self.subnet = subnet
        loop = try Loop()
        client = try HTTPClient(loop)
    }

    deinit {
        for engine in engines { engine.stop() }
        for router in routers { router.stop() }
        client.close()
        engines = []
        routers = []
        loop.close()
    }

    func host(_ number: Int) -> String { "127.77.\(subnet).\(number)" }

    func hosts(_ numbers: ClosedRange<Int>) -> [String] { numbers.map { host($0) } }

    /// Starts an engine.
    /// - Returns: its number.
    @discardableResult
    func launch(_ shard: PublishedShard) throws -> Int {
        let number = engines.count
        var environment = [
            "GLM_REHEARSAL_LOAD_SECONDS": "0.05", "GLM_REHEARSAL_WARMUP_SECONDS": "0.05",
            "GLM_REHEARSAL_STORE_ATTEMPTS": "2", "SGLANG_WAIT_PORT_TIMEOUT": "0.5",
            "SGLANG_DISAGGREGATION_WAITING_TIMEOUT": "1.5",
        ]
        environment.merge(shard.environment) { $1 }
        let engine = try EngineInstance(
            loop, argv: shard.argv, environment: environment,
            output: { [weak self] in self?.lines.append("#\(number) \($0)") },
            spawn: { [weak self] in self?.spawned.append($0) },
            exit: { [weak self] in self?.exits[number] = $0 })
        engines.append(engine)
        engine.start()
        return number
    }

    func launchRouter(_ argv: [String]) throws {
        let router = try RehearsalRouter(
            loop, argv: argv, output: { [weak self] in self?.lines.append("router \($0)") },
            exit: { [weak self] in self?.routerExits.append($0) })
        routers.append(router)
        router.start()
    }

    /// Starts a router over prefills with their bootstrap ports, and one decode.
    func launchRouter(prefills: [(String, Int)], decode: String) throws {
        let prefills = prefills.flatMap { ["--prefill", "http://\($0.0):8000", "\($0.1)"] }
        try launchRouter(
            ["--pd-disaggregation"] + prefills + ["--decode", "http://\(decode):8001"]
                + ["--host", host(250), "--port", "6688", "--policy", "round_robin"])
    }

    /// Runs the loop until the condition holds, and complains with the log otherwise.
    func wait(
        _ what: String, within limit: Duration = .seconds(30),
        at location: SourceLocation = #_sourceLocation, until condition: () -> Bool
    ) {
        let holds = loop.run(within: limit, until: condition)
        #expect(
            holds, "waited for \(what); the log ends with\n\(log(last: 30))",
            sourceLocation: location)
    }

    func log(last count: Int) -> String { lines.suffix(count).joined(separator: "\n") }

    func hasLogged(_ text: String) -> Bool { lines.contains { $0.contains(text) } }

    /// Waits until so many engines are ready to roll.
    func waitUntilReady(_ count: Int) {
        wait("\(count) ready engines") { [self] in
            lines.count { $0.contains("fired up and ready to roll") } == count
        }
    }

    func waitForRouter() {
        wait("a ready router") { [self] in get(host(250), 6688, "/readiness").status.code == 200 }
    }

    // MARK: - Asking

    /// Status 0 stands for no answer.
    func send(_ request: HTTPClientRequest) -> HTTPResponse {
        var answer: HTTPResponse?
        client.send(request) { result in
            switch result {
            case .success(let response): answer = response
            case .failure(let error): answer = .text("\(error)", status: HTTPStatus(0))
            }
        }
        _ = loop.run(within: .seconds(30)) { answer != nil }
        return answer ?? .text("no answer in half a minute", status: HTTPStatus(0))
    }

    func get(_ host: String, _ port: Int, _ path: String) -> HTTPResponse {
        send(HTTPClientRequest(.get, "http://\(host):\(port)\(path)", timeout: .seconds(25)))
    }

    func post(_ host: String, _ port: Int, _ path: String, _ body: JSONValue) -> HTTPResponse {
        send(.json(.post, "http://\(host):\(port)\(path)", body, timeout: .seconds(25)))
    }

    /// A completion; an error begins with its status.
    func complete(_ host: String, _ port: Int, prompt: String, tokens: Int) -> String {
        let response = post(
            host, port, "/generate",
            [
                "text": .string(prompt), "sampling_params": ["max_new_tokens": JSONValue(tokens)],
            ])
        let document = try? JSONValue(parsing: response.body)
        guard response.status.isSuccess, let text = document?["text"]?.stringValue else {
            return "\(response.status) \(response.bodyText)"
        }
        return text
    }

    func completeThroughRouter(prompt: String, tokens: Int) -> String {
        complete(host(250), 6688, prompt: prompt, tokens: tokens)
    }
}

@available(*, unavailable) extension LiveDeployment: Sendable {}

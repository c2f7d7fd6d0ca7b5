// Bootstrap, hand-over and transfer store, and the router in front of them.

import Base
import EventLoop
import HTTP
import Testing

@testable import RehearsalEngine

@Suite(.serialized) struct DisaggregationTests {
    private static let anyRank =
        "prefill_dp_rank=-1&prefill_cp_rank=-1&target_tp_rank=-1&target_pp_rank=-1"

    @Test func `the bootstrap server answers before the model is loaded, and the route after`()
        throws
    {
        let deployment = try LiveDeployment(subnet: 70)
        let nodes = deployment.hosts(1...2)
        for rank in 0...1 {
            try deployment.launch(
                Published.prefill(nodes, rank: rank, store: nodes[0])
                    .with(environment: "GLM_REHEARSAL_LOAD_SECONDS", rank == 0 ? "0" : "1"))
        }
        let route = "/route?\(Self.anyRank)"
        #expect(deployment.get(nodes[0], 8998, "/health").status.code == 200)
        #expect(deployment.get(nodes[0], 8998, route).status.code == 503)
        #expect(deployment.get(nodes[0], 8998, "/route").status.code == 400)
        deployment.waitUntilReady(1)
        deployment.wait("the route") { deployment.get(nodes[0], 8998, route).status.code == 200 }
    }

    @Test func `an engine without its transfer store ends`() throws {
        let deployment = try LiveDeployment(subnet: 71)
        let nodes = deployment.hosts(1...2)
        for rank in 0...1 {
            try deployment.launch(Published.decode(nodes, rank: rank, store: deployment.host(9)))
        }
        deployment.wait("the end") { deployment.exits == [0: .killed, 1: .killed] }
        #expect(deployment.hasLogged("Ascend Transfer Engine initialization failed."))
    }

    @Test func `requests without a room are refused, and a wrong room or store fails`() throws {
        let deployment = try LiveDeployment(subnet: 72)
        let (prefill, other, decodes) = (
            deployment.host(1), deployment.host(2), deployment.hosts(3...4)
        )
        for host in [prefill, other] {
            try deployment.launch(Published.lonePrefill(host, bootstrap: 8998, store: host))
        }
        for rank in 0...1 {
            try deployment.launch(Published.decode(decodes, rank: rank, store: prefill))
        }
        deployment.waitUntilReady(3)
        #expect(
            deployment.complete(prefill, 8000, prompt: "a", tokens: 1).contains("bootstrap room"))
        func ask(_ host: String, room: Int) -> HTTPResponse {
            deployment.post(
                decodes[0], 8001, "/generate",
                [
                    "text": "a", "sampling_params": ["max_new_tokens": 2],
                    "bootstrap_host": .string(host), "bootstrap_port": 8998,
                    "bootstrap_room": JSONValue(room),
                ])
        }
        #expect(ask(prefill, room: 5).status.code == 500, "nobody has read for room 5")
        let client = try HTTPClient(deployment.loop)
        var answer: HTTPResponse?
        let body: JSONValue = [
            "text": "a", "bootstrap_host": .string(other), "bootstrap_port": 8998,
            "bootstrap_room": 6,
        ]
        client.send(.json(.post, "http://\(other):8000/generate", body)) {
            answer = try? $0.get()
        }
        let foreign = ask(other, room: 6)
        #expect(foreign.status.code == 500)
        #expect(foreign.bodyText.contains("transfer store"))
        deployment.wait("prefill's own answer") { answer?.status.code == 200 }
        client.close()
    }

    @Test func `registrations come back after the store was away`() throws {
        let loop = try Loop()
        let endpoint = Endpoint(host: "127.77.73.1", port: 24670)
        let log = EngineLog(loop, speaker: "test") { _ in }
        let first = try TransferStore(loop, on: endpoint)
        var successes: [Bool] = []
        let registration = TransferRegistration(
            loop, at: endpoint, name: "decode", attempts: 3, log: log
        ) { successes.append($0) }
        registration.start()
        #expect(loop.run(within: .seconds(5)) { registration.isConnected })
        let before = registration.stores
        #expect(before.count == 1)
        first.close()
        #expect(loop.run(within: .seconds(5)) { !registration.isConnected })
        #expect(registration.stores == before)
        let second = try TransferStore(loop, on: endpoint)
        #expect(loop.run(within: .seconds(5)) { registration.isConnected })
        #expect(registration.stores.count == 2 && registration.stores.first == before.first)
        #expect(successes == [true])
        registration.close()
        second.close()
        loop.close()
    }

    @Test func `a dead prefill costs no request, and comes back by itself`() throws {
        let deployment = try LiveDeployment(subnet: 74)
        let (prefills, decodes) = (deployment.hosts(1...2), deployment.hosts(3...4))
        func prefill(_ index: Int) throws -> Int {
            try deployment.launch(
                Published.lonePrefill(
                    prefills[index], bootstrap: 8998 + index, store: prefills[0]))
        }
        for index in 0...1 { _ = try prefill(index) }
        for rank in 0...1 {
            try deployment.launch(Published.decode(decodes, rank: rank, store: prefills[0]))
        }
        try deployment.launchRouter(
            prefills: [(prefills[0], 8998), (prefills[1], 8999)], decode: decodes[0])
        let router = deployment.host(250)
        func isReady(_ healthy: Int) -> Bool {
            deployment.get(router, 6688, "/readiness").bodyText.contains(
                "\"healthy_workers\":\(healthy)")
        }
        deployment.waitUntilReady(3)
        deployment.wait("all workers") { isReady(3) }
        deployment.engines[1].stop()
        for _ in 0..<4 {
            let answer = deployment.completeThroughRouter(prompt: "a", tokens: 2)
            #expect(answer.split(separator: " ").count == 2 && !answer.contains("{"), "\(answer)")
        }
        deployment.wait("the loss") { isReady(2) }
        _ = try prefill(1)
        deployment.wait("the return") { isReady(3) }
    }

    @Test func `the store's owner may be lost: who knows each other works on, the new wait`() throws
    {
        let deployment = try LiveDeployment(subnet: 76)
        let (prefills, decodes) = (deployment.hosts(1...3), deployment.hosts(4...5))
        func launchPrefill(_ index: Int) throws {
            try deployment.launch(
                Published.lonePrefill(prefills[index], bootstrap: 8998 + index, store: prefills[0])
                    .with(environment: "GLM_REHEARSAL_STORE_ATTEMPTS", "120"))
        }
        for index in 0...1 { try launchPrefill(index) }
        for rank in 0...1 {
            try deployment.launch(Published.decode(decodes, rank: rank, store: prefills[0]))
        }
        deployment.waitUntilReady(3)
        // Prefill 0 has no part in what is asked here: the router names prefill 1 and 2 only.
        try deployment.launchRouter(
            prefills: [(prefills[1], 8999), (prefills[2], 9000)], decode: decodes[0])
        deployment.waitForRouter()
        func complete() -> String { deployment.completeThroughRouter(prompt: "a b", tokens: 3) }
        let right = complete()
        #expect(right.split(separator: " ").count == 3 && !right.contains("{"), "\(right)")
        func isReady(_ healthy: Int) -> Bool {
            deployment.get(deployment.host(250), 6688, "/readiness").bodyText.contains(
                "\"healthy_workers\":\(healthy)")
        }

        deployment.engines[0].stop()
        deployment.wait("the loss") {
            deployment.lines.count { $0.contains("peers stay known") } == 3
        }
        try launchPrefill(2)
        deployment.wait("the new one to have loaded") {
            deployment.lines.contains { $0.hasPrefix("#4") && $0.contains("Load weight end.") }
        }
        for _ in 0..<3 { #expect(complete() == right) }
        #expect(!isReady(3) && !deployment.exits.keys.contains(4))

        try launchPrefill(0)
        deployment.wait("the return") { isReady(3) }
        // Both answer right: a prefill gives its own answer, and the third is not the second.
        let answers = Set((0..<4).map { _ in complete() })
        #expect(answers.count == 2 && answers.contains(right), "\(answers)")
        #expect(!answers.contains { $0.contains("{") }, "\(answers)")
    }

    @Test(arguments: [nil, "mooncake"])
    func `another transfer backend needs no store`(backend: String?) throws {
        let deployment = try LiveDeployment(subnet: 77)
        let (prefill, decodes) = (deployment.host(1), deployment.hosts(2...3))
        func launch(_ shard: PublishedShard) throws {
            let shard = shard.with(environment: "ASCEND_MF_STORE_URL", nil)
            let flag = "--disaggregation-transfer-backend"
            try deployment.launch(backend.map { shard.with(flag, $0) } ?? shard.without(flag))
        }
        try launch(Published.lonePrefill(prefill, bootstrap: 8998, store: prefill))
        for rank in 0...1 { try launch(Published.decode(decodes, rank: rank, store: prefill)) }
        try deployment.launchRouter(prefills: [(prefill, 8998)], decode: decodes[0])
        deployment.waitForRouter()
        let answer = deployment.completeThroughRouter(prompt: "a", tokens: 2)
        #expect(answer.split(separator: " ").count == 2 && !answer.contains("{"), "\(answer)")
    }

    @Test func `workers can be added and removed at run time`() throws {
        let deployment = try LiveDeployment(subnet: 75)
        let router = deployment.host(250)
        try deployment.launchRouter(
            ["--worker-urls", "http://\(deployment.host(1)):6688", "--host", router]
                + ["--port", "6688"])
        #expect(deployment.get(router, 6688, "/liveness").status.code == 200)
        #expect(deployment.get(router, 6688, "/health").status.code == 200)
        #expect(deployment.get(router, 6688, "/readiness").status.code == 503)
        #expect(deployment.completeThroughRouter(prompt: "a", tokens: 1).hasPrefix("503"))
        let second = "http://\(deployment.host(2)):6688"
        #expect(
            deployment.post(router, 6688, "/workers", ["url": .string(second)]).status.code == 202)
        #expect(
            deployment.post(router, 6688, "/workers", ["url": .string(second)]).bodyText
                .contains("already exists"))
        try deployment.launch(
            PublishedShard(
                argv: [
                    "--model-path", "m", "--tp-size", "2", "--host", deployment.host(2), "--port",
                    "6688",
                ], environment: [:]))
        deployment.waitForRouter()
        let answer = deployment.completeThroughRouter(prompt: "a", tokens: 2)
        #expect(answer.split(separator: " ").count == 2)
        let list = try JSONValue(parsing: deployment.get(router, 6688, "/workers").body)
        let worker = try #require(
            list["workers"]?.arrayValue?.first { $0["url"]?.stringValue == second })
        #expect(worker["is_healthy"] == true)
        let id = try #require(worker["id"]?.stringValue)
        let removal = HTTPClientRequest(.delete, "http://\(router):6688/workers/\(id)")
        #expect(deployment.send(removal).status.code == 202)
        #expect(deployment.get(router, 6688, "/workers/\(id)").status.code == 404)
        #expect(deployment.get(router, 6688, "/readiness").status.code == 503)
        deployment.routers[0].terminate()
        #expect(deployment.routerExits == [0])
    }

    @Test(arguments: [
        ("--pd-disaggregation --prefill http://h:1 many", 2),
        ("--pd-disaggregation --prefill", 2), ("--pd-disaggregation --decode here", 1),
        ("--policy best", 2), ("--port x", 2),
    ])
    func `a bad router command is refused`(argv: String, exitCode: Int32) throws {
        let words = argv.split(separator: " ").map(String.init)
        let error = #expect(throws: ArgumentError.self) { try RouterArguments(parsing: words) }
        #expect(error?.exitCode == exitCode)
    }

    @Test func `the published router command is read`() throws {
        let words = """
            --pd-disaggregation --prefill http://10.0.0.1:8000 8998 --prefill http://10.0.0.3:8000/ none
            --decode http://10.0.0.5:8001 --host 127.0.0.1 --port 6688 --policy round_robin
            """.split(whereSeparator: \.isWhitespace).map(String.init)
        let arguments = try RouterArguments(parsing: words)
        #expect(arguments.isDisaggregated)
        #expect(arguments.listen == Endpoint(host: "127.0.0.1", port: 6688))
        #expect(arguments.workers.map(\.url).count == 3)
        #expect(arguments.workers.map(\.bootstrapPort) == [8998, nil, nil])
        #expect(arguments.workers.map(\.host) == ["10.0.0.1", "10.0.0.3", "10.0.0.5"])
    }
}

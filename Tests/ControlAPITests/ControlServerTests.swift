// The control API as a client meets it: a real listener, and an agent that only remembers what it was
// asked.

import Base
import ClusterState
import ControlAPI
import EventLoop
import HTTP
import Node
import Planning
import Testing
import WireProtocol

@Suite struct ControlServerTests {
    @Test(arguments: [
        ("/v1/restart", #"{"group": "decode-0"}"#, Command.Action.restart(GroupName("decode-0"))),
        ("/v1/stop", #"{"group": null}"#, .stop(nil)),
        ("/v1/start", #"{"group": "prefill-0"}"#, .start(GroupName("prefill-0"))),
    ])
    func `an order reaches the agent as it was given`(
        path: String, body: String, action: Command.Action
    ) throws {
        let bench = try ControlBench()
        let response = try bench.send(.post, path, body: body)
        #expect(response.status == .ok)
        #expect(try JSONValue(parsing: response.body)["accepted"] == true)
        #expect(bench.agent.asked == [.propose(action)])
    }

    @Test func `a listener for everybody takes no orders`() throws {
        let bench = try ControlBench(takesOrders: false)
        let response = try bench.send(.post, "/v1/stop", body: "{}")
        #expect(response.status == .forbidden)
        #expect(try JSONValue(parsing: response.body)["what_to_do"]?.stringValue != nil)
        #expect(bench.agent.asked.isEmpty)
        #expect(try bench.send(.get, "/v1/status").status == .ok)
    }

    @Test(arguments: [
        (HTTPMethod.post, "/v1/restart", "{}", HTTPStatus.badRequest),
        (.post, "/v1/stop", "{", .badRequest),
        (.get, "/v1/events?after=soon", "", .badRequest),
        (.get, "/v1/logs", "", .badRequest),
        (.get, "/v1/logs?shard=a&lines=-1", "", .badRequest),
        (.get, "/v1/nothing", "", .notFound),
        (.post, "/v1/status", "", .methodNotAllowed),
    ])
    func `what cannot be read is refused with a reason, and asks nothing`(
        method: HTTPMethod, path: String, body: String, status: HTTPStatus
    ) throws {
        let bench = try ControlBench()
        let response = try bench.send(method, path, body: body)
        #expect(response.status == status)
        #expect(try JSONValue(parsing: response.body)["error"]?.stringValue?.isEmpty == false)
        #expect(bench.agent.asked.isEmpty)
    }

    @Test(arguments: [
        (Refusal.notFound, HTTPStatus.notFound), (.unavailable, .serviceUnavailable),
        (.timedOut, .gatewayTimeout),
    ])
    func `each refusal has its status and says what to do`(
        refusal: Refusal, status: HTTPStatus
    ) throws {
        let bench = try ControlBench()
        bench.agent.answer = .refused(refusal, "because")
        for (method, path) in [(HTTPMethod.post, "/v1/stop"), (.get, "/v1/logs?shard=router")] {
            let response = try bench.send(method, path)
            let body = try JSONValue(parsing: response.body)
            #expect(response.status == status)
            #expect(body["error"] == "because")
            #expect(body["what_to_do"]?.stringValue != nil)
        }
    }

    @Test func `a plan says why every node is where it is`() throws {
        func rank(_ node: String) -> PlannedRank {
            PlannedRank(node: NodeID(node), address: "10.0.0.1")
        }
        func plan(_ epoch: UInt64, _ nodes: [String], spares: [String]) -> Plan {
            let group = PlannedGroup(
                name: GroupName("mixed-0"), role: .mixed, index: 0, ranks: nodes.map(rank),
                distInit: nil, http: Endpoint(host: "10.0.0.1", port: 1), bootstrap: nil,
                store: nil)
            return Plan(epoch: Epoch(epoch), groups: [group], spares: spares.map { NodeID($0) })
        }
        let bench = try ControlBench()
        bench.agent.planNotes = ["no new plan"]
        bench.agent.planExplanation = PlanExplanation(
            plan: plan(2, ["a", "c"], spares: ["d"]), previous: plan(1, ["a", "b"], spares: []),
            candidates: ["a", "b", "c", "d"].map {
                Candidate(node: NodeID($0), address: "10.0.0.1", isUsable: $0 != "c")
            })
        let answer = try JSONValue(parsing: try bench.send(.get, "/v1/plan").body)
        #expect(
            answer["explanation"] == [
                "no new plan", "mixed-0 rank 0: a keeps it",
                "mixed-0 rank 1: c takes it from b, which was not usable",
                "mixed-0 rank 1 waits for c, which is gone, or for a spare",
                "b has no rank: it was not usable when this was planned",
                "d is a spare: every rank has a node",
            ])
    }

    @Test func `events are told in order, from the one asked for on`() throws {
        let bench = try ControlBench()
        for _ in 1...3 {
            bench.agent.state.apply(Command(.stop(nil), at: WallTime(millisecondsSinceEpoch: 1)))
        }
        let response = try bench.send(.get, "/v1/events?after=1")
        let sequences = try response.bodyText.split(separator: "\n").map {
            try JSONValue(parsing: String($0))["sequence"]?.integerValue
        }
        #expect(sequences == [2, 3])
    }
}

/// A server with its agent and a client, on one loop.
private final class ControlBench {
    let loop: Loop
    let agent = RememberingAgent()
    private let server: ControlServer
    private let client: HTTPClient
    private let endpoint: Endpoint

    init(takesOrders: Bool = true) throws {
        loop = try Loop()
        // A port that the system has just given and that nobody holds any more.
        let probe = try StreamListener(loop, on: Endpoint(host: "127.0.0.1", port: 0)) {
            $0.close()
        }
        endpoint = try #require(probe.endpoint)
        probe.close()
        server = try ControlServer(
            loop, listen: .tcp(endpoint), source: agent, takesOrders: takesOrders)
        client = try HTTPClient(loop)
    }

    deinit {
        server.close()
        loop.close()
    }

    func send(_ method: HTTPMethod, _ path: String, body: String = "") throws -> HTTPResponse {
        var request = HTTPClientRequest(
            method, "http://\(endpoint)\(path)", timeout: .seconds(5))
        request.body = Array(body.utf8)
        var result: Result<HTTPResponse, HTTPClientError>?
        client.send(request) { result = $0 }
        #expect(loop.run(within: .seconds(5)) { result != nil })
        return try #require(result).get()
    }
}

private final class RememberingAgent: ControlSource {
    var state = ReplicatedState()
    var planNotes: [String] = []
    var planExplanation: PlanExplanation?
    var asked: [OperatorRequest] = []
    var answer = PeerAnswer.accepted("done")

    var status: ClusterStatus {
        ClusterStatus(
            node: "node-1", cluster: "c", version: "0", term: 1, leader: nil,
            quorum: .init(have: 1, need: 2, ok: false), ageSeconds: nil, epoch: 0, profile: nil,
            wanted: "running", members: [], groups: [], router: nil, ready: false, reasons: [])
    }

    func operate(
        _ request: OperatorRequest, completion: @escaping (PeerAnswer) -> Void
    ) {
        asked.append(request)
        completion(answer)
    }

    func diagnose(
        onProgress: @escaping (String) -> Void, completion: @escaping (JSONValue) -> Void
    ) {
        onProgress("1 of 2 nodes have answered")
        completion(["worst": "ok"])
    }
}

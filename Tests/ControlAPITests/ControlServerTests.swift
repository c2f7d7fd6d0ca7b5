// The control API as a client meets it: a real listener, and an agent that only remembers what it was
// asked.

import Base
import ClusterState
import Consensus
import ControlAPI
import EventLoop
import HTTP
import Node
import Planning
import Supervision
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
        let answer = try JSONValue(parsing: response.body)
        #expect(answer["accepted"] == true && answer["text"] == "done")
        #expect(answer["order"]?.stringValue == String(path.dropFirst("/v1/".count)))
        #expect(answer["group"] == (try JSONValue(parsing: body)["group"] ?? .null))
        #expect(bench.agent.asked == [.propose(action)])
    }

    @Test(arguments: [
        (
            #"{"order": "add", "node": "node-5", "address": "10.0.0.5", "super_pod": "7"}"#,
            MembersOrder.add(
                ConfiguredNode(node: NodeID("node-5"), address: "10.0.0.5", superPod: "7"))
        ),
        (#"{"order": "remove", "node": "a"}"#, .remove(NodeID("a"), isForced: false)),
        (#"{"order": "remove", "node": "a", "force": true}"#, .remove(NodeID("a"), isForced: true)),
        (#"{"order": "promote", "node": "a"}"#, .promote(NodeID("a"))),
        (#"{"order": "demote", "node": "a"}"#, .demote(NodeID("a"))),
        (#"{"order": "lead", "node": "a"}"#, .lead(NodeID("a"))),
    ])
    func `an order about the nodes reaches the agent as it was given`(
        body: String, order: MembersOrder
    ) throws {
        let bench = try ControlBench()
        #expect(try bench.send(.post, "/v1/members", body: body).status == .ok)
        #expect(bench.agent.asked == [.members(order)])
    }

    @Test func `what is unsafe is a conflict, and an unknown node leads to the list of nodes`()
        throws
    {
        let bench = try ControlBench()
        let body = #"{"order": "remove", "node": "a"}"#
        bench.agent.answer = .refused(.unsafe, "votes are missing")
        #expect(try bench.send(.post, "/v1/members", body: body).status == .conflict)
        bench.agent.answer = .refused(.notFound, "there is no node a", advice: Advice.nodes)
        let answer = try bench.send(.post, "/v1/members", body: body)
        #expect(answer.status == .notFound)
        let json = try JSONValue(parsing: answer.body)
        #expect(json["what_to_do"] == "`glm-agent members` lists the nodes")
        #expect(json["unknown_name"] == true)
    }

    @Test(arguments: [
        (HTTPMethod.get, "/v1/logs?shard=mixd-0", "", true),
        (.get, "/v1/logs?shard=mixed-0.g1.r0", "", false),
        (.get, "/v1/why?group=mixd-0", "", true),
        (.post, "/v1/drill", #"{"what": "kill-shard", "target": "mixd-0/0"}"#, true),
        (.post, "/v1/drill", #"{"what": "kill-shard", "target": "mixed-0/0"}"#, false),
        (.post, "/v1/drill", #"{"what": "kill-agent", "target": "aa"}"#, true),
    ])
    func `an unknown name is told from what has a name and is not there`(
        method: HTTPMethod, path: String, body: String, isUnknown: Bool
    ) throws {
        let bench = try ControlBench()
        bench.agent.launch(generation: 1)
        bench.agent.answer = .refused(.notFound, "not there")
        let answer = try bench.send(method, path, body: body)
        #expect(answer.status == .notFound)
        #expect(try JSONValue(parsing: answer.body)["unknown_name"] == .bool(isUnknown))
    }

    @Test(arguments: ["/v1/status", "/v1/members", "/v1/plan"])
    func `an answer is confirmed first where that is asked, and is none where it cannot be`(
        path: String
    ) throws {
        let bench = try ControlBench()
        bench.agent.answer = .confirmed(LogIndex(7))
        let plain = try bench.send(.get, path)
        #expect(plain.status == .ok && bench.agent.asked.isEmpty)
        let confirmed = try bench.send(.get, path + "?confirmed=true")
        #expect(confirmed.status == .ok && confirmed.body == plain.body)
        #expect(bench.agent.asked == [.confirm])
        bench.agent.answer = .refused(.unavailable, "no leader is known")
        let refused = try bench.send(.get, path + "?confirmed=true")
        #expect(refused.status == .serviceUnavailable)
        let text = try JSONValue(parsing: refused.body)["error"]?.stringValue
        #expect(text == "nothing is confirmed: no leader is known")
    }

    @Test(
        arguments: [
            ([:], "2026-11-24T19:05:28.120Z"),
            ([NodeID("a"): .seconds(30), NodeID("b"): .seconds(-10)], "2026-11-24T19:04:48.120Z"),
        ] as [([NodeID: Duration], String)])
    func `a blow is told by the clock of the leader, who writes the ledger`(
        clocks: [NodeID: Duration], time: String
    ) throws {
        let bench = try ControlBench()
        bench.agent.leader = "b"
        bench.agent.clocks = clocks
        bench.agent.members = [
            .init(
                node: "a", address: "10.0.0.1", state: "alive",
                since: WallTime(millisecondsSinceEpoch: 0))
        ]
        bench.agent.answer = .document(
            #"{"struck_at": "2026-11-24T19:05:28.120Z", "processes": [1]}"#)
        let body = #"{"what": "kill-agent", "target": "a"}"#
        let response = try bench.send(.post, "/v1/drill", body: body)
        #expect(try JSONValue(parsing: response.body)["struck_at"]?.stringValue == time)
    }

    @Test func `the metrics have the mean time to repair of every group, and its last restart`()
        throws
    {
        let bench = try ControlBench()
        bench.agent.plan()
        let group = RememberingAgent.group
        let cause = EndCause(.failure, why: "rank 0 ended", node: NodeID("a"), rank: .master)
        func time(_ seconds: Int64) -> WallTime { WallTime(millisecondsSinceEpoch: seconds * 1000) }
        let history: [(Command.Action, Int64)] = [
            (.launch(group, Generation(1), why: "first"), 1),
            (.serves(group.name, Generation(1)), 5),
            (.end(group.name, Generation(1), cause, isTerminal: false, failedAt: time(10)), 11),
            (.launch(group, Generation(2), why: "again", stoppedAt: time(13)), 20),
            (.serves(group.name, Generation(2)), 40),
        ]
        for (action, seconds) in history {
            #expect(bench.agent.state.apply(Command(action, at: time(seconds))) == nil)
        }
        let response = try bench.send(.get, "/metrics")
        let text = String(decoding: response.body, as: UTF8.self)
        let lines = text.split(separator: "\n").filter { $0.contains("mixed-0") }
        let expected = [
            ("repair_seconds_count", "", "1"), ("repair_seconds_sum", "", "30"),
            ("mttr_seconds", "", "30"), ("last_restart_seconds", "detect", "1"),
            ("last_restart_seconds", "stop", "2"), ("last_restart_seconds", "start", "7"),
            ("last_restart_seconds", "ready", "20"),
        ]
        for (name, part, value) in expected {
            let found = lines.first {
                $0.hasPrefix("glm_agent_group_\(name){")
                    && (part.isEmpty || $0.contains("\"\(part)\""))
            }
            #expect(
                found.flatMap { Double($0.split(separator: " ").last ?? "") } == Double(value),
                "\(name) \(part)")
        }
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
        (.post, "/v1/members", #"{"order": "add", "node": "a", "address": "host"}"#, .badRequest),
        (.post, "/v1/members", #"{"order": "move", "node": "a"}"#, .badRequest),
        (.post, "/v1/members", #"{"order": "lead"}"#, .badRequest),
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
    func `each refusal has its status, and the advice of who refused`(
        refusal: Refusal, status: HTTPStatus
    ) throws {
        let bench = try ControlBench()
        bench.agent.answer = .refused(refusal, "because", advice: "do this")
        for (method, path) in [(HTTPMethod.post, "/v1/stop"), (.get, "/v1/logs?shard=router")] {
            let response = try bench.send(method, path)
            let body = try JSONValue(parsing: response.body)
            #expect(response.status == status)
            #expect(body["error"] == "because")
            // A log that does not come says who could have it, whatever the asked node advises.
            let isLateLog = refusal == .timedOut && method == .get
            let late: JSONValue = "`glm-agent members` shows who is there; then try again"
            #expect(body["what_to_do"] == (isLateLog ? late : "do this"))
        }
        bench.agent.answer = .refused(refusal, "because")
        let bare = try JSONValue(parsing: try bench.send(.post, "/v1/stop").body)["what_to_do"]
        let late = "`glm-agent events` shows whether it was done; then try again"
        #expect(
            bare == (refusal == .timedOut ? .string(late) : .null), "a kind alone advises nothing")
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

    @Test func `a log that is not there yet is waited for, and so is the next generation's`() throws
    {
        let bench = try ControlBench()
        bench.agent.launch(generation: 1)
        var answers = [
            PeerAnswer.refused(.notFound, "no file"), .log(text: "", next: 0),
            .log(text: "one\n", next: 4), .refused(.unavailable, "gone"),
            .log(text: "two\n", next: 8), .log(text: "", next: 8), .log(text: "three\n", next: 6),
            .refused(.notFound, "the end"),
        ]
        bench.agent.reply = { [weak agent = bench.agent] _ in
            let answer = answers.removeFirst()
            if answers.count == 3 { agent?.launch(generation: 2) }
            return answer
        }
        let response = try bench.send(.get, "/v1/logs?shard=mixed-0&follow=1", within: .seconds(20))
        #expect(
            response.bodyText == "one\ntwo\nthree\nglm-agent: the log ends here: the end\n")
        let asked = bench.agent.asked.map { request -> String in
            guard case .log(let shard, _, let from) = request else { return "\(request)" }
            return "\(shard) \(from.map { String($0) } ?? "-")"
        }
        let (one, two) = ("mixed-0.g1.r0", "mixed-0.g2.r0")
        #expect(
            asked == [
                "\(one) -", "\(one) 0", "\(one) 0", "\(one) 4", "\(one) 4", "\(one) 8",
                "\(two) 0", "\(two) 6",
            ])
    }

    @Test func `a diagnosis comes after its progress, a line each`() throws {
        let response = try ControlBench().send(.get, "/v1/doctor")
        let lines = response.bodyText.split(separator: "\n")
        #expect(lines == [#"{"progress":"1 of 2 nodes have answered"}"#, #"{"worst":"ok"}"#])
    }

    @Test func `inventories come after their progress, and are for everybody`() throws {
        let response = try ControlBench(takesOrders: false).send(.get, "/v1/inventory")
        let lines = response.bodyText.split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines.last == #"{"nodes":[{"node":"a","error":"out of reach"}]}"#)
    }

    @Test func `the deployment is told to the operator alone`() throws {
        let bench = try ControlBench()
        #expect(try bench.send(.get, "/v1/deployment").status == .notFound)
        let deployment = Deployment(
            profileName: "ours", profileYAML: "profile: ours", modelPath: "/w",
            engine: .command(["/bin/wrapper", "-v"]))
        bench.agent.state.apply(
            Command(.deploy(deployment), at: WallTime(millisecondsSinceEpoch: 1)))
        let told = try JSONValue(parsing: bench.send(.get, "/v1/deployment").body)
        #expect(told["profile_yaml"] == "profile: ours" && told["model_path"] == "/w")
        #expect(told["engine"].flatMap(EngineKind.init(json:)) == deployment.engine)
        let open = try ControlBench(takesOrders: false)
        #expect(try open.send(.get, "/v1/deployment").status == .forbidden)
    }

    @Test func `the log of a rank that was never launched is told to be missing`() throws {
        let bench = try ControlBench()
        bench.agent.plan()
        let response = try bench.send(.get, "/v1/logs?shard=mixed-0")
        #expect(response.status == .notFound)
        #expect(response.bodyText.contains("never started"), "\(response.bodyText)")
        #expect(bench.agent.asked.isEmpty)
    }

    @Test(arguments: [("dead", "is dead"), ("left", "was stopped")])
    func `the log on a node without an agent is refused at once, with the node`(
        state: String, how: String
    ) throws {
        let bench = try ControlBench()
        bench.agent.launch(generation: 1)
        bench.agent.members = [
            .init(
                node: "a", address: "10.0.0.1", state: state,
                since: WallTime(millisecondsSinceEpoch: 0))
        ]
        let response = try bench.send(.get, "/v1/logs?shard=mixed-0.g1.r0")
        #expect(response.status == .serviceUnavailable)
        #expect(response.bodyText.contains("the agent of a (10.0.0.1) \(how), and"))
        // Where it keeps its files its own configuration says, and not that of the node that is asked.
        let place = "below that node's own state_directory: shards/mixed-0.g1.r0/log/engine.log"
        for name in ["mixed-0.g1.r0", "mixed-0"] {
            let json = try JSONValue(parsing: try bench.send(.get, "/v1/logs?shard=\(name)").body)
            let told = json["what_to_do"]?.stringValue
            #expect(told == "start that agent, or read the file there, \(place)")
        }
        #expect(bench.agent.asked.isEmpty)
    }

    @Test func `an order is answered with the generation that it met`() throws {
        let bench = try ControlBench()
        bench.agent.launch(generation: 7)
        let response = try bench.send(.post, "/v1/restart", body: #"{"group": "mixed-0"}"#)
        #expect(try JSONValue(parsing: response.body)["generation"]?.integerValue == 7)
        let all = try bench.send(.post, "/v1/stop", body: "{}")
        #expect(try JSONValue(parsing: all.body)["generation"] == .null)
    }

    @Test func `why of a misspelt group names the nearest and all there are`() throws {
        let bench = try ControlBench()
        bench.agent.launch(generation: 1)
        let response = try bench.send(.get, "/v1/why?group=mixd-0")
        #expect(response.status == .notFound)
        #expect(
            try JSONValue(parsing: response.body)["error"]
                == "there is no group \"mixd-0\"; did you mean \"mixed-0\"? There are: mixed-0")
    }

    @Test func `why tells what a rank says of itself, though the group is ready`() throws {
        let bench = try ControlBench()
        bench.agent.launch(generation: 1)
        let answer = try JSONValue(parsing: bench.send(.get, "/v1/why?group=mixed-0").body)
        #expect(
            answer["ranks"] == [["rank": 1, "node": "a", "state": "ready", "why": "is stopped"]])
    }

    @Test(arguments: [("failed", "restart"), ("stopped", "start")])
    func `what waits for an operator names the order in full`(state: String, order: String) throws {
        let bench = try ControlBench()
        bench.agent.launch(generation: 1)
        bench.agent.groupState = state
        func waits() throws -> JSONValue? {
            try JSONValue(parsing: bench.send(.get, "/v1/why?group=mixed-0").body)["waits_for"]
        }
        #expect(try waits() == .string("for an operator: glm-agent \(order) mixed-0"))
        bench.agent.wanted = "stopped"
        if state == "stopped" { #expect(try waits() == "for an operator: glm-agent start") }
    }

    @Test func `a log tells how many bytes of it are its last lines`() throws {
        let bench = try ControlBench()
        bench.agent.launch(generation: 1)
        bench.agent.answer = .log(text: "zwölf\n", next: 7)
        let response = try bench.send(.get, "/v1/logs?shard=mixed-0")
        #expect(response.headers["Tail-Bytes"] == "7")
    }

    @Test func `metrics are OpenMetrics of bounded size`() throws {
        let bench = try ControlBench(takesOrders: false)
        bench.agent.launch(generation: 7)
        let response = try bench.send(.get, "/metrics")
        #expect(response.status == .ok)
        #expect(response.headers["Content-Type"]?.hasPrefix("application/openmetrics-text") == true)
        let lines = response.bodyText.split(separator: "\n").map(String.init)
        #expect(lines.last == "# EOF")
        for line in [
            "glm_agent_build_info{cluster=\"c\",node=\"node-1\",version=\"0\"} 1",
            "glm_agent_ready 0", "glm_agent_term 1", "glm_agent_quorum 0",
            "glm_agent_quorum_voters 1", "glm_agent_members{state=\"dead\"} 0",
            "glm_agent_group_state{group=\"mixed-0\",role=\"mixed\","
                + "glm_agent_group_state=\"ready\"} 1",
            "glm_agent_group_generation{group=\"mixed-0\",role=\"mixed\"} 7",
            "glm_agent_group_restarts_total{group=\"mixed-0\",role=\"mixed\"} 6",
            "glm_agent_group_last_failure_timestamp_seconds{group=\"mixed-0\",role=\"mixed\"} 1.5",
        ] {
            #expect(lines.contains(line), "\(line) is not in\n\(response.bodyText)")
        }
        // Every sample belongs to the family that stands above it, and no family comes twice.
        var family = ""
        var families: [String] = []
        for line in lines where line != "# EOF" {
            if line.hasPrefix("# TYPE ") {
                family = String(line.split(separator: " ")[2])
                families.append(family)
            }
            let isOwn = line.hasPrefix(family) || line.hasPrefix("# HELP \(family) ")
            #expect(isOwn || line.hasPrefix("# TYPE \(family) "), "\(line)")
        }
        #expect(Set(families).count == families.count)
        #expect(try bench.send(.post, "/metrics").status == .methodNotAllowed)
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

    func send(
        _ method: HTTPMethod, _ path: String, body: String = "",
        within limit: Duration = .seconds(5)
    ) throws -> HTTPResponse {
        var request = HTTPClientRequest(
            method, "http://\(endpoint)\(path)", timeout: limit)
        request.body = Array(body.utf8)
        var result: Result<HTTPResponse, HTTPClientError>?
        client.send(request) { result = $0 }
        #expect(loop.run(within: limit) { result != nil })
        return try #require(result).get()
    }
}

private final class RememberingAgent: ControlSource {
    var state = ReplicatedState()
    var planNotes: [String] = []
    var planExplanation: PlanExplanation?
    var asked: [OperatorRequest] = []
    var answer = PeerAnswer.accepted("done")
    /// Answers instead of `answer`.
    var reply: ((OperatorRequest) -> PeerAnswer)?
    var members: [ClusterStatus.Member] = []
    var clocks: [NodeID: Duration] = [:]
    var leader: String?
    var groupState = "ready"
    var wanted = "running"

    static let group = PlannedGroup(
        name: GroupName("mixed-0"), role: .mixed, index: 0,
        ranks: [PlannedRank(node: NodeID("a"), address: "10.0.0.1")], distInit: nil,
        http: Endpoint(host: "10.0.0.1", port: 1), bootstrap: nil, store: nil)

    func clockAhead(of node: NodeID) -> Duration? { clocks[node] }

    /// One group on node a is agreed on.
    func plan() {
        let plan = Plan(epoch: Epoch(1), groups: [Self.group], spares: [])
        state.apply(Command(.plan(plan), at: WallTime(millisecondsSinceEpoch: 1)))
    }

    /// It is launched for the so manieth time.
    func launch(generation: UInt64) {
        var record = GroupRecord(name: Self.group.name)
        record.generation = Generation(generation)
        record.phase = .running
        record.launched = Self.group
        state = ReplicatedState(
            deployment: nil, deploymentSerial: 1, isWanted: true,
            plan: Plan(epoch: Epoch(1), groups: [Self.group], spares: []), epoch: Epoch(1),
            groups: [record], ledger: [], nextSequence: 1)
    }

    private var groups: [ClusterStatus.Group] {
        state.groups.map { record in
            let failure = ClusterStatus.Failure(
                generation: 1, time: WallTime(millisecondsSinceEpoch: 1500), kind: "failure",
                why: "why", node: nil, rank: nil, logTail: [])
            return ClusterStatus.Group(
                name: record.name.name, role: "mixed", generation: record.generation.value,
                state: groupState, why: "", master: nil, url: "", bootstrapPort: nil,
                restarts: Int(record.generation.value) - 1, lastFailure: failure,
                ranks: ["", "is stopped"].enumerated().map { index, why in
                    ClusterStatus.Rank(
                        rank: index, node: "a", state: "ready", pid: nil, restarts: 0, since: nil,
                        why: why)
                })
        }
    }

    var status: ClusterStatus {
        ClusterStatus(
            node: "node-1", cluster: "c", version: "0", term: 1, leader: leader,
            quorum: .init(have: 1, need: 2, voters: 3, ok: false), ageSeconds: nil, epoch: 0,
            profile: nil,
            wanted: wanted, members: members, groups: groups, router: nil, ready: false,
            reasons: [])
    }

    func operate(
        _ request: OperatorRequest, completion: @escaping (PeerAnswer) -> Void
    ) {
        asked.append(request)
        completion(reply?(request) ?? answer)
    }

    func diagnose(
        _ visit: DoctorVisit, onProgress: @escaping (String) -> Void,
        completion: @escaping (JSONValue) -> Void
    ) {
        onProgress("1 of 2 nodes have answered")
        completion(["worst": "ok"])
    }

    func takeInventories(
        onProgress: @escaping (String) -> Void, completion: @escaping (JSONValue) -> Void
    ) {
        onProgress("1 of 2 nodes have answered")
        completion(["nodes": [["node": "a", "error": "out of reach"]]])
    }
}

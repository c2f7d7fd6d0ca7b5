// The control API over HTTP: on the agent's Unix socket with everything, and on the HTTP listener with
// the questions only. Protocols/control.md is its specification.

import Base
import ClusterState
public import EventLoop
public import HTTP
import Node
import Planning
import WireProtocol
import YAML

/// Answers operators for one agent, on one listener.
public final class ControlServer {
    private let loop: Loop
    unowned let source: any ControlSource
    let takesOrders: Bool
    private var server: HTTPServer?
    private var followers: [EventFollower] = []

    /// Starts to listen.
    ///
    /// `takesOrders` is false on listeners that others than the operator can reach.
    /// - Throws: why the address cannot be used, naming it.
    public init(
        _ loop: Loop, listen address: HTTPListenAddress, source: any ControlSource,
        takesOrders: Bool
    ) throws(UVError) {
        self.loop = loop
        self.source = source
        self.takesOrders = takesOrders
        server = try HTTPServer(loop, listen: address) { [weak self] request, responder in
            self?.handle(request, responder)
        }
    }

    /// Stops listening and removes the socket file.
    public func close() {
        for follower in followers { follower.stream.finish() }
        followers = []
        server?.close()
        server = nil
    }

    /// New events were agreed on: whoever follows is told.
    public func ledgerGrew() {
        followers.removeAll { $0.stream.isClosed }
        for follower in followers { follower.send(source.state) }
    }

    // MARK: - Routes

    private func handle(_ request: HTTPRequest, _ responder: HTTPResponder) {
        guard request.method == .get, request.parameter("confirmed") == "true" else {
            return answer(request, responder)
        }
        source.operate(.confirm) { [weak self] confirmation in
            switch confirmation {
            case .confirmed: self?.answer(request, responder)
            case .refused(_, let text, _):
                responder.fail(
                    .serviceUnavailable, "nothing is confirmed: \(text)",
                    whatToDo: "as this node knows it: the same without --confirmed")
            case .accepted, .log, .document:
                responder.fail(.internalServerError, "the leader answered something else")
            }
        }
    }

    private func answer(_ request: HTTPRequest, _ responder: HTTPResponder) {
        switch (request.method, request.path) {
        case (.get, "/v1/status"): responder.respond(.json(source.status.json))
        case (.get, "/v1/members"):
            let status = source.status.json
            responder.respond(
                .json([
                    "members": status["members"] ?? .array([]), "leader": status["leader"] ?? .null,
                ]))
        case (.post, "/v1/members"): orderMembers(request, responder)
        case (.get, "/v1/plan"):
            let plan = source.state.planJSON(
                notes: source.planNotes, explanation: source.planExplanation,
                members: source.status.members)
            responder.respond(.json(plan))
        case (.get, "/v1/deployment"): deployment(responder)
        case (.get, "/v1/events"): events(request, responder)
        case (.get, "/v1/restarts"): responder.respond(.json(source.state.restartsJSON))
        case (.get, "/v1/logs"): logs(request, responder)
        case (.get, "/v1/why"): why(request, responder)
        case (.get, "/v1/doctor"): doctor(request, responder)
        case (.get, "/v1/inventory"): inventory(request, responder)
        case (.get, "/metrics"):
            let text = Metrics(source.status, source.state).text
            responder.respond(
                HTTPResponse(
                    .ok, headers: ["Content-Type": Metrics.contentType], body: Array(text.utf8)))
        case (.post, "/v1/restart"), (.post, "/v1/stop"), (.post, "/v1/start"),
            (.post, "/v1/apply"), (.post, "/v1/cordon"), (.post, "/v1/uncordon"),
            (.post, "/v1/drain"):
            order(request, responder)
        case (.post, "/v1/drill"): drill(request, responder)
        case (.post, "/v1/diff"): difference(request, responder)
        case (_, "/metrics"), (_, "/v1/status"), (_, "/v1/members"), (_, "/v1/plan"),
            (_, "/v1/deployment"), (_, "/v1/events"), (_, "/v1/why"), (_, "/v1/logs"),
            (_, "/v1/restarts"),
            (_, "/v1/doctor"), (_, "/v1/inventory"), (_, "/v1/restart"), (_, "/v1/stop"),
            (_, "/v1/start"),
            (_, "/v1/drill"), (_, "/v1/diff"), (_, "/v1/apply"), (_, "/v1/cordon"),
            (_, "/v1/uncordon"),
            (_, "/v1/drain"):
            responder.fail(.methodNotAllowed, "\(request.path) has no \(request.method.rawValue)")
        default:
            responder.fail(
                .notFound, "no \(request.path) here", whatToDo: "Protocols/control.md has the list")
        }
    }

    /// Of one node as the leader knows it, at once; without a name, every node is asked.
    private func inventory(_ request: HTTPRequest, _ responder: HTTPResponder) {
        guard let node = request.parameter("node") else {
            return tellProgress(of: source.takeInventories, responder)
        }
        source.operate(.inventory(NodeID(node))) { answer in
            switch answer {
            case .document(let text):
                do {
                    responder.respond(.json(try JSONValue(parsing: Array(text.utf8))))
                } catch {
                    responder.fail(.internalServerError, "the leader's answer is \(error)")
                }
            case .refused(let refusal, let text, let advice):
                responder.fail(refusal, text, advice, isUnknownName: refusal == .notFound)
            case .accepted, .log, .confirmed:
                responder.fail(.internalServerError, "the leader answered something else")
            }
        }
    }

    private func why(_ request: HTTPRequest, _ responder: HTTPResponder) {
        guard let group = request.parameter("group") else {
            return responder.fail(
                .badRequest, "group=NAME is missing", whatToDo: Advice.groups)
        }
        guard let answer = source.status.whyAnswer(of: group) else {
            let known = (source.state.plan?.groups ?? []).map(\.name.name)
            return responder.fail(
                Refusal.notFound, unknown("group", group, known: known), Advice.groups,
                isUnknownName: true)
        }
        responder.respond(.json(answer))
    }

    /// A profile's environment may hold secrets, so only the operator is told.
    private func deployment(_ responder: HTTPResponder) {
        guard takesOrders else {
            return responder.fail(
                .forbidden, "the deployment is told over the control socket alone",
                whatToDo: "ask on the node, as who may open it")
        }
        guard let deployment = source.state.deployment else {
            return responder.fail(
                .notFound, "no deployment is agreed on yet",
                whatToDo: "`glm-agent status` tells what it waits for")
        }
        responder.respond(.json(deployment.json))
    }

    private func events(_ request: HTTPRequest, _ responder: HTTPResponder) {
        let text = request.parameter("after") ?? "0"
        guard let after = UInt64(text) else {
            responder.fail(.badRequest, "after=\(text) is no sequence number")
            return
        }
        let stream = responder.stream(headers: ["Content-Type": "application/x-ndjson"])
        let follower = EventFollower(stream: stream, after: after)
        follower.send(source.state)
        if request.parameter("follow") == "1" {
            followers.append(follower)
        } else {
            stream.finish()
        }
    }

    private func doctor(_ request: HTTPRequest, _ responder: HTTPResponder) {
        let visit = DoctorVisit(
            isStressing: request.parameter("stress") == "1",
            hasPreflight: request.parameter("preflight") == "1")
        guard takesOrders || visit == DoctorVisit() else {
            return responder.fail(
                .forbidden, "this listener is read-only, and that costs the engines",
                whatToDo: "ask on the node, over the control socket")
        }
        tellProgress(
            of: { source.diagnose(visit, onProgress: $0, completion: $1) }, responder)
    }

    /// Progress line by line, and the answer as the last.
    private func tellProgress(
        of question: (
            _ onProgress: @escaping (String) -> Void, _ completion: @escaping (JSONValue) -> Void
        ) -> Void,
        _ responder: HTTPResponder
    ) {
        let stream = responder.stream(headers: ["Content-Type": "application/x-ndjson"])
        question(
            { text in
                guard !stream.isClosed else { return }
                stream.write(JSONValue.object([.init("progress", .string(text))]).compact + "\n")
            },
            { answer in
                guard !stream.isClosed else { return }
                stream.write(answer.compact + "\n")
                stream.finish()
            })
    }

    // MARK: - Orders

    private func order(_ request: HTTPRequest, _ responder: HTTPResponder) {
        guard mayOrder(responder) else { return }
        let body: JSONValue
        do {
            body = request.body.isEmpty ? [] : try JSONValue(parsing: request.body)
        } catch {
            responder.fail(.badRequest, "the body is \(error)")
            return
        }
        guard let order = OperatorRequest(path: request.path, body: body) else {
            let isOfNode = !["/v1/restart", "/v1/apply"].contains(request.path)
            responder.fail(
                .badRequest,
                isOfNode
                    ? "the order names a node"
                    : request.path == "/v1/apply"
                        ? "the deployment is not one" : "a restart names a group",
                whatToDo: isOfNode ? Advice.nodes : Advice.groups)
            return
        }
        give(order, of: request, body, responder)
    }

    func mayOrder(_ responder: HTTPResponder) -> Bool {
        if takesOrders { return true }
        responder.fail(
            .forbidden, "this listener is read-only",
            whatToDo: "give the order on the node, over the control socket")
        return false
    }

    func give(
        _ order: OperatorRequest, of request: HTTPRequest, _ body: JSONValue,
        _ responder: HTTPResponder
    ) {
        let group = body["group"]?.stringValue
        let generation = group.map { source.state.record(of: GroupName($0)).generation.value }
        source.operate(order) { answer in
            switch answer {
            case .accepted(let text):
                responder.respond(
                    .json([
                        "accepted": true, "order": .string(String(request.path.dropFirst(4))),
                        "group": JSONValue(group), "node": JSONValue(body["node"]?.stringValue),
                        "generation": generation.map { .integer(Int64($0)) } ?? .null,
                        "text": .string(text),
                    ]))
            case .refused(let refusal, let text, let advice):
                // Of an order nothing is missing but what it names.
                responder.fail(refusal, text, advice, isUnknownName: refusal == .notFound)
            case .log, .document, .confirmed:
                responder.fail(.internalServerError, "an order was answered with something else")
            }
        }
    }

    // MARK: - Logs

    private func logs(_ request: HTTPRequest, _ responder: HTTPResponder) {
        guard let shard = request.parameter("shard") else {
            responder.fail(
                .badRequest, "shard=NAME is missing", whatToDo: Advice.groups)
            return
        }
        let text = request.parameter("lines") ?? "50"
        guard let lines = Int(text), (0...100_000).contains(lines) else {
            responder.fail(.badRequest, "lines=\(text) is no number of lines")
            return
        }
        let follows = request.parameter("follow") == "1"
        let newest = source.state.newestShard(shard)
        if !follows, let rank = source.state.nodeOfShard(shard), let how = absence(of: rank.node) {
            responder.fail(
                .serviceUnavailable,
                "the agent of \(rank.node) (\(rank.address)) \(how), and \(shard) is there",
                whatToDo:
                    "start that agent, or read the file there, below that node's own state_directory: "
                    + "shards/\(newest ?? shard)/log/engine.log")
            return
        }
        guard newest != nil || !source.state.plansShard(shard) else {
            return neverStarted(shard, follows: follows, responder)
        }
        source.operate(.log(shard: newest ?? shard, lastLines: lines, from: nil)) {
            [weak self] answer in
            switch answer {
            case .log(let text, let next):
                let stream = responder.stream(headers: [
                    "Content-Type": "text/plain", "Tail-Bytes": "\(text.utf8.count)",
                ])
                stream.write(text)
                guard follows, let self else { return stream.finish() }
                LogStream(
                    self.loop, self.source, stream, name: shard, shard: newest ?? shard, next: next
                ).wait()
            case .refused(.notFound, _, _) where follows && newest != nil:
                self?.neverStarted(shard, follows: true, responder)
            case .refused(.timedOut, let text, _):
                responder.fail(
                    .gatewayTimeout, text,
                    whatToDo: "`glm-agent members` shows who is there; then try again")
            case .refused(let refusal, let text, let advice):
                let isKnown = self?.source.state.nodeOfShard(shard) != nil
                responder.fail(
                    refusal, text, advice, isUnknownName: refusal == .notFound && !isKnown)
            case .accepted(let text), .document(let text): responder.respond(.text(text))
            case .confirmed:
                responder.fail(.internalServerError, "a log was answered with something else")
            }
        }
    }

    /// The rank is planned and has no log yet: who follows waits for it, others are told.
    private func neverStarted(_ shard: String, follows: Bool, _ responder: HTTPResponder) {
        guard follows else {
            responder.fail(
                .notFound, "\(shard) has no log: it was never started",
                whatToDo: "`glm-agent status` tells what it waits for")
            return
        }
        let stream = responder.stream(headers: ["Content-Type": "text/plain"])
        LogStream(loop, source, stream, name: shard, shard: nil, next: 0).wait()
    }

    /// How a node's agent is not there; nil where it may answer.
    private func absence(of node: NodeID) -> String? {
        switch source.status.members.first(where: { $0.node == node.name })?.state {
        case "dead": "is dead"
        case "left": "was stopped"
        default: nil
        }
    }
}

@available(*, unavailable) extension ControlServer: Sendable {}

extension OperatorRequest {
    /// What is asked by a `POST`; nil where it does not say of whom.
    fileprivate init?(path: String, body: JSONValue) {
        let group = body["group"]?.stringValue.map { GroupName($0) }
        let node = body["node"]?.stringValue.map { NodeID($0) }
        let isForced = body["force"]?.boolValue ?? false
        switch (path, group, node) {
        case ("/v1/apply", _, _):
            guard let document = body["deployment"] else {
                self = .apply
                return
            }
            guard let deployment = Deployment(json: document) else { return nil }
            self = .propose(.apply(deployment, atOnce: body["at_once"]?.boolValue ?? false))
        case ("/v1/stop", _, _): self = .propose(.stop(group))
        case ("/v1/start", _, _): self = .propose(.start(group))
        case ("/v1/restart", let group?, _): self = .propose(.restart(group))
        case ("/v1/cordon", _, let node?): self = .propose(.cordon(node, .cordon))
        case ("/v1/uncordon", _, let node?): self = .propose(.uncordon(node))
        case ("/v1/drain", _, let node?):
            self = .propose(.cordon(node, isForced ? .force : .drain))
        default: return nil
        }
    }
}

/// Somebody who wants to hear of every event.
private final class EventFollower {
    let stream: HTTPStream
    private var after: UInt64

    init(stream: HTTPStream, after: UInt64) {
        self.stream = stream
        self.after = after
    }

    func send(_ state: ReplicatedState) {
        for event in state.ledger where event.sequence > after {
            after = event.sequence
            stream.write(event.json(in: state).compact + "\n")
        }
    }
}

extension HTTPResponder {
    func fail(_ status: HTTPStatus, _ error: String, whatToDo: String? = nil) {
        fail(status, error, whatToDo: whatToDo, isUnknownName: false)
    }

    /// A refusal with the advice of who refused. `isUnknownName` is true where the cluster has nothing of the name
    /// that was asked for: a mistake of who typed it, and not of the cluster.
    func fail(_ refusal: Refusal, _ error: String, _ advice: String?, isUnknownName: Bool = false) {
        let status: HTTPStatus =
            switch refusal {
            case .notFound: .notFound
            case .unavailable: .serviceUnavailable
            case .unsafe: .conflict
            case .timedOut: .gatewayTimeout
            }
        let late = "`glm-agent events` shows whether it was done; then try again"
        fail(
            status, error, whatToDo: advice ?? (refusal == .timedOut ? late : nil),
            isUnknownName: isUnknownName)
    }

    private func fail(
        _ status: HTTPStatus, _ error: String, whatToDo: String?, isUnknownName: Bool
    ) {
        respond(
            .json(
                [
                    "error": .string(error), "what_to_do": JSONValue(whatToDo),
                    "unknown_name": .bool(isUnknownName),
                ], status: status))
    }
}

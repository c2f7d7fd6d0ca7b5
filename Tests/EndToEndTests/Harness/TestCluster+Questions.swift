// What a test asks its cluster: status, events, completions; and what it waits for.

import Base
import EventLoop
import HTTP
import Host
import Testing

/// For everything that takes seconds when all is well.
let patience = Duration.seconds(25)

extension TestCluster {
    // MARK: - Status

    /// What a node's agent says; nil where none answers.
    func statusIfAny(_ node: TestNode) throws -> Status? {
        let command = try begin(["status", "--json", "--socket", node.socket])
        let code = try command.exitCode()
        guard code != 4 else { return nil }
        let status = Status(json: try JSONValue(parsing: command.output), exitCode: code)
        let violations = schema.violations(of: status.json)
        guard violations.isEmpty else {
            throw TestFailure("the status breaks its schema: \(violations)")
        }
        guard code == (status.isReady ? 0 : 3) else {
            throw TestFailure("status gave \(code), ready: \(status.isReady)")
        }
        return status
    }

    func status(_ node: TestNode) throws -> Status {
        guard let status = try statusIfAny(node) else {
            throw TestFailure("no agent answers on \(node.name)")
        }
        return status
    }

    /// Waits until the status of a node (of the first that has an agent, if none is named) is as
    /// wanted, and returns it.
    @discardableResult
    func wait(
        for what: String, on node: TestNode? = nil, within limit: Duration = patience,
        until condition: (Status) throws -> Bool
    ) throws -> Status {
        let deadline = loop.now + limit
        guard let asked = node ?? nodes.first(where: { agents[$0] != nil }) else {
            throw TestFailure("no agent runs")
        }
        while true {
            if let status = try statusIfAny(asked), try condition(status) { return status }
            guard loop.now < deadline else {
                throw TestFailure("not within \(limit), seen from \(asked.name): \(what)")
            }
            pause(.milliseconds(50))
        }
    }

    /// Waits until everything wanted serves.
    @discardableResult
    func waitUntilReady(on node: TestNode? = nil) throws -> Status {
        try wait(for: "ready", on: node) { $0.isReady }
    }

    /// Waits for anything else.
    func wait(
        for what: String, within limit: Duration = patience, until condition: () throws -> Bool
    ) throws {
        let deadline = loop.now + limit
        while try !condition() {
            guard loop.now < deadline else { throw TestFailure("not within \(limit): \(what)") }
            pause(.milliseconds(50))
        }
    }

    func pause(_ duration: Duration) {
        _ = loop.run(within: duration) { false }
    }

    /// Fails the test where it does not hold.
    func check(_ condition: Bool, _ what: @autoclosure () -> String) throws {
        if !condition { throw TestFailure(what()) }
    }

    /// Tells the engine that runs on a node to misbehave.
    func injectFault(_ fault: String, into node: TestNode) throws {
        let port = try status(node).groups.first?.url.split(separator: ":").last ?? "0"
        let url = "http://\(node.address):\(port)/rehearsal/fault"
        let answer = try HTTPClient.sendAndWait(
            .json(.post, url, ["fault": .string(fault)], timeout: .seconds(5)))
        try check(answer.status == .ok, "\(fault): HTTP \(answer.status)")
    }

    // MARK: - Events

    /// Every event of the ledger.
    func events(_ node: TestNode) throws -> [JSONValue] {
        let (code, output) = try ask(node, ["events", "--json"])
        try check(code == 0, "events gave \(code): \(output)")
        return try output.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
    }

    // MARK: - Completions

    /// One completion through whatever serves.
    /// - Returns: the text, or why none came.
    func complete(_ status: Status) -> String {
        let url = (status.router ?? status.groups.first)?.url ?? ""
        let request = HTTPClientRequest.json(
            .post, "\(url)/v1/completions",
            [
                "model": "glm-5", "prompt": .string(knownPrompt),
                "max_tokens": .integer(Int64(knownLength)), "temperature": 0,
            ], timeout: .seconds(5))
        do {
            let response = try HTTPClient.sendAndWait(request)
            let document = try JSONValue(parsing: response.body)
            return document["choices"]?[0]?["text"]?.stringValue
                ?? "HTTP \(response.status): \(response.bodyText.prefix(200))"
        } catch {
            return "\(error)"
        }
    }

    /// Asks as often as there are prefill groups, and every answer must be a known one.
    func checkAnswers(_ status: Status, _ known: KnownAnswers, times: Int = 2) throws {
        for _ in 0..<times {
            let answer = complete(status)
            try check(
                known.all.contains(answer), "the answer is \"\(answer)\", not of \(known.all)")
        }
    }

    /// Asks again and again, and every answer must be a known one.
    func checkAnswers(_ status: Status, _ known: KnownAnswers, for time: Duration) throws {
        let end = loop.now + time
        while loop.now < end {
            try checkAnswers(status, known, times: 1)
            pause(.milliseconds(200))
        }
    }

    // MARK: - After a failure

    /// What an operator would look at.
    var story: String {
        var parts: [String] = []
        for node in nodes {
            if let asked = try? ask(node, ["status"]) {
                parts.append("== status of \(node.name), exit code \(asked.code)\n\(asked.output)")
            }
            parts.append("== agent of \(node.name)\n\(tail(node.log, 30))")
            let shards = (try? Files.list("\(node.directory)/shards")) ?? []
            for shard in shards {
                let log = "\(node.directory)/shards/\(shard.name)/log/engine.log"
                parts.append("== \(shard.name) on \(node.name)\n\(tail(log, 8))")
            }
        }
        if let first = nodes.first(where: { agents[$0] != nil }),
            let asked = try? ask(first, ["events"])
        {
            parts.append("== events\n\(asked.output)")
        }
        return parts.joined(separator: "\n")
    }

    private func tail(_ path: String, _ count: Int) -> String {
        String(decoding: (try? Files.read(path)) ?? [], as: UTF8.self).split(separator: "\n")
            .suffix(count).joined(separator: "\n")
    }

    /// The whole log of a node's agent.
    func agentLog(_ node: TestNode) -> String {
        String(decoding: (try? Files.read(node.log)) ?? [], as: UTF8.self)
    }
}

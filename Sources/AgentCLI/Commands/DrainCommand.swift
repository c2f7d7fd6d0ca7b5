// `glm-agent cordon`, `uncordon` and `drain`: the order, and for a drain what becomes of it, shown until the
// node is empty and the groups that have moved serve again.

import Base
import Glibc

func cordonNode(_ invocation: Invocation) -> ExitCode { orderNode("/v1/cordon", invocation) }
func uncordonNode(_ invocation: Invocation) -> ExitCode { orderNode("/v1/uncordon", invocation) }

private func orderNode(_ path: String, _ invocation: Invocation) -> ExitCode {
    invocation.asking { () throws(ControlError) in
        let answer = try invocation.control.post(
            ControlPath(path), ["node": JSONValue(invocation.arguments.positional(0))])
        invocation.show(answer) { answer.text("text") + "\n" }
        return answer["accepted"]?.boolValue ?? false ? .success : .failure
    }
}

func drainNode(_ invocation: Invocation) -> ExitCode {
    let node = invocation.arguments.positional(0) ?? ""
    let isForced = invocation.arguments.has(.force)
    let isJSON = invocation.arguments.has(.json)
    let console = invocation.console
    return invocation.asking { () throws(ControlError) in
        let before = try invocation.control.get(ControlPath("/v1/status"))
        let answer = try invocation.control.post(
            ControlPath("/v1/drain"), ["node": .string(node), "force": .bool(isForced)])
        guard answer["accepted"]?.boolValue == true else {
            invocation.show(answer) { answer.text("text") + "\n" }
            return .failure
        }
        if !isJSON { console.out(answer.text("text")) }
        guard !invocation.arguments.has(.noWait) else {
            if isJSON { console.outRaw(answer.pretty) }
            return .success
        }
        let watch = DrainWatch(node: node, isForced: isForced, before: before)
        let last = try watch.follow(invocation)
        if isJSON { console.outRaw(watch.report(last, text: answer.text("text")).pretty) }
        return last.outcome == .done ? .success : .failure
    }
}

/// Follows the groups that have a rank on a node, until it is empty.
struct DrainWatch {
    enum Outcome {
        case underway, done, failed
        /// It holds no rank, and its agent does not tell what runs there.
        case unknown
    }

    /// One look at the cluster.
    struct Look {
        let outcome: Outcome
        let lines: [String]
        let groups: [JSONValue]
    }

    let node: String
    let isForced: Bool
    /// The groups that held a rank there.
    private let affected: [String]
    private let wasServing: Bool

    init(node: String, isForced: Bool, before: JSONValue) {
        self.node = node
        self.isForced = isForced
        wasServing = before["serving"]?.boolValue ?? false
        affected = Self.groups(of: before).filter { Self.holds($0, node) }.map { $0.text("name") }
    }

    /// Draws what there is to see once a second.
    func follow(_ invocation: Invocation) throws(ControlError) -> Look {
        let view = LiveView(invocation.console)
        var shown: [String] = []
        while true {
            let look = look(at: try invocation.control.get(ControlPath("/v1/status")))
            if !invocation.arguments.has(.json), look.lines != shown {
                view.draw(look.lines.map { $0 + "\n" }.joined())
                shown = look.lines
            }
            if look.outcome != .underway { return look }
            usleep(300_000)
        }
    }

    func look(at status: JSONValue) -> Look {
        let member = status["members"]?.arrayValue?.first { $0.text("node") == node }
        let word = member?.text("cordon") ?? ""
        let groups = Self.groups(of: status).filter { affected.contains($0.text("name")) }
        let lines = ["\(node) is \(word.isEmpty ? "open" : word)"] + groups.map(line)
        let outcome: Outcome
        let isSettled = groups.allSatisfy(isSettled)
        let serves = isForced || !wasServing || status["serving"]?.boolValue == true
        let holdsRank = Self.groups(of: status).contains { Self.holds($0, node) }
        let hasFailed = groups.contains { $0.text("state") == "failed" }
        if word.isEmpty || word == "cordoned" || hasFailed {
            outcome = .failed
        } else if word == "drained", isSettled, serves {
            outcome = .done
        } else if member?.text("state") != "alive", !holdsRank, isSettled, serves {
            outcome = .unknown
        } else {
            outcome = .underway
        }
        return Look(outcome: outcome, lines: lines + told(outcome), groups: groups)
    }

    private func told(_ outcome: Outcome) -> [String] {
        switch outcome {
        case .underway: []
        case .done:
            [
                "done: nothing of the deployment is on \(node); it comes back with: "
                    + "glm-agent uncordon \(node)"
            ]
        case .failed: ["not done: `glm-agent status` and `glm-agent events` tell why"]
        case .unknown:
            [
                "\(node) holds no rank any more, but its agent does not answer: whether an engine still "
                    + "runs there is not known. Start its agent, which ends what is over, or look there "
                    + "yourself: ps -ef | grep 'glm-agent shim'"
            ]
        }
    }

    private func line(_ group: JSONValue) -> String {
        let places = (group["ranks"]?.arrayValue ?? []).map { $0.text("node") }
        let why = group.text("why")
        return "  \(group.text("name")) generation \(group.number("generation")) on "
            + "\(places.joined(separator: ", ")): \(group.text("state"))"
            + (why.isEmpty ? "" : ": \(why)")
    }

    /// It serves again, or nobody wants it to, or it has no place to be.
    private func isSettled(_ group: JSONValue) -> Bool {
        let state = group.text("state")
        return state == "ready" || state == "degraded" || state == "stopped"
            || (isForced && state == "waiting" && Self.holds(group, node))
    }

    func report(_ look: Look, text: String) -> JSONValue {
        [
            "accepted": true, "text": .string(text), "node": .string(node),
            "drained": .bool(look.outcome == .done),
            "groups": .array(
                look.groups.map { group in
                    [
                        "group": .string(group.text("name")), "state": .string(group.text("state")),
                        "generation": group["generation"] ?? .null,
                        "restart": group["last_restart"] ?? .null,
                    ]
                }),
        ]
    }

    // MARK: - Reading

    /// Engine groups and the router, in one form.
    private static func groups(of status: JSONValue) -> [JSONValue] {
        let engines = status["groups"]?.arrayValue ?? []
        guard let router = status["router"], router != .null else { return engines }
        let asGroup: JSONValue = [
            "name": "router", "state": .string(router.text("state")),
            "generation": router["generation"] ?? .null, "why": .string(router.text("why")),
            "last_restart": router["last_restart"] ?? .null,
            "ranks": .array([["node": .string(router.text("node"))]]),
        ]
        return engines + [asGroup]
    }

    private static func holds(_ group: JSONValue, _ node: String) -> Bool {
        (group["ranks"]?.arrayValue ?? []).contains { $0.text("node") == node }
    }
}

extension PositionalSpec {
    fileprivate static let node = PositionalSpec("NODE", "the node, as status names it")
}

extension CommandSpec {
    static let drain = CommandSpec(
        name: "drain", summary: "move what a node holds to spares, and keep the node out",
        discussion: """
            Each rank of the node goes to a spare of its super pod: that group restarts there, and no
            other, but for what follows from the place of the transfer store, and for a router that was
            on the node or names a rank 0 that moves. Progress is shown until the node is empty and its groups serve again; Ctrl-C
            ends the looking, not the drain. The node is then a cordoned spare: it gets nothing until
            `glm-agent uncordon`. Without a spare nothing is changed, and the answer says why; with
            --force the groups that have no other place stop instead, and start again when a spare
            comes or the node is uncordoned.
            """,
        options: [.socket, .json, .force, .noWait],
        positionals: [.node],
        exitCodes: [.success, .failure, .usage, .noAgent],
        examples: [
            Example("glm-agent drain node-2", "before work on the node"),
            Example("glm-agent drain node-2 --force", "also where its groups then stop"),
        ])

    static let cordon = CommandSpec(
        name: "cordon", summary: "keep a node out of plans to come; what it holds it keeps",
        options: [.socket, .json], positionals: [.node],
        exitCodes: [.success, .failure, .usage, .noAgent],
        examples: [Example("glm-agent cordon node-5", "no spare while it is looked at")])

    static let uncordon = CommandSpec(
        name: "uncordon", summary: "take back a cordon or a drain: the node may get ranks again",
        options: [.socket, .json], positionals: [.node],
        exitCodes: [.success, .failure, .usage, .noAgent],
        examples: [Example("glm-agent uncordon node-2", "it is a spare from now on")])
}

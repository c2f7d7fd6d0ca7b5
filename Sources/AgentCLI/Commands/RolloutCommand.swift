// `glm-agent apply FILE` and `glm-agent plan --diff FILE`: a changed deployment, first looked at byte by byte,
// then rolled out and followed until every group has it.

import AgentRuntime
import Base
import Glibc
import Planning
import YAML

extension Invocation {
    /// The deployment that a configuration file describes, as the control API takes it.
    fileprivate func deployment(in path: String) -> Result<JSONValue, Misuse> {
        do throws(ConfigurationError) {
            let deployment = try AgentConfiguration.load(path).deployment
            return .success([
                "profile": .string(deployment.profileName),
                "profile_yaml": .string(deployment.profileYAML),
                "model_path": .string(deployment.modelPath), "engine": deployment.engine.json,
            ])
        } catch {
            console.complain(error.diagnostics.map(\.description).joined(separator: "\n"))
            return .failure(Misuse(exitCode: .usage))
        }
    }
}

func showDifference(_ path: String, _ invocation: Invocation) -> ExitCode {
    let deployment: JSONValue
    switch invocation.deployment(in: path) {
    case .success(let read): deployment = read
    case .failure(let misuse): return misuse.exitCode
    }
    return invocation.asking { () throws(ControlError) in
        let answer = try invocation.control.post(
            ControlPath("/v1/diff"), ["deployment": deployment])
        invocation.show(answer) {
            DifferenceView(answer: answer, colour: invocation.console.hasColour).text
        }
        return .success
    }
}

func applyDeployment(_ invocation: Invocation) -> ExitCode {
    var body: [JSONValue.Member] = [
        .init("at_once", .bool(invocation.arguments.has(.atOnce)))
    ]
    if let path = invocation.arguments.positional(0) {
        switch invocation.deployment(in: path) {
        case .success(let deployment): body.append(.init("deployment", deployment))
        case .failure(let misuse): return misuse.exitCode
        }
    }
    return invocation.asking { () throws(ControlError) in
        let answer = try invocation.control.post(ControlPath("/v1/apply"), .object(body))
        guard answer["accepted"]?.boolValue == true else { return .failure }
        let isJSON = invocation.arguments.has(.json)
        if !isJSON { invocation.console.out(answer.text("text")) }
        // Without a file it is an order like others, as it always was.
        let follows = invocation.arguments.positional(0) != nil
        guard follows, !invocation.arguments.has(.noWait) else {
            if isJSON { invocation.console.outRaw(answer.pretty) }
            return .success
        }
        let look = try followRollout(invocation)
        if isJSON {
            let report: JSONValue = [
                "accepted": true, "text": .string(answer.text("text")),
                "done": .bool(look.isDone), "rollout": look.rollout,
            ]
            invocation.console.outRaw(report.pretty)
        }
        return look.isDone ? .success : .failure
    }
}

/// How far a roll-out is.
struct RolloutLook {
    let isDone: Bool
    let isHalted: Bool
    let rollout: JSONValue
    let lines: [String]

    init(_ status: JSONValue) {
        rollout = status["rollout"] ?? .null
        let groups = status["groups"]?.arrayValue ?? []
        let failed = groups.first { $0.text("state") == "failed" }
        isHalted = rollout["is_halted"]?.boolValue == true || failed != nil
        isDone = rollout == .null && status["ready"]?.boolValue == true
        let pending = (rollout["pending"]?.arrayValue ?? []).compactMap(\.stringValue)
        var lines = groups.map { group in
            let name = group.text("name")
            let why = group.text("why")
            let word = pending.contains(name) ? "still to come" : group.text("state")
            return "  \(name) generation \(group.number("generation")): \(word)"
                + (why.isEmpty ? "" : ": \(why)")
        }
        if isDone { lines.append("done: every group serves what is wanted") }
        if isHalted, !isDone {
            lines.append(
                "stopped: \(rollout.text("waits_for", or: failed?.text("why") ?? "")); "
                    + "what is still to come serves on as before")
        }
        self.lines = lines
    }
}

private func followRollout(_ invocation: Invocation) throws(ControlError) -> RolloutLook {
    let view = LiveView(invocation.console)
    var shown: [String] = []
    // The agent that is asked may not have applied it yet.
    usleep(300_000)
    while true {
        let look = RolloutLook(try invocation.control.get(ControlPath("/v1/status")))
        if !invocation.arguments.has(.json), look.lines != shown {
            view.draw(look.lines.map { $0 + "\n" }.joined())
            shown = look.lines
        }
        if look.isDone || look.isHalted { return look }
        usleep(300_000)
    }
}

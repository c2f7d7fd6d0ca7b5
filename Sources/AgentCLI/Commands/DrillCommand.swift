// `glm-agent drill`: something is killed or frozen on purpose, and it is told how long the cluster took to
// notice and to be whole again, so that nobody has to wait for the day it happens by itself.

import Base
import Glibc

extension CommandSpec {
    static let drill = CommandSpec(
        name: "drill", summary: "kill or freeze a shard or an agent on purpose, and measure",
        discussion: """
            WHAT is one of
              kill-shard     SIGKILL to the main process of a shard's engine; TARGET is GROUP/RANK
              freeze-shard   SIGSTOP to all processes of a shard's engine, as a driver that hangs
              thaw-shard     takes a freeze back (done by itself where the freeze was not noticed)
              kill-agent     SIGKILL to the agent of a node; TARGET is NODE. Its supervisor must start it
              freeze-agent   the agent of a node stands still for a while (--for)
            Only processes that a shim of the cluster's own agents has started are struck, known by pid,
            start time and boot, on whichever node they run. A shard that is struck ends its group's
            generation, and requests that it was answering fail: so it is asked first, unless --yes.
            The report has the parts of the restart as the ledger has them: from the failure to its
            detection, until all ranks had ended, until the next launch, until it served. A drill of
            an agent passes if no engine restarts. Exit code 1: it did not pass, or could not be done.
            """,
        options: [.socket, .json, .yes, .freezeTime, .drillLimit],
        positionals: [
            PositionalSpec("WHAT", optional: true, "what to do; without it, this help"),
            PositionalSpec("TARGET", optional: true, "GROUP/RANK, or NODE"),
        ],
        exitCodes: [.success, .failure, .usage, .noAgent],
        examples: [
            Example("glm-agent drill kill-shard decode-0/1", "one rank dies; its group restarts"),
            Example("glm-agent drill freeze-shard prefill-0/0 --yes --json", "for a script"),
            Example("glm-agent drill kill-agent node-2", "engines must go on"),
        ])
}

private let shardDrills = ["kill-shard", "freeze-shard", "thaw-shard"]
private let agentDrills = ["kill-agent", "freeze-agent"]

func drill(_ invocation: Invocation) -> ExitCode {
    guard let what = invocation.arguments.positional(0) else {
        invocation.console.outRaw(ArgumentParser.glmAgent.help(of: .drill))
        return .success
    }
    guard shardDrills.contains(what) || agentDrills.contains(what) else {
        let all = (shardDrills + agentDrills).joined(separator: ", ")
        return invocation.misused("\"\(what)\" is no drill; there are \(all)")
    }
    guard let target = invocation.arguments.positional(1) else {
        let form = shardDrills.contains(what) ? "GROUP/RANK, as prefill-0/1" : "NODE"
        return invocation.misused("\(what) needs a target: \(form)")
    }
    let isOfShard = shardDrills.contains(what)
    let seconds: Int
    let limit: Int
    switch (
        invocation.number(.freezeTime, or: 10, in: 1...60),
        invocation.number(.drillLimit, or: isOfShard ? 3600 : 120, in: 1...86_400)
    ) {
    case (.success(let first), .success(let second)): (seconds, limit) = (first, second)
    case (.failure(let misuse), _), (_, .failure(let misuse)): return misuse.exitCode
    }
    let order = DrillOrder(
        what: what, target: target, seconds: seconds, limit: .seconds(limit), isOfShard: isOfShard)
    return run(order, invocation)
}

/// One drill as it was asked for.
struct DrillOrder {
    let what: String
    let target: String
    let seconds: Int
    let limit: Duration
    let isOfShard: Bool

    /// What a person should know before it is done.
    var warning: String {
        switch what {
        case "kill-shard":
            "\(target) will be killed: its group restarts, and what it is answering fails"
        case "freeze-shard":
            "\(target) will be frozen: its group restarts once that is noticed, and what it is "
                + "answering fails"
        case "thaw-shard": "\(target) will go on"
        case "kill-agent": "the agent of \(target) will be killed; its engines should go on"
        default:
            "the agent of \(target) will stand still for \(seconds) s; its engines should go on"
        }
    }
}

private func run(_ order: DrillOrder, _ invocation: Invocation) -> ExitCode {
    invocation.asking { () throws(ControlError) in
        let before = try invocation.control.get(ControlPath("/v1/status"))
        let lastEvent = try events(invocation).last?["sequence"]?.integerValue ?? 0
        guard order.what == "thaw-shard" || confirmed(order, invocation) else { return .failure }
        let struck = try invocation.control.post(
            ControlPath("/v1/drill"),
            [
                "what": .string(order.what), "target": .string(order.target),
                "seconds": .integer(Int64(order.seconds)),
            ])
        let watch = DrillWatch(
            order: order, before: before, lastEvent: lastEvent, struck: struck)
        guard order.what != "thaw-shard" else {
            invocation.show(struck) { "\(order.target) goes on\n" }
            return .success
        }
        if !invocation.arguments.has(.json) { invocation.console.outRaw(watch.opening) }
        let report = follow(watch, order, invocation)
        invocation.show(report.json) { report.text }
        return report.hasPassed ? .success : .failure
    }
}

/// Asks whoever sits there; nobody sits behind a pipe.
private func confirmed(_ order: DrillOrder, _ invocation: Invocation) -> Bool {
    if invocation.arguments.has(.yes) { return true }
    guard isatty(STDIN_FILENO) == 1, invocation.console.isTerminal else {
        invocation.console.complain("\(order.warning)\n  To do it from a script: --yes")
        return false
    }
    invocation.console.outRaw("\(order.warning). Type yes to do it: ")
    let isSure = readLine() == "yes"
    if !isSure { invocation.console.out("nothing was done") }
    return isSure
}

/// Looks on until there is a result. An agent that is struck may be the one that is asked.
private func follow(
    _ watch: DrillWatch, _ order: DrillOrder, _ invocation: Invocation
) -> DrillReport {
    var watch = watch
    let view = LiveView(invocation.console)
    let isShown = !invocation.arguments.has(.json)
    var shown = ""
    let end = currentInstant() + order.limit
    while true {
        do throws(ControlError) {
            let status = try invocation.control.get(ControlPath("/v1/status"))
            let restarts = try invocation.control.get(ControlPath("/v1/restarts"))
            watch.sees(status, restarts, events: try events(invocation))
        } catch {
            watch.misses(error.message)
        }
        if isShown, watch.progress != shown {
            shown = watch.progress
            view.draw(shown)
        }
        if let report = watch.result { return report }
        guard currentInstant() < end else { break }
        usleep(100_000)
    }
    if order.what == "freeze-shard" {
        // Nothing of ours may stay frozen.
        _ = try? invocation.control.post(
            ControlPath("/v1/drill"), ["what": "thaw-shard", "target": .string(order.target)])
    }
    return watch.givenUp(after: order.limit)
}

private func events(_ invocation: Invocation) throws(ControlError) -> [JSONValue] {
    var events: [JSONValue] = []
    let lines = LineCutter { line in
        if let event = try? JSONValue(parsing: line) { events.append(event) }
    }
    try invocation.control.stream(ControlPath("/v1/events", ["after": "0", "follow": "0"])) {
        lines.take($0)
    }
    lines.finish()
    return events
}

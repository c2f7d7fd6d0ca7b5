// The commands that ask an agent: each is one question and one view of the answer.

import Base
import Glibc

extension Invocation {
    /// The agent that the command line names.
    var control: ControlClient {
        ControlClient(socket: arguments[.socket] ?? defaultControlSocket)
    }

    /// Runs the question; complains and gives the exit code where no answer comes.
    func asking(_ question: () throws(ControlError) -> ExitCode) -> ExitCode {
        do throws(ControlError) {
            return try question()
        } catch {
            console.complain(error.message)
            return error.exitCode
        }
    }

    /// Prints the answer, as JSON where that is wanted.
    func show(_ answer: JSONValue, as view: () -> String) {
        console.outRaw(arguments.has(.json) ? answer.pretty : view())
    }

    /// Complains of a mistake on the command line.
    func misused(_ message: String) -> ExitCode {
        console.complain("\(message)\n  `glm-agent \(arguments.command.name) --help` tells more.")
        return .usage
    }
}

/// The wall clock, for ages.
func currentWallTime() -> WallTime {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return WallTime(
        millisecondsSinceEpoch: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
}

/// The monotonic clock, for how long something took.
func currentInstant() -> Instant {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Instant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
}

// MARK: - Facts

func showStatus(_ invocation: Invocation) -> ExitCode {
    guard invocation.arguments.has(.watch) else {
        return invocation.asking { () throws(ControlError) in try showStatusOnce(invocation) }
    }
    let console = invocation.console
    while true {
        // Home and clear to the end: what is drawn over does not flicker.
        if console.isTerminal { console.outRaw("\u{1B}[H\u{1B}[2J") }
        _ = invocation.asking { () throws(ControlError) in try showStatusOnce(invocation) }
        sleep(1)
    }
}

private func showStatusOnce(_ invocation: Invocation) throws(ControlError) -> ExitCode {
    let status = try invocation.control.get(ControlPath("/v1/status"))
    guard let isReady = status["ready"]?.boolValue else {
        throw .unreadable("the status has no member \"ready\"")
    }
    invocation.show(status) {
        StatusView(
            status: status, now: currentWallTime(), colour: invocation.console.hasColour
        ).text
    }
    return isReady ? .success : .notReady
}

func showMembers(_ invocation: Invocation) -> ExitCode {
    invocation.asking { () throws(ControlError) in
        let members = try invocation.control.get(ControlPath("/v1/members"))
        invocation.show(members) {
            MembersView(
                members: members, now: currentWallTime(), colour: invocation.console.hasColour
            ).text
        }
        return .success
    }
}

func showPlan(_ invocation: Invocation) -> ExitCode {
    invocation.asking { () throws(ControlError) in
        let plan = try invocation.control.get(ControlPath("/v1/plan"))
        invocation.show(plan) {
            PlanView(plan: plan, colour: invocation.console.hasColour).text
        }
        return .success
    }
}

// MARK: - Streams

func showLogs(_ invocation: Invocation) -> ExitCode {
    let lines = invocation.arguments[.lines] ?? "50"
    guard Int(lines).map({ $0 >= 0 }) ?? false else {
        return invocation.misused("--lines takes a number from 0, not \"\(lines)\"")
    }
    let shard = invocation.arguments.positional(0) ?? ""
    let path = ControlPath(
        "/v1/logs",
        [
            "shard": shard, "lines": lines,
            "follow": invocation.arguments.has(.follow) ? "1" : "0",
        ])
    let console = invocation.console
    return invocation.asking { () throws(ControlError) in
        guard invocation.arguments.has(.json) else {
            try invocation.control.stream(path) { console.outRaw($0) }
            return .success
        }
        let lines = LineCutter { line in
            let fact: JSONValue = ["shard": .string(shard), "line": .string(line)]
            console.out(fact.compact)
        }
        try invocation.control.stream(path) { lines.take($0) }
        lines.finish()
        return .success
    }
}

func showEvents(_ invocation: Invocation) -> ExitCode {
    let follow = invocation.arguments.has(.follow) ? "1" : "0"
    let path = ControlPath("/v1/events", ["after": "0", "follow": follow])
    let isRaw = invocation.arguments.has(.json)
    let lines = LineCutter { line in
        let event = try? JSONValue(parsing: line)
        invocation.console.out(isRaw ? line : event.map(eventLine) ?? line)
    }
    return invocation.asking { () throws(ControlError) in
        try invocation.control.stream(path) { lines.take($0) }
        lines.finish()
        return .success
    }
}

/// Cuts a stream into lines.
final class LineCutter {
    private let onLine: (String) -> Void
    private var rest = ""

    init(onLine: @escaping (String) -> Void) {
        self.onLine = onLine
    }

    func take(_ piece: String) {
        rest += piece
        // Not by Character: "\r\n" is one, and equals neither.
        while let end = rest.utf8.firstIndex(of: UInt8(ascii: "\n")) {
            let line = String(rest[..<end])
            rest = String(rest[rest.utf8.index(after: end)...])
            onLine(line)
        }
    }

    /// The stream has ended: a last line may have no end of its own.
    func finish() {
        if !rest.isEmpty { onLine(rest) }
        rest = ""
    }
}

// MARK: - Orders

func restartGroup(_ invocation: Invocation) -> ExitCode { order("/v1/restart", invocation) }
func stopGroups(_ invocation: Invocation) -> ExitCode { order("/v1/stop", invocation) }
func startGroups(_ invocation: Invocation) -> ExitCode { order("/v1/start", invocation) }
func applyDeployment(_ invocation: Invocation) -> ExitCode { order("/v1/apply", invocation) }

private func order(_ path: String, _ invocation: Invocation) -> ExitCode {
    invocation.asking { () throws(ControlError) in
        let answer = try invocation.control.post(
            ControlPath(path), ["group": JSONValue(invocation.arguments.positional(0))])
        invocation.show(answer) { answer.text("text") + "\n" }
        return answer["accepted"]?.boolValue ?? false ? .success : .failure
    }
}

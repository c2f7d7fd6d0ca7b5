// The commands that ask an agent: each is one question and one view of the answer.

import Base
import Glibc

extension Invocation {
    /// The agent that the command line names, or the environment.
    var control: ControlClient {
        let named = getenv(socketVariable).map { String(cString: $0) } ?? ""
        var client = ControlClient(
            socket: arguments[.socket] ?? (named.isEmpty ? defaultControlSocket : named))
        if !arguments.has(.watch) { client.onWaiting = console.complain }
        return client
    }

    /// Runs the question; complains and gives the exit code where no answer comes. A script that wants JSON
    /// gets the complaint as JSON, too.
    func asking(_ question: () throws(ControlError) -> ExitCode) -> ExitCode {
        do throws(ControlError) {
            return try question()
        } catch {
            console.complain(error.message)
            if arguments.has(.json) { console.out(error.json.compact) }
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

/// A complaint that was made already.
struct Misuse: Error {
    let exitCode: ExitCode
}

extension Invocation {
    /// The number that an option gives.
    func number(
        _ option: OptionSpec, or otherwise: Int, in range: ClosedRange<Int>
    ) -> Result<Int, Misuse> {
        guard let text = arguments[option] else { return .success(otherwise) }
        if let number = Int(text), range.contains(number) { return .success(number) }
        let code = misused(
            "--\(option.name) takes a number from \(range.lowerBound) to \(range.upperBound), "
                + "not \"\(text)\"")
        return .failure(Misuse(exitCode: code))
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

extension Invocation {
    /// What the agent knows; with --confirmed, if a majority confirms it.
    fileprivate func fact(_ path: String) throws(ControlError) -> JSONValue {
        guard arguments.has(.confirmed) else { return try control.get(ControlPath(path)) }
        var patient = control
        patient.timeout = control.orderTimeout
        return try patient.get(ControlPath(path, ["confirmed": "true"]))
    }
}

func showStatus(_ invocation: Invocation) -> ExitCode {
    guard invocation.arguments.has(.watch) else {
        return invocation.asking { () throws(ControlError) in
            let (text, isReady) = try statusText(invocation)
            invocation.console.outRaw(text)
            return isReady ? .success : .notReady
        }
    }
    let view = LiveView(invocation.console)
    while true {
        do throws(ControlError) {
            view.draw(try statusText(invocation).text)
        } catch {
            view.draw("glm-agent: \(error.message)\n")
        }
        sleep(1)
    }
}

private func statusText(
    _ invocation: Invocation
) throws(ControlError) -> (text: String, isReady: Bool) {
    let status = try invocation.fact("/v1/status")
    guard let isReady = status["ready"]?.boolValue else {
        throw .unreadable("the status has no member \"ready\"")
    }
    guard !invocation.arguments.has(.json) else { return (status.pretty, isReady) }
    let view = StatusView(
        status: status, now: currentWallTime(), colour: invocation.console.hasColour)
    return (view.text, isReady)
}

func showMembers(_ invocation: Invocation) -> ExitCode {
    invocation.asking { () throws(ControlError) in
        let members = try invocation.fact("/v1/members")
        invocation.show(members) {
            MembersView(
                members: members, now: currentWallTime(), colour: invocation.console.hasColour
            ).text
        }
        return .success
    }
}

func showPlan(_ invocation: Invocation) -> ExitCode {
    if let path = invocation.arguments[.diff] { return showDifference(path, invocation) }
    return showCommittedPlan(invocation)
}

private func showCommittedPlan(_ invocation: Invocation) -> ExitCode {
    invocation.asking { () throws(ControlError) in
        let plan = try invocation.fact("/v1/plan")
        invocation.show(plan) {
            PlanView(plan: plan, colour: invocation.console.hasColour).text
        }
        return .success
    }
}

func showWhy(_ invocation: Invocation) -> ExitCode {
    invocation.asking { () throws(ControlError) in
        let group = invocation.arguments.positional(0) ?? ""
        let answer = try invocation.control.get(ControlPath("/v1/why", ["group": group]))
        invocation.show(answer) {
            WhyView(
                answer: answer, now: currentWallTime(), colour: invocation.console.hasColour
            ).text
        }
        return .success
    }
}

// MARK: - Orders

func restartGroup(_ invocation: Invocation) -> ExitCode { order("/v1/restart", invocation) }
func stopGroups(_ invocation: Invocation) -> ExitCode { order("/v1/stop", invocation) }
func startGroups(_ invocation: Invocation) -> ExitCode { order("/v1/start", invocation) }

/// `members add`, `remove`, `promote`, `demote` and `lead`.
func orderMembers(_ invocation: Invocation) -> ExitCode {
    let arguments = invocation.arguments
    let order = arguments.command.name.split(separator: " ").last.map(String.init) ?? ""
    return invocation.asking { () throws(ControlError) in
        let answer = try invocation.control.post(
            ControlPath("/v1/members"),
            [
                "order": .string(order), "node": JSONValue(arguments.positional(0)),
                "address": JSONValue(arguments.positional(1)),
                "super_pod": JSONValue(arguments[.superPod]),
                "force": .bool(arguments.has(.forcedRemoval)),
            ])
        invocation.show(answer) { answer.text("text") + "\n" }
        return answer["accepted"]?.boolValue ?? false ? .success : .failure
    }
}

private func order(_ path: String, _ invocation: Invocation) -> ExitCode {
    invocation.asking { () throws(ControlError) in
        let answer = try invocation.control.post(
            ControlPath(path), ["group": JSONValue(invocation.arguments.positional(0))])
        invocation.show(answer) { answer.text("text") + "\n" }
        return answer["accepted"]?.boolValue ?? false ? .success : .failure
    }
}

// `glm-agent logs` and `glm-agent events`: what comes line by line, and goes on with --follow.

import Base

func showLogs(_ invocation: Invocation) -> ExitCode {
    let arguments = invocation.arguments
    let lines = arguments[.lines] ?? "50"
    guard Int(lines).map({ $0 >= 0 }) ?? false else {
        return invocation.misused("--lines takes a number from 0, not \"\(lines)\"")
    }
    let shard = arguments.positional(0) ?? ""
    let isFollowed = arguments.has(.follow)
    let console = invocation.console
    var isEmpty = lines != "0"
    let cutter = LineCutter { line in
        let fact: JSONValue = ["shard": .string(shard), "line": .string(line)]
        console.out(fact.compact)
    }
    let take = { (text: String) in
        isEmpty = isEmpty && text.isEmpty
        if arguments.has(.json) { cutter.take(text) } else { console.outRaw(text) }
    }
    func path(_ lines: String) -> ControlPath {
        ControlPath(
            "/v1/logs", ["shard": shard, "lines": lines, "follow": isFollowed ? "1" : "0"])
    }
    return invocation.asking { () throws(ControlError) in
        if isFollowed {
            let log = FollowedLog()
            var isAgain = false
            try invocation.control.follow(
                isEndless: false, { path(isAgain ? continuedLines : lines) },
                onBegin: { head in
                    isAgain = true
                    log.begin(head)
                }, onLoss: console.complain, onText: { take(log.take($0)) })
        } else {
            try invocation.control.stream(path(lines), onText: take)
        }
        cutter.finish()
        guard isEmpty else { return .success }
        console.complain(
            "\(shard) has written nothing\n  `glm-agent status` tells how it is, `glm-agent events` "
                + "what became of it.")
        return .failure
    }
}

/// With how many last lines a followed log is taken up again: an agent is not away for long.
private let continuedLines = "1000"

func showEvents(_ invocation: Invocation) -> ExitCode {
    if invocation.arguments.has(.restarts) { return showRestarts(invocation) }
    let isFollowed = invocation.arguments.has(.follow)
    let isRaw = invocation.arguments.has(.json)
    let view = EventView()
    var last: Int64 = 0
    let lines = LineCutter { line in
        let event = try? JSONValue(parsing: line)
        last = max(last, event?["sequence"]?.integerValue ?? 0)
        invocation.console.out(isRaw ? line : event.map(view.text) ?? line)
    }
    func path() -> ControlPath {
        ControlPath("/v1/events", ["after": "\(last)", "follow": isFollowed ? "1" : "0"])
    }
    return invocation.asking { () throws(ControlError) in
        guard isFollowed else {
            try invocation.control.stream(path()) { lines.take($0) }
            lines.finish()
            return .success
        }
        // What was cut off comes again whole.
        try invocation.control.follow(
            isEndless: true, path, onBegin: { _ in lines.drop() },
            onLoss: invocation.console.complain, onText: { lines.take($0) })
        return .success
    }
}

private func showRestarts(_ invocation: Invocation) -> ExitCode {
    guard !invocation.arguments.has(.follow) else {
        return invocation.misused("--restarts and --follow do not go together")
    }
    return invocation.asking { () throws(ControlError) in
        let answer = try invocation.control.get(ControlPath("/v1/restarts"))
        invocation.show(answer) {
            RestartsView(answer: answer, colour: invocation.console.hasColour).text
        }
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

    /// Forgets the line that has not ended.
    func drop() { rest = "" }
}

@available(*, unavailable) extension LineCutter: Sendable {}

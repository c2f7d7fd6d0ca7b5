// The agent's own log: one line a happening on standard error, where the service manager keeps it. Time
// and level first, so that lines of several nodes can be merged by sort(1).

public import EventLoop
import Glibc
public import Node

/// Writes log lines.
public struct AgentLog {
    private let loop: Loop

    public init(_ loop: Loop) {
        self.loop = loop
    }

    public func callAsFunction(_ level: LogLevel, _ text: String) {
        let padded = level.rawValue + String(repeating: " ", count: 7 - level.rawValue.count)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        var line = Array("\(loop.wallTime) \(padded) \(lines.joined(separator: "\n    "))\n".utf8)
        // A log that cannot be written must not end the agent.
        while !line.isEmpty {
            let count = write(STDERR_FILENO, line, line.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            line.removeFirst(count)
        }
    }
}

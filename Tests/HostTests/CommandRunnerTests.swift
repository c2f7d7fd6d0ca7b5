// Real children: what they print, how they end, and that none outlives its limit.

import Ascend
import Base
import EventLoop
import Glibc
import Testing

@testable import Host

@Suite(.serialized, .timeLimit(.minutes(1)))
struct CommandRunnerTests {
    private func run(
        _ script: String, within limit: Duration = .seconds(20)
    ) throws -> Result<CommandResult, Gap> {
        let loop = try Loop()
        let runner = CommandRunner(
            loop, root: HostRoot(), environment: ["PATH": "/usr/bin:/bin", "WORD": "ß"])
        var answer: Result<CommandResult, Gap>?
        runner.run("/bin/sh", ["-c", script], within: limit) { answer = $0 }
        #expect(answer == nil, "it was answered before it was asked")
        #expect(loop.run(within: .seconds(30)) { answer != nil })
        return try #require(answer)
    }

    @Test func `both outputs and the exit are told`() throws {
        let result = try run("echo $WORD $LC_ALL; echo to the other >&2; exit 3").get()
        #expect(result.text == "ß C\nto the other\n")
        #expect(result.exit == .exited(code: 3))
    }

    @Test func `who hangs is ended with all that it started`() throws {
        let marker = "4\(getpid())"
        let result = try run("sleep \(marker) & sleep \(marker)", within: .milliseconds(200))
        guard case .failure(let gap) = result else {
            Issue.record("a sleep of hours ended")
            return
        }
        #expect(gap.kind == .timedOut)
        #expect(gap.detail.contains("0.2 s"))
        let loop = try Loop()
        let areGone = loop.run(within: .seconds(10)) {
            !ProcessTable().entries.contains { !$0.hasEnded && $0.commandLine == "sleep \(marker)" }
        }
        #expect(areGone)
    }

    @Test func `who prints without end is ended`() throws {
        let result = try run("yes")
        guard case .failure(let gap) = result else {
            Issue.record("yes ended")
            return
        }
        #expect(gap.kind == .unreadable)
    }

    @Test func `what is not there is not installed`() throws {
        let loop = try Loop()
        let runner = CommandRunner(loop, root: HostRoot(), environment: ["PATH": "/usr/bin:/bin"])
        #expect(runner.find("sh") == "/usr/bin/sh")
        #expect(runner.find("no-such-tool", orAt: ["/no/such/place"]) == nil)
        #expect(runner.find("no-such-tool", orAt: ["/bin/cat"]) == "/bin/cat")
        var answer: Result<CommandResult, Gap>?
        runner.run("/no/such/tool", [], within: .seconds(1)) { answer = $0 }
        loop.run()
        guard case .failure(let gap) = answer else {
            Issue.record("a tool that is not there ran")
            return
        }
        #expect(gap.kind == .notInstalled)
    }
}

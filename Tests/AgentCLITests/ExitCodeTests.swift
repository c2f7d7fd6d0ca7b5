// Exit codes and complaints, run in this process; the binary adds nothing but `exit`.

import Testing

@testable import AgentCLI

@Suite struct ExitCodeTests {
    static let nobody = "/nonexistent/glm-agent.sock"

    @Test(arguments: [
        "status", "members", "plan", "logs prefill-0/0", "events", "restart prefill-0", "stop",
        "start",
    ])
    func `without an agent the exit code is 4 and the socket is named`(command: String) {
        let (code, printed) = runLine("\(command) --socket \(Self.nobody)")
        #expect(code == .noAgent)
        #expect(printed.out.isEmpty)
        #expect(printed.complaints.contains("no agent answers at \(Self.nobody)"))
        #expect(printed.complaints.contains("--socket PATH"))
    }

    @Test(arguments: ["nonsense", "status --nonsense", "logs", "restart", "help nonsense"])
    func `a wrong command line gives 2 and names the help`(line: String) {
        let (code, printed) = runLine(line)
        #expect(code == .usage)
        #expect(printed.out.isEmpty)
        #expect(printed.complaints.contains("help"))
    }

    @Test(arguments: [
        "help", "help status", "status --help", "--help", "--version", "version", "man",
    ])
    func `information goes to standard output with 0`(line: String) {
        let (code, printed) = runLine(line)
        #expect(code == .success)
        #expect(!printed.out.isEmpty)
        #expect(printed.complaints.isEmpty)
    }

    @Test func `the version has a JSON form`() {
        let (_, printed) = runLine("version --json")
        #expect(
            printed.out
                == "{\n  \"program\": \"glm-agent\",\n  \"version\": \"\(programVersion)\"\n}\n")
    }

    @Test func `numbers are what scripts rely on`() {
        #expect(ExitCode.allCases.map(\.rawValue) == [0, 1, 2, 3, 4, 5, 6, 7])
    }
}

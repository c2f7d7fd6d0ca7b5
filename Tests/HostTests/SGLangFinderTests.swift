// The version that a Python answers, and what is said where it answers none.

import EventLoop
import Host
import Testing

@Suite(.timeLimit(.minutes(1))) struct SGLangFinderTests {
    private func answer(
        of python: String, within limit: Duration = .seconds(20)
    ) throws -> Result<String, SGLangFinder.Failure>? {
        let loop = try Loop()
        let finder = SGLangFinder(loop, environment: ["PATH": "/usr/bin:/bin"])
        var answer: Result<String, SGLangFinder.Failure>?
        finder.find(python: python, source: ["/nonexistent/set_env.sh"], within: limit) {
            answer = $0
        }
        #expect(loop.run(within: .seconds(30)) { answer != nil })
        return answer
    }

    @Test func `what the interpreter prints is the version`() throws {
        // `echo` in Python's place prints what it is asked.
        #expect(try answer(of: "echo")?.get().hasPrefix("-c import importlib.metadata") == true)
    }

    @Test func `an interpreter that fails says so`() throws {
        guard case .failure(let failure) = try answer(of: "false") else {
            Issue.record("a version of nothing")
            return
        }
        #expect(failure.description == "python exited with code 1")
    }
}

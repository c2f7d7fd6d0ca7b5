// The version that a Python answers, and what is said where it answers none.

import EventLoop
import Glibc
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

    // MARK: - The router

    private func hasRouter(
        _ python: String, within limit: Duration = .seconds(20)
    ) throws -> Result<Bool, SGLangFinder.Failure>? {
        let loop = try Loop()
        let finder = SGLangFinder(loop, environment: ["PATH": "/usr/bin:/bin"])
        var answer: Result<Bool, SGLangFinder.Failure>?
        finder.findRouter(python: python, source: [], within: limit) { answer = $0 }
        #expect(loop.run(within: .seconds(30)) { answer != nil })
        return answer
    }

    @Test func `a real Python without the router says that it has none`() throws {
        #expect(try hasRouter("/usr/bin/python3")?.get() == false)
    }

    @Test(
        arguments: [
            ("true", nil), ("false", "python exited with code 1"),
            ("/nonexistent/python", "python exited with code 127"),
        ] as [(String, String?)])
    func `only an answer is an answer`(python: String, failure: String?) throws {
        switch try #require(try hasRouter(python)) {
        case .success(let found): #expect(found && failure == nil)
        case .failure(let told):
            #expect(failure.map { told.description.hasPrefix($0) } == true, "\(told)")
        }
    }

    @Test func `a Python that hangs has not answered`() throws {
        let directory = "/tmp/glm-finder-\(getpid())"
        try Files.makeDirectories(directory, permissions: 0o700)
        defer { try? Files.removeTree(directory) }
        let python = "\(directory)/python"
        try Files.replace(python, with: Array("#!/bin/sh\nsleep 60\n".utf8), permissions: 0o700)
        guard case .failure = try hasRouter(python, within: .milliseconds(300)) else {
            Issue.record("an answer of nobody")
            return
        }
    }
}

import Base
import EventLoop
import Glibc
import Testing

extension EventLoopTests {
    @Suite struct Children {
        /// Runs a shell script to its end.
        private func run(
            _ script: String, environment: [String: String]? = nil, directory: String? = nil
        ) throws -> (exit: ChildExit?, output: String) {
            let loop = try Loop()
            let specification = ChildSpecification(
                executable: "/bin/sh", arguments: ["-c", script], environment: environment,
                workingDirectory: directory, descriptors: [.null, .pipeFromChild, .inherit(2)])
            let child = try ChildProcess(loop, specification) { _ in }
            let output = Recorder<UInt8>()
            child.pipes[1]?.start { event in
                if case .received(let bytes) = event { output.values += bytes }
            }
            loop.run()
            return (child.exit, String(decoding: output.values, as: UTF8.self))
        }

        @Test(arguments: [Int32(0), 1, 77, 255])
        func `the exit code is told`(code: Int32) throws {
            #expect(try run("exit \(code)").exit == .exited(code: code))
        }

        @Test func `output, environment and directory are the child's`() throws {
            let result = try run(
                "echo $WORD; pwd; env | grep -c WORD",
                environment: ["WORD": "ß", "PATH": "/usr/bin:/bin"], directory: "/proc")
            #expect(result.output == "ß\n/proc\n1\n")
            #expect(result.exit == .exited(code: 0))
        }

        @Test func `a signal ends the child and is told`() throws {
            let loop = try Loop()
            var exit: ChildExit?
            let child = try ChildProcess(
                loop, ChildSpecification(executable: "sleep", arguments: ["60"])
            ) { exit = $0 }
            try child.kill(SIGTERM)
            #expect(loop.run(within: patience) { exit != nil })
            #expect(exit == .signalled(SIGTERM))
            try child.kill(SIGTERM)
        }

        @Test func `a whole group is ended with its leader`() throws {
            let loop = try Loop()
            let specification = ChildSpecification(
                executable: "/bin/sh", arguments: ["-c", "sleep 60 & echo started; wait"],
                descriptors: [.null, .pipeFromChild, .inherit(2)], isDetached: true)
            let child = try ChildProcess(loop, specification) { _ in }
            var started = false
            var ended = false
            child.pipes[1]?.start { event in
                switch event {
                case .received: started = true
                case .closed: ended = true  // only when the grandchild has gone, too
                default: break
                }
            }
            #expect(loop.run(within: patience) { started })
            #expect(getpgid(child.pid) == child.pid)
            try child.kill(SIGKILL, wholeGroup: true)
            #expect(loop.run(within: patience) { ended && child.exit != nil })
            #expect(child.exit == .signalled(SIGKILL))
        }

        @Test func `input reaches the child and its end ends the child`() throws {
            let loop = try Loop()
            let specification = ChildSpecification(
                executable: "cat", descriptors: [.pipeToChild, .pipeFromChild, .inherit(2)])
            let child = try ChildProcess(loop, specification) { _ in }
            let output = Recorder<UInt8>()
            child.pipes[1]?.start { event in
                if case .received(let bytes) = event { output.values += bytes }
            }
            #expect(child.pipes[0]?.write(Array("hello".utf8)) == true)
            child.pipes[0]?.closeWhenWritten(within: patience)
            loop.run()
            #expect(child.exit == .exited(code: 0))
            #expect(output.values == Array("hello".utf8))
        }

        @Test func `a missing executable is an error that names it`() throws {
            let loop = try Loop()
            let error = #expect(throws: UVError.self) {
                try ChildProcess(loop, ChildSpecification(executable: "/no/such")) { _ in
                    Issue.record("a child that never was has ended")
                }
            }
            #expect(error?.description == "start /no/such: no such file or directory (ENOENT)")
            loop.run()
        }

        @Test func `a child that nobody holds is reaped`() throws {
            let loop = try Loop()
            var exit: ChildExit?
            let pid = try ChildProcess(loop, ChildSpecification(executable: "true")) {
                exit = $0
            }.pid
            loop.run()
            #expect(exit == .exited(code: 0))
            #expect(!Files.exists("/proc/\(pid)"))
        }
    }
}

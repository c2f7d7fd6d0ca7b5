// How an engine starts and ends by itself, and with what it is started.

import Base
import EventLoop
import Glibc
import Planning
import Supervision
import Testing

@testable import Engines

extension EnginesTests {
    @Suite struct Life {
        @Test(arguments: [
            ("exit 0", Supervision.ExitStatus.code(0)), ("exit 3", .code(3)),
            ("exit 255", .code(255)),
            ("kill -KILL $$", .signal(9)), ("kill -ABRT $$", .signal(6)),
        ])
        func `the end of the engine is told exactly`(script: String, status: Supervision.ExitStatus)
            throws
        {
            let bench = try Workbench()
            bench.launch(script: "ulimit -c 0; echo one; echo two >&2; \(script)")
            #expect(bench.runToEnd())
            #expect(bench.end == .exited(status, logTail: ["one", "two"]))
            #expect(bench.leftovers.isEmpty)
        }

        @Test func `the process told is the engine itself`() throws {
            let bench = try Workbench()
            bench.launch(script: "exec sleep 1000")
            #expect(bench.runToStart() && bench.run { !bench.pids.isEmpty })
            #expect(bench.pids == [bench.startedProcess])
            bench.host.stop(bench.shard, grace: .seconds(5))
            #expect(bench.runToEnd())
            #expect(bench.end == .stopped(.signal(SIGTERM)))
        }

        @Test func `what the engine started is ended with it`() throws {
            let bench = try Workbench()
            bench.launch(script: Script.stubbornTree + "exit 5")
            #expect(bench.runToEnd())
            #expect(bench.end == .exited(.code(5), logTail: []))
            #expect(bench.pids.count == 4)
            #expect(bench.livingPids.isEmpty)
            #expect(bench.leftovers.isEmpty)
        }

        @Test func `a program that is not there is named`() throws {
            let bench = try Workbench()
            bench.host.launch(bench.shard, bench.spec(["/no/such/engine"]), .command([]))
            #expect(bench.runToEnd())
            let reason = "start /no/such/engine: no such file or directory (ENOENT)"
            #expect(bench.end == .exited(.notStarted(reason), logTail: []))
            #expect(bench.startedProcess == nil)
        }

        @Test func `a file to source that is not there is named`() throws {
            let bench = try Workbench()
            let spec = bench.spec(["/bin/true"], source: ["/no/such/set_env.sh"])
            bench.host.launch(bench.shard, spec, .command([]))
            #expect(bench.runToEnd())
            let reason = "source /no/such/set_env.sh: no such file or directory (ENOENT)"
            #expect(bench.end == .exited(.notStarted(reason), logTail: []))
        }

        @Test func `a shim that cannot be started is told`() throws {
            let bench = try Workbench()
            let host = try ShardHost(
                bench.loop, stateDirectory: bench.state, launcher: ["/no/such/agent"]
            ) { _, event in
                guard case .failed(let reason) = event else { return }
                #expect(reason.contains("/no/such/agent"))
                bench.loop.stop()
            }
            var isDone = false
            host.launch(bench.shard, bench.spec(["/bin/true"]), .sglang)
            isDone = bench.run { Files.exists(bench.directory.shimLogFile) }
            #expect(isDone)
            bench.loop.run()
        }

        @Test func `a directory serves one launch`() throws {
            let bench = try Workbench()
            bench.launch(script: "exit 0")
            #expect(bench.runToEnd())
            try bench.replaceHost()
            bench.launch(script: "exit 0")
            #expect(bench.runToEnd())
            guard case .failed(let reason) = bench.end else {
                Issue.record("launched twice: \(bench.events)")
                return
            }
            #expect(reason.contains("EEXIST"))
        }

        @Test func `the environment is as specified`() throws {
            setenv("GLM_TEST_KEPT", "kept", 1)
            setenv("GLM_TEST_UNSET", "not wanted", 1)
            setenv("ALL_PROXY", "socks5://nowhere", 1)
            defer {
                unsetenv("ALL_PROXY")
                unsetenv("GLM_TEST_KEPT")
                unsetenv("GLM_TEST_UNSET")
            }
            let bench = try Workbench()
            let sourced = bench.state + "/it's set_env.sh"
            try writeText(
                """
                export SOURCED="args:$#:${GLM_TEST_UNSET-gone}" BOTH=sourced
                sleep 0.2 &
                false
                """, to: sourced)
            let words = ["a b", "$HOME", "'q'", "", "--flag=1"]
            let spec = bench.spec(
                ["/bin/bash", "-c", #"env -0 > "$1"; shift; printf '%s\n' "$@""#, "bash"]
                    + [bench.state + "/dump"] + words,
                environment: [
                    EnvironmentVariable("BOTH", "set"), EnvironmentVariable("LITERAL", "$HOME 'x'"),
                    EnvironmentVariable("TWICE", "1"), EnvironmentVariable("TWICE", "2"),
                ],
                unset: ["GLM_TEST_UNSET", "http_proxy"], source: [sourced])
            bench.host.launch(bench.shard, spec, .sglang)
            #expect(bench.runToEnd())
            #expect(bench.end == .exited(.code(0), logTail: words))
            let variables = Set(
                try readText(bench.state + "/dump").split(separator: "\0").map(String.init))
            for wanted in [
                "GLM_TEST_KEPT=kept", "SOURCED=args:0:gone", "BOTH=set", "LITERAL=$HOME 'x'",
                "TWICE=2", "GLM_AGENT_SHARD=decode-0.g3.r1", "GLM_AGENT_GROUP=decode-0",
                "GLM_AGENT_GENERATION=3", "GLM_AGENT_STATE=\(bench.state)",
            ] {
                #expect(variables.contains(wanted))
            }
            #expect(!variables.contains { $0.hasPrefix("GLM_TEST_UNSET=") })
            #expect(!variables.contains { $0.hasPrefix("ALL_PROXY=") }, "a proxy, too")
        }

        @Test
        func `an engine with an environment of its own has nothing else, and sources nothing`()
            throws
        {
            setenv("GLM_TEST_KEPT", "kept", 1)
            defer { unsetenv("GLM_TEST_KEPT") }
            let bench = try Workbench()
            let spec = bench.spec(
                ["/bin/bash", "-c", "env -0 > \(bench.state)/dump"],
                environment: [EnvironmentVariable("BOTH", "set")], unset: ["OF_BASE"],
                source: ["/no/such/set_env.sh"])
            let base = [
                EnvironmentVariable("PATH", "/usr/bin:/bin"), EnvironmentVariable("BOTH", "base"),
                EnvironmentVariable("LD_LIBRARY_PATH", "/usr/local/Ascend/cann/lib64"),
                EnvironmentVariable("OF_BASE", "x"), EnvironmentVariable("LINES", "a\nb='c'"),
            ]
            bench.host.launch(bench.shard, spec, .sglang, base: base)
            #expect(bench.runToEnd())
            #expect(bench.end == .exited(.code(0), logTail: []))
            let variables = try readText(bench.state + "/dump").split(separator: "\0")
                .map(String.init).filter { !$0.hasPrefix("GLM_AGENT_") }
            #expect(
                Set(
                    variables.filter { variable in
                        !["PWD=", "SHLVL=", "_="].contains { variable.hasPrefix($0) }
                    }) == [
                        "PATH=/usr/bin:/bin", "BOTH=set", "LINES=a\nb='c'",
                        "LD_LIBRARY_PATH=/usr/local/Ascend/cann/lib64",
                    ])
        }

        @Test func `nothing of the shim is open in the engine`() throws {
            let bench = try Workbench()
            bench.launch(script: "exec ls -1 /proc/self/fd")
            #expect(bench.runToEnd())
            // 3 is the directory that ls itself has open.
            #expect(bench.end == .exited(.code(0), logTail: ["0", "1", "2", "3"]))
        }

        @Test func `the built-in engine gets the published command and sources nothing`() throws {
            let bench = try Workbench()
            let spec = bench.spec(["python3", "-m", "sglang"], source: ["/no/such/set_env.sh"])
            bench.host.launch(bench.shard, spec, .rehearsal)
            #expect(bench.runToEnd())
            #expect(
                bench.end == .exited(.code(0), logTail: ["rehearsal-engine python3 -m sglang"]))
        }

        @Test func `the operator's program gets the published command`() throws {
            let bench = try Workbench()
            bench.host.launch(
                bench.shard, bench.spec(["python3", "-m"]), .command(["/bin/echo", "run"]))
            #expect(bench.runToEnd())
            #expect(bench.end == .exited(.code(0), logTail: ["run python3 -m"]))
        }
    }
}

/// Pieces of scripts.
enum Script {
    /// Three processes that ignore SIGTERM: a child, one in a session of its own, and an orphan in
    /// a session of its own. Goes on when all of them are noted.
    static let stubbornTree = """
        bash -c 'trap "" TERM; note; while :; do sleep 0.05; done' &
        setsid bash -c 'trap "" TERM; note; while :; do sleep 0.05; done' &
        (setsid bash -c 'trap "" TERM; note; while :; do sleep 0.05; done' &)
        while [ "$(wc -l < "$(dirname "$GLM_AGENT_STATE/x")/pids")" -lt 4 ]; do sleep 0.02; done

        """
}

// Stopping: first politely, then all of it, and told only when nothing is left.

import Base
import EventLoop
import Glibc
import Host
import Supervision
import Testing

@testable import Engines

extension EnginesTests {
    @Suite struct Stops {
        @Test func `an engine that obeys has its own exit code`() throws {
            let bench = try Workbench()
            bench.launch(script: "trap 'echo bye; exit 7' TERM; note; while :; do sleep 0.05; done")
            #expect(bench.runToStart() && bench.run { bench.pids.count == 2 })
            bench.host.stop(bench.shard, grace: .seconds(30))
            #expect(bench.runToEnd())
            #expect(bench.end == .stopped(.code(7)))
            #expect(try LogReader(bench.directory).tail(lines: 5) == ["bye"])
        }

        @Test func `a tree that ignores SIGTERM is gone after the grace`() throws {
            let bench = try Workbench()
            bench.launch(
                script: "trap '' TERM\n" + Script.stubbornTree + "while :; do sleep 0.05; done")
            #expect(bench.runToStart() && bench.run { bench.pids.count == 4 })
            #expect(bench.livingPids.count == 4)
            let begin = bench.loop.now
            bench.host.stop(bench.shard, grace: .milliseconds(400))
            #expect(bench.runToEnd())
            #expect(bench.loop.now - begin >= .milliseconds(400))
            #expect(bench.end == .stopped(.signal(SIGKILL)))
            #expect(bench.livingPids.isEmpty)
            #expect(bench.leftovers.isEmpty)
        }

        @Test func `a tree that forks as fast as it can is gone`() throws {
            let bench = try Workbench()
            bench.launch(
                script: """
                    trap '' TERM
                    spin() { while :; do (setsid sleep 1000 &) ; done; }
                    spin & spin & note; wait
                    """)
            #expect(bench.runToStart() && bench.run { bench.pids.count == 2 })
            bench.host.stop(bench.shard, grace: .zero)
            #expect(bench.runToEnd())
            #expect(bench.end == .stopped(.signal(SIGKILL)))
            #expect(bench.leftovers.isEmpty)
        }

        @Test func `a second stop shortens the grace`() throws {
            let bench = try Workbench()
            bench.launch(script: "trap '' TERM; note; while :; do sleep 0.05; done")
            #expect(bench.runToStart() && bench.run { bench.pids.count == 2 })
            bench.host.stop(bench.shard, grace: .seconds(600))
            bench.host.stop(bench.shard, grace: .milliseconds(100))
            #expect(bench.runToEnd())
            #expect(bench.end == .stopped(.signal(SIGKILL)))
        }

        @Test func `an engine that is stopped by a signal ends like any other`() throws {
            let bench = try Workbench()
            bench.launch(script: "exec sleep 1000")
            #expect(bench.runToStart())
            let process = try #require(bench.startedProcess)
            #expect(kill(process, SIGSTOP) == 0)
            bench.host.stop(bench.shard, grace: .seconds(600))
            #expect(bench.runToEnd())
            #expect(bench.end == .stopped(.signal(SIGTERM)))
        }

        @Test func `a stop that comes before the shim is kept for it`() throws {
            let bench = try Workbench()
            bench.launch(script: "exec sleep 1000")
            bench.host.stop(bench.shard, grace: .seconds(30))
            #expect(bench.runToEnd())
            #expect(bench.end == .stopped(.signal(SIGTERM)))
            #expect(bench.leftovers.isEmpty)
        }

        @Test func `a shim that hangs is killed with its engine`() throws {
            let bench = try Workbench()
            bench.host.acknowledgeLimit = .milliseconds(300)
            bench.launch(script: Script.stubbornTree + "while :; do sleep 0.05; done")
            #expect(bench.runToStart() && bench.run { bench.pids.count == 4 })
            bench.shim?.send(signal: SIGSTOP)
            bench.host.stop(bench.shard, grace: .seconds(600))
            #expect(bench.runToEnd())
            #expect(bench.end == .stopped(.unknown))
            #expect(bench.livingPids.isEmpty)
        }

        @Test func `SIGTERM to the shim stops its engine`() throws {
            let bench = try Workbench()
            bench.launch(script: "exec sleep 1000")
            #expect(bench.runToStart())
            bench.shim?.send(signal: SIGTERM)
            #expect(bench.runToEnd())
            #expect(bench.end == .stopped(.signal(SIGTERM)))
        }

        @Test func `orphans are reaped while the engine runs`() throws {
            let bench = try Workbench()
            bench.launch(
                script: "for i in 1 2 3 4 5; do (setsid bash -c 'note; exit 1' &); done; "
                    + "exec sleep 1000")
            #expect(bench.runToStart() && bench.run { bench.pids.count == 6 })
            let shim = try #require(bench.shim)
            // Only the engine is left below the shim, zombies included.
            #expect(bench.run { ProcessTable().descendants(of: shim.processID).count == 1 })
            bench.host.stop(bench.shard, grace: .seconds(5))
            #expect(bench.runToEnd())
        }
    }
}

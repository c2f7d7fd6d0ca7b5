// Whose the processes are that bear this agent's stamp.

import Base
import EventLoop
import Glibc
import Host
import Testing

@testable import Engines

extension EnginesTests {
    @Suite struct Own {
        private func start(_ bench: Workbench) -> Bool {
            bench.launch(script: "(note; exec sleep 1000) & wait")
            return bench.runToStart() && bench.run { bench.pids.count == 2 }
        }

        @Test func `what belongs to a shard that the agent has is its own`() throws {
            let bench = try Workbench()
            #expect(start(bench))
            let found = OwnProcesses.find(stateDirectory: bench.state)
            #expect(Set(bench.pids).isSubset(of: found.processes) && found.abandoned.isEmpty)
            bench.host.stop(bench.shard, grace: .seconds(5))
            #expect(bench.runToEnd())
            #expect(OwnProcesses.find(stateDirectory: bench.state) == OwnProcesses())
        }

        @Test func `a shard whose record is gone is left over, and the command told ends it`()
            throws
        {
            let bench = try Workbench()
            #expect(start(bench))
            bench.host.close()
            try Files.removeTree("\(bench.state)/shards")
            let found = OwnProcesses.find(stateDirectory: bench.state)
            #expect(found.processes.isEmpty)
            let left = try #require(found.abandoned.first)
            #expect(found.abandoned.count == 1 && left.shard == "\(bench.shard)")
            #expect(Set(bench.pids).isSubset(of: left.processes))
            #expect(left.command.hasPrefix("kill "), "its shim runs: \(left.command)")
            #expect(system(left.command) == 0)
            #expect(bench.run { bench.livingPids.isEmpty && bench.leftovers.isEmpty })
        }

        @Test func `one that lost its shim, too, is ended by its session`() throws {
            let bench = try Workbench()
            #expect(start(bench))
            bench.host.close()
            let shim = try #require(bench.shim)
            try Files.removeTree("\(bench.state)/shards")
            shim.send(signal: SIGKILL)
            #expect(bench.run { bench.livingPids.count == 1 }, "what the engine had started stays")
            let left = try #require(OwnProcesses.find(stateDirectory: bench.state).abandoned.first)
            #expect(left.command == "pkill -KILL -s \(shim.processID)")
            #expect(system(left.command) == 0)
            #expect(bench.run { bench.livingPids.isEmpty })
        }
    }
}

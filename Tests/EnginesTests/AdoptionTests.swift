// Agents come and go; shards stay, and whatever became of them meanwhile is found out.

import Base
import EventLoop
import Glibc
import Host
import Planning
import Supervision
import Testing

@testable import Engines

extension EnginesTests {
    @Suite struct Adoption {
        @Test func `a new agent finds the same engine and can stop it`() throws {
            let bench = try Workbench()
            bench.launch(script: "exec sleep 1000")
            #expect(bench.runToStart())
            let processID = try #require(bench.startedProcess)
            try bench.replaceHost()
            let found = try bench.host.adoptAll()
            #expect(found.map(\.shard) == [bench.shard])
            #expect(found.first?.spec.group == bench.shard.group)
            #expect(bench.runToStart())
            #expect(bench.events == [.adopted(processID: processID)])
            bench.host.stop(bench.shard, grace: .seconds(5))
            #expect(bench.runToEnd())
            #expect(bench.end == .stopped(.signal(SIGTERM)))
        }

        @Test func `a shard is adopted although its shim hangs, and can be stopped`() throws {
            let bench = try Workbench()
            bench.launch(script: "exec sleep 1000")
            #expect(bench.runToStart())
            let processID = try #require(bench.startedProcess)
            bench.shim?.send(signal: SIGSTOP)
            try bench.replaceHost()
            bench.host.acknowledgeLimit = .milliseconds(300)
            #expect(try bench.host.adoptAll().count == 1)
            #expect(bench.runToStart())
            #expect(bench.events == [.adopted(processID: processID)])
            bench.host.stop(bench.shard, grace: .seconds(600))
            #expect(bench.runToEnd())
            #expect(bench.end == .stopped(.unknown))
        }

        @Test func `a shard that is being ended is adopted until it has`() throws {
            let bench = try Workbench()
            bench.launch(script: "trap '' TERM; note; while :; do sleep 0.05; done")
            #expect(bench.runToStart() && bench.run { bench.pids.count == 2 })
            bench.host.stop(bench.shard, grace: .seconds(2))
            #expect(bench.run { ShimStatus.read(from: bench.directory)?.phase == .ending })
            try bench.replaceHost()
            #expect(try bench.host.adoptAll().count == 1)
            #expect(bench.runToStart())
            #expect(bench.end == nil)
            #expect(bench.runToEnd())
            #expect(bench.end == .stopped(.signal(SIGKILL)))
        }

        @Test func `an end that no agent saw is told to the next one`() throws {
            let bench = try Workbench()
            bench.launch(
                script: "trap 'echo last words; exit 5' USR1; while :; do sleep 0.05; done")
            #expect(bench.runToStart() && bench.run { bench.pids.count == 1 })
            bench.host.close()
            kill(try #require(bench.startedProcess), SIGUSR1)
            let shim = try #require(bench.shim)
            let before = bench.loop.wallTime
            #expect(bench.run { !shim.isAlive })
            let after = bench.loop.wallTime
            for _ in 0..<2 {
                try bench.replaceHost()
                #expect(try bench.host.adoptAll().count == 1)
                #expect(bench.runToEnd())
                #expect(
                    bench.events.map(\.untimed) == [.exited(.code(5), logTail: ["last words"])])
                // The time is that of the end, and not of whoever heard of it.
                let milliseconds = try #require(bench.ends.first?.endedAt).milliseconds
                #expect(before.millisecondsSinceEpoch <= milliseconds)
                #expect(milliseconds <= after.millisecondsSinceEpoch)
            }
            bench.host.forget(bench.shard)
            #expect(bench.run { !Files.exists(bench.directory.launchFile) })
            try bench.replaceHost()
            #expect(try bench.host.adoptAll().isEmpty)
        }

        @Test func `the engine dies with a killed shim, and all of its tree`() throws {
            let bench = try Workbench()
            bench.launch(
                script: "echo here\n" + Script.stubbornTree + "while :; do sleep 0.05; done")
            #expect(bench.runToStart() && bench.run { bench.pids.count == 4 })
            // What is still in the pipe when the shim is killed is lost.
            let log = LogReader(bench.directory)
            #expect(bench.run { (try? log.tail(lines: 1)) == ["here"] })
            bench.shim?.send(signal: SIGKILL)
            #expect(bench.runToEnd())
            #expect(bench.end == .exited(.unknown, logTail: ["here"]))
            #expect(bench.livingPids.isEmpty)
            #expect(bench.leftovers.isEmpty)
        }

        @Test func `what a shim killed in the agent's absence left is ended`() throws {
            let bench = try Workbench()
            bench.launch(script: Script.stubbornTree + "while :; do sleep 0.05; done")
            #expect(bench.runToStart() && bench.run { bench.pids.count == 4 })
            bench.host.close()
            let shim = try #require(bench.shim)
            shim.send(signal: SIGKILL)
            #expect(bench.run { !shim.isAlive })
            // The kernel ends the engine itself: no agent is there to do it.
            let engine = try #require(bench.pids.first)
            #expect(bench.run { ProcessIdentity(of: engine) == nil })
            try bench.replaceHost()
            #expect(try bench.host.adoptAll().count == 1)
            #expect(bench.runToEnd())
            #expect(bench.end == .exited(.unknown, logTail: []))
            #expect(bench.livingPids.isEmpty)
        }

        /// As a whole, or with one thread while the first obeys.
        static let hangs = [
            "dd if=/dev/zero of=FILE count=1",
            "python3 -c 'import threading; threading.Thread(target=lambda: open(\"FILE\", \"w\")).start()'",
        ]

        @Test(
            .enabled(if: FrozenDisk.isPossible, "a small disk is mounted and frozen"),
            arguments: hangs)
        func `a process that hangs in the kernel is adopted and told, until it ends`(
            command: String
        ) throws {
            let disk = try FrozenDisk()
            defer { disk.remove() }
            try disk.freeze()
            let bench = try Workbench()
            bench.host.lingerLimit = .milliseconds(600)
            // Its write waits in the kernel, where no signal is heard.
            bench.launch(
                script: "(note; exec \(command.replacing("FILE", with: "\(disk.path)/file"))) & "
                    + "exec sleep 1000")
            #expect(bench.runToStart() && bench.run { bench.pids.count == 2 })
            let hung = try #require(bench.pids.last)
            #expect(bench.run { hasThreadInKernel(hung) })
            // First an agent sees it happen.
            bench.shim?.send(signal: SIGKILL)
            #expect(bench.run { bench.events.contains(.lingers(processIDs: [hung])) })
            #expect(bench.end == nil && bench.host.stuckProcesses(of: bench.shard) == [hung])
            // Then another finds it.
            try bench.replaceHost()
            bench.host.lingerLimit = .milliseconds(600)
            #expect(try bench.host.adoptAll().count == 1)
            #expect(bench.runToStart())
            #expect(bench.events.prefix(1) == [.adopted(processID: hung)])
            #expect(bench.run { bench.events.contains(.lingers(processIDs: [hung])) })
            bench.host.stop(bench.shard, grace: .zero)
            #expect(!bench.loop.run(within: .milliseconds(300)) { bench.end != nil })
            disk.thaw()
            #expect(bench.runToEnd())
            #expect(bench.end == .stopped(.unknown))
        }

        private func hasThreadInKernel(_ process: Int32) -> Bool {
            let threads = (try? Files.list("/proc/\(process)/task")) ?? []
            return threads.contains { thread in
                Int32(thread.name).flatMap(ProcessEntry.init)?.state == "D"
            }
        }

        @Test func `a shard is adopted although the look at it hangs, and its end is told`() throws
        {
            let bench = try Workbench()
            bench.launch(script: "exec sleep 1000")
            #expect(bench.runToStart())
            try bench.replaceHost()
            bench.host.lingerLimit = .milliseconds(200)
            bench.host.queue.run({ _ = usleep(1_000_000) }) { (_: Result<Void, UVError>) in }
            let begun = bench.loop.now
            #expect(try bench.host.adoptAll().count == 1)
            #expect(bench.run { !bench.events.isEmpty })
            #expect(bench.events == [.adopted(processID: nil)])
            #expect(bench.loop.now - begun < .seconds(1))
            bench.host.stop(bench.shard, grace: .seconds(5))
            #expect(bench.runToEnd())
            #expect(bench.end == .stopped(.signal(SIGTERM)))
        }

        @Test func `a process without a readable environment is known by its session`() throws {
            let bench = try Workbench()
            // An empty environment is what a program with a title of its own leaves to be read.
            bench.launch(
                script: "note; env -i \(sleeper) & echo $! >> \(bench.pidFile); exec sleep 1000")
            #expect(bench.runToStart() && bench.run { bench.pids.count == 3 })
            let hidden = try #require(bench.pids.last)
            #expect(bench.run { ProcessEntry(processID: hidden)?.environment == [] })
            bench.shim?.send(signal: SIGKILL)
            #expect(bench.runToEnd())
            #expect(ProcessIdentity(of: hidden) == nil)
        }

        @Test func `another agent's processes are not touched`() throws {
            let other = try Workbench()
            let bench = try Workbench()
            for each in [other, bench] { each.launch(script: "exec sleep 1000") }
            #expect(other.runToStart() && bench.runToStart())
            bench.shim?.send(signal: SIGKILL)
            #expect(bench.runToEnd())
            let survivor = try #require(other.startedProcess)
            #expect(ProcessIdentity(of: survivor) != nil)
            other.host.stop(other.shard, grace: .seconds(5))
            #expect(other.runToEnd())
            #expect(other.end == .stopped(.signal(SIGTERM)))
        }

        @Test func `a launch that an agent gave up is never started late`() throws {
            let bench = try Workbench()
            let launch = ShardLaunch(
                shard: bench.shard, spec: bench.spec(["/bin/true"]), engine: .command([]),
                stateDirectory: bench.state, launcher: [Workbench.helper], grace: .seconds(1),
                logLimits: .standard)
            try Files.makeDirectories(bench.directory.path)
            try launch.write(to: bench.directory)
            #expect(try bench.host.adoptAll() == [launch])
            #expect(bench.runToEnd())
            #expect(bench.end == .exited(.unknown, logTail: []))
            var exit: ChildExit?
            let late = ChildSpecification(
                executable: Workbench.helper, arguments: ["shim", bench.directory.path],
                descriptors: [.null, .null, .null])
            let shim = try ChildProcess(bench.loop, late) { exit = $0 }
            #expect(bench.run { exit != nil })
            #expect(exit == .exited(code: 1))
            #expect(shim.pid > 0)
            #expect(ShimStatus.read(from: bench.directory) == nil)
        }

        @Test func `older generations' logs are pruned, group by group`() throws {
            let bench = try Workbench()
            let other = ShardID(
                group: GroupName("router"), generation: Generation(1), rank: .master)
            for shard in (1...5).map({ generation($0, bench) }) + [other] {
                bench.host.launch(shard, bench.spec(["/bin/echo", "x"]), .command([]))
                let count = bench.ends.count
                #expect(bench.run { bench.ends.count == count + 1 })
            }
            for shard in (1...5).map({ generation($0, bench) }) { bench.host.forget(shard) }
            let kept = (3...5).map { generation($0, bench) } + [other]
            #expect(bench.run { LogReader.shards(in: bench.state) == kept })
        }

        private func generation(_ value: Int, _ bench: Workbench) -> ShardID {
            ShardID(
                group: bench.shard.group, generation: Generation(UInt64(value)),
                rank: bench.shard.rank)
        }

        private var sleeper: String { "/bin/sleep 1000" }
    }
}

extension EndTime {
    fileprivate var milliseconds: Int64 { microsecondsSinceEpoch / 1000 }
}

// The forms of the files, and the names of the directories.

import Base
import Glibc
import Host
import Planning
import Supervision
import Testing

@testable import Engines

extension EnginesTests {
    @Suite struct Forms {
        @Test(arguments: ["prefill-0.g3.r1", "a.g1.r1.g22.r0", "router.g18446744073709551615.r0"])
        func `a directory's name is read back`(name: String) {
            #expect(ShardID(directoryName: name)?.description == name)
        }

        @Test(arguments: [
            "", ".g1.r1", "a", "a.g1", "a.r1", "a.g1.r", "a.g.r1", "a.g01.r1", "a.g+1.r1",
            "a.g1.r1.new", "a.r1.g1",
        ])
        func `other names are nobody's`(name: String) {
            #expect(ShardID(directoryName: name) == nil)
        }

        @Test(arguments: [EngineKind.sglang, .rehearsal, .command([]), .command(["a", "b c"])])
        func `a launch is read back as it was written`(engine: EngineKind) throws {
            let shard = ShardID(
                group: GroupName("prefill-1"), generation: Generation(7), rank: .master)
            let spec = LaunchSpec(
                node: NodeID("n1"), group: shard.group, role: .prefill, rank: .master,
                environment: [
                    EnvironmentVariable("A", "1"), EnvironmentVariable("A", "ü\"\n"),
                ],
                unset: ["x"], source: ["/s.sh"], argv: ["python3", "", "-m"],
                host: HostTuning(
                    sysctl: [EnvironmentVariable("vm.x", "0")], governor: "performance")
            )
            let launch = ShardLaunch(
                shard: shard, spec: spec, engine: engine, stateDirectory: "/var/lib/x",
                launcher: ["/usr/bin/glm-agent"], grace: .milliseconds(1500),
                logLimits: LogLimits(fileBytes: 10, files: 2))
            let text = launch.json.pretty
            #expect(try ShardLaunch(json: JSONValue(parsing: text)) == launch)
            let newer = text.split(separator: "\"version\": 1").joined(separator: "\"version\": 2")
            #expect(try ShardLaunch(json: JSONValue(parsing: newer)) == nil)
        }

        @Test(arguments: [
            nil, Supervision.ExitStatus.code(0), .code(255), .signal(9), .notStarted("why \"x\""),
            .unknown,
        ])
        func `a status is read back as it was written`(exit: Supervision.ExitStatus?) throws {
            let engine = ProcessIdentity(processID: 4711, startTicks: 99, boot: "b")
            var status = ShimStatus(since: WallTime(millisecondsSinceEpoch: 123))
            status.phase = .ending
            status.exit = exit
            status.endedAt = exit.map { _ in EndTime(microsecondsSinceEpoch: 7) }
            status.engine = exit == nil ? engine : nil
            status.remaining = [1, 2]
            status.isStopRequested = exit == .unknown
            #expect(try ShimStatus(json: JSONValue(parsing: status.json.compact)) == status)
        }

        @Test(arguments: ["{}", "[]", #"{"stop":{}}"#, #"{"stop":{"graceMilliseconds":-1}}"#])
        func `other requests are refused`(text: String) throws {
            #expect(try ShimRequest(json: JSONValue(parsing: text)) == nil)
        }

        @Test func `the second claim fails`() throws {
            let bench = try Workbench()
            let directory = ShardDirectory(path: bench.state)
            #expect(ShimClaim.read(from: directory) == nil)
            let identity = try #require(ProcessIdentity.current)
            try ShimClaim.shim(identity).make(in: directory)
            #expect(throws: (any Error).self) { try ShimClaim.abandoned.make(in: directory) }
            #expect(ShimClaim.read(from: directory) == .shim(identity))
        }

        @Test func `a path that no socket can have is refused`() throws {
            let state = "/tmp/" + String(repeating: "x", count: 90)
            let bench = try Workbench()
            var events: [ShardEvent] = []
            let host = try ShardHost(
                bench.loop, stateDirectory: state, launcher: [Workbench.helper]
            ) { events.append($1) }
            defer { rmdir(state + "/shards"); rmdir(state) }
            host.launch(bench.shard, bench.spec(["/bin/true"]), .sglang)
            #expect(bench.run { !events.isEmpty })
            guard case .failed(let reason) = events.first else {
                Issue.record("told \(events)")
                return
            }
            #expect(reason.contains("too long"))
        }
    }
}

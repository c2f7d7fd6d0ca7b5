// CANN's own logs: those of the engine's processes are read, and no others.

import Base
import Diagnosis
import EventLoop
import Glibc
import Host
import Planning
import Profiles
import Supervision
import Testing

@testable import Engines

extension EnginesTests {
    @Suite struct Plogs {
        @Test func `the logs of own processes tell what is wrong, by time`() throws {
            let bench = try Workbench()
            let path = "\(bench.state)/ascend"
            for kind in ["debug", "run"] { try Files.makeDirectories("\(path)/\(kind)/plog") }
            func write(_ name: String, _ text: String) throws {
                try Files.replace(
                    "\(path)/\(name)", with: Array(text.utf8), permissions: 0o600)
            }
            let own = getpid()
            try write(
                "debug/plog/plog-\(own)_2.log",
                """
                [ERROR] HCCL(\(own),python3):2026-05-06-07:08:09.500.000 [a.cc:1]EI0006 link\n
                """)
            try write(
                "run/plog/plog-\(own)_1.log",
                "[ERROR] HCCL(\(own),python3):2026-05-06-07:08:09.100.000 [a.cc:1]EI0016 tls\n")
            try write(
                "debug/plog/plog-1_1.log",
                "[ERROR] HCCL(1,python3):2026-05-06-07:08:01.100.000 [a.cc:1]EI0020 port\n")
            try write("debug/plog/notes.txt", "EI0008")
            let environment = [EnvironmentVariable("ASCEND_PROCESS_LOG_PATH", path)]
            let plog = try #require(PlogDirectory(environment, processID: own))
            let found = plog.read(until: 1_900_000_000_000_000, zone: 0)
            #expect(found.sightings.map(\.kind) == ["EI0016", "EI0006"])
            #expect(found.failure == nil)
        }

        /// The lines of one process, a millisecond apart.
        private func plog(_ process: Int32, from millisecond: Int, _ lines: [String]) -> String {
            lines.enumerated().map { index, line in
                "[ERROR] HCCL(\(process),python3):2026-05-06-07:08:09.\(millisecond + index).000 "
                    + "[a.cc:1] [9]\(line)\n"
            }
            .joined()
        }

        /// The second of two nodes with four dies each.
        private func start(_ bench: Workbench) throws -> [Scheduler] {
            try Files.makeDirectories("\(bench.state)/ascend/debug/plog")
            let layout = SchedulerLayout(dies: [8, 9, 10, 11], tensorPerNode: 4)
            let spec = LaunchSpec(
                node: NodeID("b"), group: bench.shard.group, role: .decode, rank: bench.shard.rank,
                environment: [
                    EnvironmentVariable("ASCEND_PROCESS_LOG_PATH", "\(bench.state)/ascend")
                ],
                unset: [], source: [],
                argv: [Workbench.helper, "schedulers", "TP4", "TP5", "TP6", "TP7"]
                    + ["--tp-size", "8", "--nnodes", "2", "--node-rank", "1"],
                host: .none, schedulers: layout)
            bench.host.launch(bench.shard, spec, .sglang)
            #expect(bench.run { bench.sightings.last?.running == 4 })
            return SchedulerRecord(readFrom: bench.directory).schedulers
        }

        /// What comes of CANN's logs once the engine has ended, and the judgement on it.
        private func judge(
            _ bench: Workbench, _ texts: [(Scheduler, String)]
        ) throws -> FailureDiagnosis {
            for (scheduler, text) in texts {
                let name = "plog-\(scheduler.identity.processID)_1.log"
                try Files.replace(
                    "\(bench.state)/ascend/debug/plog/\(name)", with: Array(text.utf8),
                    permissions: 0o600)
            }
            bench.host.stop(bench.shard, grace: .seconds(5))
            #expect(bench.runToEnd())
            let reading = LogReading(bench.directory, processID: bench.startedProcess)
            let said = reading.withPlog(isRunning: false).account.sightings
            #expect(said.count <= Recogniser.limit)
            return try #require(
                Diagnoser.diagnose(
                    said.map {
                        RankSighting(
                            rank: NodeRank(1), node: NodeID("b"), sighting: $0, time: $0.time)
                    }, nodes: [NodeID("a"), NodeID("b")]))
        }

        private func process(_ scheduler: Scheduler) -> Int32 { scheduler.identity.processID }

        @Test func `whom the root misses is named by rank, node and die`() throws {
            let bench = try Workbench()
            let root = try #require(try start(bench).first { $0.ranks == "TP6" })
            let judged = try judge(
                bench,
                [
                    (
                        root,
                        plog(
                            process(root), from: 100,
                            [
                                "[InitGroupStage][RanktableDetect]topo exchange server get socket "
                                    + "timeout! timeout[120 s]",
                                "[InitGroupStage]total connected num is [7],line num is [1]",
                                "TopoDetect ERROR occur !!! fault_type[1], "
                                    + "fault_info[\"Failed to connect agent[2,]\"]",
                            ])
                    )
                ])
            #expect(judged.kind == "EI0015" && judged.rank == NodeRank(0), "\(judged)")
            #expect(judged.node == NodeID("a") && judged.die == 10 && judged.worldRank == 2)
            #expect(judged.accuser == NodeRank(1))
        }

        @Test func `a process that accuses nobody is told with its own rank and die`() throws {
            let bench = try Workbench()
            let one = try #require(try start(bench).first { $0.ranks == "TP5" })
            let judged = try judge(
                bench, [(one, plog(process(one), from: 100, ["EI0020: port 16666 is bound"]))])
            #expect(judged.kind == "EI0020" && judged.rank == NodeRank(1))
            #expect(judged.worldRank == 5 && judged.die == 9)
        }

        @Test func `the one row that accuses is not lost among what all ranks say`() throws {
            let bench = try Workbench()
            let schedulers = try start(bench)
            let all = [
                "[Wait][LinkEstablish]wait socket establish timeout, role[0] rank[4]",
                "EI0002 notify wait timeout", "Scheduler watchdog timeout", "EI0012 SDMA",
            ]
            var texts = schedulers.enumerated().map { index, one in
                (one, plog(process(one), from: 100 + index * 10, all))
            }
            texts[3].1 += plog(
                process(texts[3].0), from: 900,
                [
                    " _________________________LINK_ERROR_INFO___________________________",
                    " | comm error, device[3]",
                    " | 192.168.2.198(1) | 16666 | 192.168.2.199(7) | 0 | server | time out | "
                        + "DISABLE |",
                ])
            let judged = try judge(bench, texts)
            #expect(judged.kind == "EI0006" && judged.rank == NodeRank(0), "\(judged)")
            #expect(judged.node == NodeID("a") && judged.die == 9 && judged.worldRank == 1)
        }

        @Test func `a directory that is not there says nothing`() throws {
            let environment = [EnvironmentVariable("ASCEND_PROCESS_LOG_PATH", "/nonexistent/x")]
            let plog = try #require(PlogDirectory(environment, processID: getpid()))
            #expect(plog.read(until: 0, zone: 0) == PlogDirectory.Account())
        }

        @Test func `one that cannot be listed is told`() throws {
            let bench = try Workbench()
            let path = "\(bench.state)/ascend"
            try Files.makeDirectories("\(path)/debug")
            try Files.replace("\(path)/debug/plog", with: [], permissions: 0o600)
            let environment = [EnvironmentVariable("ASCEND_PROCESS_LOG_PATH", path)]
            let plog = try #require(PlogDirectory(environment, processID: getpid()))
            let account = plog.read(until: 0, zone: 0)
            #expect(account.sightings.isEmpty && account.failure?.contains("plog") == true)
        }
    }
}

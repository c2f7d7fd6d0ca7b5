// CANN's own logs: those of the engine's processes are read, and no others.

import Diagnosis
import EventLoop
import Glibc
import Planning
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

// Logs that cannot be read are told, and those of CANN are read of an engine that runs.

import Base
import Diagnosis
import EventLoop
import Glibc
import Planning
import Supervision
import Testing

@testable import Engines

extension EnginesTests {
    @Suite struct LogTroubles {
        /// What a watch has told.
        private final class Ear {
            var accounts: [LogAccount] = []
            var troubles: [String?] = []
        }

        private func watch(_ bench: Workbench, _ ear: Ear) -> LogWatch {
            LogWatch(
                bench.loop, stateDirectory: bench.state,
                onNews: { _, account in ear.accounts.append(account) },
                onTrouble: { _, trouble in ear.troubles.append(trouble) })
        }

        @Test func `a log that stays unreadable is told once, and once when it is read again`()
            throws
        {
            let bench = try Workbench()
            let path = EngineLog.current(in: bench.directory.logDirectory)
            // Nobody, not even root, reads a directory like a file.
            try Files.makeDirectories(path)
            try Files.replace("\(path)/x", with: [], permissions: 0o600)
            let ear = Ear()
            let watch = watch(bench, ear)
            watch.follow(bench.shard, processID: nil)
            #expect(bench.loop.run(within: .seconds(20)) { !ear.troubles.isEmpty })
            #expect(ear.troubles.count == 1)
            #expect(ear.troubles.first??.contains("engine.log") == true, "\(ear.troubles)")
            try Files.removeTree(path)
            try Files.replace(path, with: Array("all is well\n".utf8), permissions: 0o600)
            #expect(bench.loop.run(within: .seconds(20)) { ear.troubles.count == 2 })
            #expect(ear.troubles.last == .some(nil))
            watch.close()
        }

        @Test func `what CANN says of an engine that runs is read when it is asked for`() throws {
            let bench = try Workbench()
            let path = "\(bench.state)/ascend"
            try Files.makeDirectories("\(path)/debug/plog")
            let spec = LaunchSpec(
                node: NodeID("a"), group: bench.shard.group, role: .decode, rank: bench.shard.rank,
                environment: [EnvironmentVariable("ASCEND_PROCESS_LOG_PATH", path)], unset: [],
                source: [], argv: ["/bin/sleep", "1000"], host: .none)
            bench.host.launch(bench.shard, spec, .sglang)
            #expect(bench.runToStart())
            let process = try #require(bench.startedProcess)
            let ear = Ear()
            let watch = watch(bench, ear)
            watch.follow(bench.shard, processID: process)
            let line = "[ERROR] HCCL(1,python3):2026-05-06-07:08:09.500.000 [a.cc:1]EI0006 link\n"
            try Files.replace(
                "\(path)/debug/plog/plog-\(process)_2.log", with: Array(line.utf8),
                permissions: 0o600)
            _ = bench.loop.run(within: .seconds(2)) { !ear.accounts.isEmpty }
            #expect(ear.accounts.isEmpty, "nobody has asked")
            watch.consult(bench.shard)
            #expect(bench.loop.run(within: .seconds(10)) { !ear.accounts.isEmpty })
            #expect(ear.accounts.last?.sightings.map(\.kind) == ["EI0006"])
            watch.close()
            bench.host.stop(bench.shard, grace: .seconds(5))
            #expect(bench.runToEnd())
        }
    }
}

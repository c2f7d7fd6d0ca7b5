// The watch over schedulers, with real processes that bear their titles.

import Base
import EventLoop
import Glibc
import Host
import Planning
import Profiles
import Supervision
import Testing

@testable import Engines

extension EnginesTests {
    @Suite struct Schedulers {
        private static let layout = SchedulerLayout(dies: [4, 5, 6, 7], tensorPerNode: 2)
        private static let titles = ["PP0_TP0", "PP0_TP1", "PP1_TP0", "PP1_TP1"]

        private func start(_ bench: Workbench, _ titles: [String] = titles) {
            let spec = LaunchSpec(
                node: NodeID("a"), group: bench.shard.group, role: .decode, rank: bench.shard.rank,
                environment: [], unset: [], source: [],
                argv: [Workbench.helper, "schedulers"] + titles, host: .none,
                schedulers: Self.layout)
            bench.host.launch(bench.shard, spec, .command([]))
            #expect(bench.run { bench.sightings.last?.running == titles.count })
        }

        @Test func `all are seen, and one that is killed is named with its die`() throws {
            let bench = try Workbench()
            start(bench)
            #expect(bench.sightings.allSatisfy { $0.expected == 4 && $0.ended.isEmpty })
            let victim = try #require(bench.schedulers.first { $0.title.hasSuffix("_PP1_TP0") })
            victim.identity.send(signal: SIGKILL)
            #expect(bench.run { bench.sightings.last?.ended.isEmpty == false })
            let told = try #require(bench.sightings.last)
            #expect(told.ended == ["PP1 TP0 (die 6)"] && told.running == 3)
            #expect(told.endedAt != nil, "the kernel tells when")
            #expect(bench.end == nil, "the main process goes on")
            bench.host.stop(bench.shard, grace: .seconds(5))
            #expect(bench.runToEnd())
            #expect(bench.leftovers.isEmpty)
        }

        @Test func `one that is stopped is told with its die, and no more when it goes on`() throws
        {
            let bench = try Workbench()
            start(bench)
            let victim = try #require(bench.schedulers.first { $0.title.hasSuffix("_PP1_TP0") })
            victim.identity.send(signal: SIGSTOP)
            #expect(bench.run { bench.sightings.last?.still.isEmpty == false })
            let told = try #require(bench.sightings.last)
            #expect(
                told.still == [
                    StillProcess(
                        name: "scheduler PP1 TP0 (die 6)", processID: victim.identity.processID,
                        isStopped: true)
                ])
            #expect(told.ended.isEmpty && told.running == 4)
            victim.identity.send(signal: SIGCONT)
            #expect(bench.run { bench.sightings.last?.still.isEmpty == true })
            bench.host.stop(bench.shard, grace: .seconds(5))
            #expect(bench.runToEnd())
        }

        @Test func `one that ended while there was no agent is missed by the next`() throws {
            let bench = try Workbench()
            start(bench)
            let victim = try #require(bench.schedulers.first { $0.title.hasSuffix("_PP0_TP1") })
            bench.host.close()
            victim.identity.send(signal: SIGKILL)
            try bench.replaceHost()
            #expect(try bench.host.adoptAll().count == 1)
            #expect(bench.run { bench.sightings.last?.ended == ["PP0 TP1 (die 5)"] })
            bench.host.stop(bench.shard, grace: .seconds(5))
            #expect(bench.runToEnd())
        }

        @Test func `the end of the main process is told as that alone`() throws {
            let bench = try Workbench()
            start(bench)
            kill(try #require(bench.startedProcess), SIGKILL)
            #expect(bench.runToEnd())
            #expect(bench.end == .exited(.signal(SIGKILL), logTail: []))
            #expect(bench.sightings.allSatisfy { $0.ended.isEmpty })
        }

        @Test func `a shard without schedulers is not searched`() throws {
            let bench = try Workbench()
            bench.launch(script: "exec sleep 1000")
            #expect(bench.runToStart())
            _ = bench.loop.run(within: .milliseconds(200)) { false }
            #expect(bench.sightings.isEmpty)
            bench.host.stop(bench.shard, grace: .seconds(5))
            #expect(bench.runToEnd())
        }

        @Test(
            arguments: [
                ("sglang::scheduler_PP1_TP3", "PP1 TP3"), ("sglang::scheduler", ""),
                ("sglang::scheduler DP0 TP3", "DP0 TP3"), ("sglang::detokenizer", nil),
                ("python3", nil), ("", nil),
            ] as [(String, String?)])
        func `a title tells the ranks`(title: String, ranks: String?) {
            #expect(SchedulerRecord.ranks(title) == ranks)
        }
    }
}

extension Workbench {
    var sightings: [SchedulerSighting] {
        events.compactMap { if case .schedulers(let sighting) = $0 { sighting } else { nil } }
    }

    /// The schedulers of this bench that run.
    var schedulers: [ProcessEntry] {
        startedProcess.map { ProcessTable().descendants(of: $0) }?.filter {
            $0.title.hasPrefix("sglang::scheduler") && $0.environment.isEmpty
        } ?? []
    }
}

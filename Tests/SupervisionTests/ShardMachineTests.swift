// The life of a shard, told in sentences.

import Base
import Diagnosis
import Supervision
import Testing

@Suite struct ShardMachineTests {
    @Test func `a shard lives from free ports to its end`() {
        var shard = ShardDriver()
        #expect(shard.state == .waiting)
        shard.take(.begin)
        #expect(shard.actions == [.checkPorts])
        shard.take(.portsChecked(conflict: nil))
        #expect(shard.actions == [.launch, .changed])
        #expect(shard.state == .starting)
        shard.take(.started(processID: 4711))
        #expect(shard.state == .loading && shard.report.processID == 4711)
        shard.take(.tick)
        #expect(shard.actions == [.probe(.readiness)])
        shard.take(.probed(.answers))
        #expect(shard.state == .ready)
        shard.take(.end)
        #expect(shard.actions == [.stop(grace: ShardDriver.policy.stopGrace), .changed])
        #expect(shard.state == .stopping)
        shard.take(.stopped(.code(0)))
        #expect(shard.state == .stopped && shard.machine.isGone)
        #expect(shard.report.processID == nil && shard.report.exit == .code(0))
        #expect(shard.machine.nextDeadline == nil)
    }

    @Test func `an engine that answers that it starts warms up, whatever its log keeps quiet`() {
        var shard = ShardDriver.loading()
        let graphs = LoadingProgress(phase: .graphs, moves: 40)
        shard.take(.progressed(graphs), .tick, .probed(.unreachable("does not listen yet")))
        #expect(shard.report.progress == graphs)
        shard.wait(.seconds(1))
        shard.take(.probed(.starting("HTTP 503")))
        #expect(shard.report.progress?.phase == .warmup)
        shard.take(.progressed(LoadingProgress(phase: .graphs, moves: 41)))
        #expect(shard.report.progress?.phase == .warmup, "what it answered stands")
        shard.take(.progressed(LoadingProgress(phase: .ready, moves: 42)))
        #expect(shard.report.progress?.phase == .ready)
    }

    @Test func `progress is reported while the shard loads, and only then`() {
        var shard = ShardDriver(rank: 1)
        let progress = LoadingProgress(phase: .weights, steps: .init(done: 3, total: 9), moves: 4)
        shard.take(.begin, .portsChecked(conflict: nil), .progressed(progress))
        #expect(shard.report.progress == nil)
        shard.take(.started(processID: 4711), .progressed(progress))
        #expect(shard.actions == [.changed])
        #expect(shard.report.progress == progress)
        shard.take(.progressed(progress))
        #expect(shard.actions.isEmpty)
        shard.take(.end)
        #expect(shard.report.progress == nil)
    }

    @Test func `ports that are taken are looked at again until they are free`() {
        var shard = ShardDriver()
        shard.take(.begin, .portsChecked(conflict: "port 8000 is held by python3 (99)"))
        #expect(shard.state == .waiting)
        #expect(shard.report.why == "port 8000 is held by python3 (99)")
        shard.take(.tick)
        #expect(shard.wanted.isEmpty)
        shard.wait(ShardDriver.policy.portRetry)
        #expect(shard.wanted == [.checkPorts])
        shard.take(.portsChecked(conflict: nil))
        #expect(shard.state == .starting && shard.report.why.isEmpty)
    }

    @Test func `a shard that ends before it began leaves nothing to stop`() {
        var shard = ShardDriver()
        shard.take(.begin, .end)
        #expect(shard.state == .stopped && shard.wanted.isEmpty)
        shard.take(.portsChecked(conflict: nil))
        #expect(shard.state == .stopped && shard.wanted.isEmpty)
        shard.take(.begin)
        #expect(shard.wanted.isEmpty)
    }

    @Test func `an end while the shim starts is a stop that the start cannot undo`() {
        var shard = ShardDriver()
        shard.take(.begin, .portsChecked(conflict: nil), .end)
        #expect(shard.state == .stopping)
        #expect(shard.wanted == [.stop(grace: ShardDriver.policy.stopGrace)])
        shard.take(.started(processID: 4711))
        #expect(shard.state == .stopping && shard.report.processID == 4711)
        #expect(shard.machine.nextDeadline == nil)
        shard.take(.stopped(.signal(15)))
        #expect(shard.state == .stopped)
    }

    @Test func `an end is asked for once`() {
        var shard = ShardDriver.ready()
        shard.take(.end, .end)
        #expect(shard.actions.isEmpty)
    }

    @Test(
        arguments: [
            (ShardInput.exited(.code(1), logTail: ["last"]), "exit code 1", ["last"]),
            (.exited(.signal(9), logTail: []), "killed by signal 9", []),
            (.exited(.unknown, logTail: []), "ended unseen", []),
            (.failed("no shim"), "no shim", []),
            (.stopped(.signal(15)), "stopped by somebody else, killed by signal 15", []),
        ] as [(ShardInput, String, [String])])
    func `an end that was not asked for is an exit with its reason`(
        input: ShardInput, why: String, logTail: [String]
    ) {
        var shard = ShardDriver.ready()
        shard.take(input)
        #expect(shard.state == .exited && shard.machine.isGone)
        #expect(shard.report.why == why)
        #expect(shard.report.logTail == logTail)
        #expect(shard.machine.nextDeadline == nil)
    }

    @Test(arguments: [
        ShardInput.exited(.signal(9), at: EndTime(microsecondsSinceEpoch: 7), logTail: []),
        .stopped(.code(0), at: EndTime(microsecondsSinceEpoch: 7)),
    ])
    func `the report tells when the process ended, whenever that is heard`(input: ShardInput) {
        var shard = ShardDriver.ready()
        #expect(shard.report.endedAt == nil)
        shard.take(input)
        #expect(shard.report.endedAt == EndTime(microsecondsSinceEpoch: 7))
        #expect(shard.report.since.millisecondsSinceEpoch >= ShardDriver.wallStart)
    }

    @Test func `the first word about an end stands`() {
        var shard = ShardDriver.ready()
        shard.take(.exited(.signal(9), logTail: ["out of memory"]))
        let report = shard.report
        shard.take(
            .stopped(.code(0)), .failed("the shim is gone"), .started(processID: 1), .end, .tick,
            .probed(.answers), .exited(.unknown, logTail: []))
        #expect(shard.report == report && shard.actions.isEmpty)
    }

    @Test func `the time of a state is that of its change`() {
        var shard = ShardDriver.loading()
        let since = shard.report.since
        shard.wait(.seconds(30))
        shard.take(.probed(.starting("loading weights")))
        #expect(shard.report.since == since)
        #expect(shard.actions == [.changed], "the reason is news")
        shard.wait(.seconds(30))
        shard.take(.probed(.answers))
        #expect(shard.report.since - since == .seconds(60))
    }
}

@Suite struct ShardProbeTests {
    @Test(arguments: [ProbeResult.starting("loading"), .failing("503"), .starting("refused")])
    func `loading is not hung, whatever the engine says, until the load limit`(
        result: ProbeResult
    ) {
        var shard = ShardDriver.loading()
        let limit = ShardDriver.policy.loadLimit
        #expect(shard.answer(result, for: limit - .seconds(5)) == [.loading])
        #expect(shard.answer(result, for: .seconds(10)) == [.loading, .unresponsive])
        #expect(shard.report.why.hasPrefix("does not serve"))
    }

    /// As when it hangs while its agent is started anew.
    @Test func `an engine whose log says that it serves is not loading for long`() {
        var shard = ShardDriver.loading()
        shard.take(.progressed(LoadingProgress(phase: .ready, moves: 9)))
        let limit = ShardDriver.policy.unresponsiveAfter
        #expect(shard.answer(.failing("503"), for: limit - .seconds(5)) == [.loading])
        #expect(shard.answer(.failing("503"), for: .seconds(10)) == [.loading, .unresponsive])
        #expect(shard.report.why == "its log says that it serves, but for 60 s: 503")
        #expect(shard.answer(.answers, for: .seconds(10)) == [.unresponsive, .ready])
    }

    @Test func `an engine that serves after its load limit is ready again`() {
        var shard = ShardDriver.loading()
        _ = shard.answer(.starting("slow disk"), for: ShardDriver.policy.loadLimit + .seconds(5))
        #expect(shard.answer(.answers, for: .seconds(10)) == [.unresponsive, .ready])
        #expect(shard.report.why.isEmpty)
    }

    @Test(arguments: [ProbeResult.failing("timeout"), .starting("refused")])
    func `a serving engine is unresponsive only after it failed for the whole limit`(
        result: ProbeResult
    ) {
        var shard = ShardDriver.ready()
        let limit = ShardDriver.policy.unresponsiveAfter
        #expect(shard.answer(result, for: limit) == [.ready])
        let interval = ShardDriver.policy.livenessInterval
        #expect(shard.answer(result, for: interval) == [.ready, .unresponsive])
        #expect(shard.report.why.hasPrefix("has not answered for"))
    }

    @Test func `the limit counts from the first question without an answer, however late that is`()
    {
        var shard = ShardDriver.ready()
        shard.wait(ShardDriver.policy.livenessInterval)
        shard.wait(.seconds(25))
        shard.take(.probed(.failing("timed out")))
        #expect(shard.state == .ready)
        #expect(shard.report.why == "has not answered for 25 s: timed out")
        shard.wait(ShardDriver.policy.readinessInterval)
        shard.wait(.seconds(25))
        shard.take(.probed(.failing("timed out")))
        #expect(shard.state == .ready)
        shard.wait(ShardDriver.policy.readinessInterval)
        shard.wait(.seconds(8))
        #expect(shard.state == .unresponsive, "60 s after the first question, with one under way")
        #expect(shard.report.why == "has not answered for 60 s: timed out")
    }

    @Test func `one failed question condemns nobody, however short the limit`() {
        var policy = ShardDriver.policy
        policy.unresponsiveAfter = .seconds(5)
        var shard = ShardDriver.ready(policy)
        shard.wait(policy.livenessInterval)
        shard.wait(.seconds(4))
        shard.take(.probed(.failing("503")))
        shard.wait(.seconds(3))
        #expect(shard.wanted == [.probe(.liveness)] && shard.state == .ready)
        shard.take(.probed(.answers))
        #expect(shard.state == .ready && shard.report.why.isEmpty)
    }

    @Test func `a question that is waited for as long as the limit is enough`() {
        var policy = ShardDriver.policy
        policy.unresponsiveAfter = .seconds(5)
        var shard = ShardDriver.ready(policy)
        shard.wait(policy.livenessInterval)
        shard.wait(.seconds(25))
        shard.take(.probed(.failing("timed out")))
        #expect(shard.state == .unresponsive)
    }

    @Test func `a router without workers is well, and says so for as long as it has none`() {
        var shard = ShardDriver.ready()
        let none = ProbeResult.idle("has nothing to route to")
        #expect(shard.answer(none, for: .seconds(3600)) == [.ready])
        #expect(shard.report.why == "has nothing to route to")
        // Workers that come are told within a second.
        #expect(shard.answer(.answers, for: .seconds(1)) == [.ready])
        #expect(shard.report.why.isEmpty)
    }

    @Test func `one answer begins the count anew`() {
        var shard = ShardDriver.ready()
        for _ in 0..<10 {
            #expect(shard.answer(.failing("timeout"), for: .seconds(55)) == [.ready])
            #expect(shard.answer(.answers, for: .seconds(10)) == [.ready])
        }
    }

    @Test func `an unresponsive engine that answers is ready, and its count begins anew`() {
        var shard = ShardDriver.ready()
        _ = shard.answer(.failing("timeout"), for: .seconds(90))
        #expect(shard.answer(.answers, for: .seconds(10)) == [.unresponsive, .ready])
        #expect(shard.answer(.failing("timeout"), for: .seconds(55)) == [.ready])
    }

    @Test func `there is one probe at a time`() {
        var shard = ShardDriver.loading()
        shard.take(.tick)
        #expect(shard.wanted == [.probe(.readiness)])
        shard.take(.tick)
        shard.wait(.seconds(600))
        #expect(shard.wanted.isEmpty)
        shard.take(.probed(.starting("loading")))
        shard.wait(ShardDriver.policy.readinessInterval)
        #expect(shard.wanted == [.probe(.readiness)])
    }

    @Test func `a serving engine is asked for a token`() {
        var shard = ShardDriver.ready()
        shard.wait(ShardDriver.policy.livenessInterval)
        #expect(shard.wanted == [.probe(.liveness)])
    }

    @Test func `an adopted shard is asked at once, since it may serve already`() {
        var shard = ShardDriver()
        shard.take(.adopted(processID: 4711))
        #expect(shard.state == .loading && shard.report.processID == 4711)
        shard.take(.tick)
        #expect(shard.wanted == [.probe(.readiness)])
        shard.take(.probed(.answers))
        #expect(shard.state == .ready)
    }

    @Test func `an adopted shard of which no more than remains are there is lost for good`() {
        var shard = ShardDriver()
        shard.take(.adopted(processID: 4711))
        shard.take(.lingers(why: "left process 4711 behind"))
        #expect(shard.state == .unresponsive && shard.report.why == "left process 4711 behind")
        shard.take(.tick)
        shard.take(.probed(.answers))
        #expect(shard.state == .unresponsive, "whoever answers there is not it")
        shard.take(.end)
        #expect(shard.state == .stopping)
        shard.take(.stopped(.unknown))
        #expect(shard.machine.isGone)
    }

    @Test(arguments: [false, true])
    func `an adopted shard of which nothing is known is judged by no limit`(saysReady: Bool) {
        var shard = ShardDriver()
        shard.take(.adopted(processID: 4711))
        if saysReady { shard.take(.progressed(LoadingProgress(phase: .ready, moves: 42))) }
        let end = shard.now + ShardDriver.policy.loadLimit * 2
        while shard.now < end, shard.waitForDeadline() {
            #expect(shard.wanted == [.probe(.readiness)])
            shard.take(.unasked("what it serves is not known yet"))
            #expect(shard.state == .loading)
        }
        #expect(shard.now >= end)
        #expect(shard.report.why == "what it serves is not known yet")
        // From now on it is known, and has as long as any other.
        let limit =
            saysReady ? ShardDriver.policy.unresponsiveAfter : ShardDriver.policy.loadLimit
        #expect(shard.answer(.unreachable("no answer"), for: limit - .seconds(10)) == [.loading])
        #expect(
            shard.answer(.unreachable("no answer"), for: .seconds(20))
                == [.loading, .unresponsive])
    }

    @Test(arguments: [1, 2, 7]) func `no rank but the first is ever probed`(rank: Int) {
        var shard = ShardDriver.loading(rank: rank)
        #expect(shard.machine.nextDeadline == nil)
        shard.wait(ShardDriver.policy.loadLimit + .seconds(60))
        #expect(shard.wanted.isEmpty && shard.state == .loading)
        shard.take(.exited(.code(1), logTail: []))
        #expect(shard.state == .exited)
    }

    @Test func `an answer that comes after the end changes nothing`() {
        var shard = ShardDriver.ready()
        shard.wait(ShardDriver.policy.livenessInterval)
        shard.take(.end, .probed(.answers))
        #expect(shard.state == .stopping && shard.actions.isEmpty)
    }

    /// Whatever happens in whatever order: what is gone stays gone, and a deadline never lies
    /// in the past after a tick, or the loop would spin.
    @Test(arguments: UInt64(0)..<40) func `no order of events breaks a shard`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let inputs: [ShardInput] = [
            .begin, .portsChecked(conflict: nil), .portsChecked(conflict: "taken"),
            .started(processID: 1), .adopted(processID: 2), .exited(.code(1), logTail: ["x"]),
            .stopped(.code(0)), .failed("no"), .probed(.answers), .probed(.starting("s")),
            .probed(.failing("f")), .unasked("u"), .end, .tick, .tick, .tick,
        ]
        for _ in 0..<20 {
            var shard = ShardDriver(rank: Int.random(in: 0...1, using: &generator))
            var stops = 0
            for _ in 0..<60 {
                let wasGone = shard.machine.isGone
                let input = inputs[Int.random(in: 0..<inputs.count, using: &generator)]
                shard.wait(generator.duration(in: .zero...(.seconds(20))))
                #expect((shard.machine.nextDeadline ?? shard.now + .seconds(1)) > shard.now)
                shard.take(input)
                stops += shard.wanted.count { if case .stop = $0 { true } else { false } }
                if wasGone { #expect(shard.machine.isGone && shard.wanted.isEmpty) }
            }
            #expect(stops <= 1, "seed \(seed)")
        }
    }
}

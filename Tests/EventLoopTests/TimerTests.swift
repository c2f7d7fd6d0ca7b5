import Base
import EventLoop
import Glibc
import Testing

extension EventLoopTests {
    @Suite struct Timers {
        @Test func `a thousand timers fire in the order of their deadlines`() throws {
            let loop = try Loop()
            let fired = Recorder<Int>()
            var generator = SeededGenerator(seed: 7)
            var timers: [LoopTimer] = []
            var deadlines: [Int] = []
            for index in 0..<1000 {
                let milliseconds = Int.random(in: 0..<50, using: &generator)
                deadlines.append(milliseconds)
                let timer = LoopTimer(loop) { fired.record(index) }
                timers.append(timer)
            }
            // Far enough away that none has passed before all are armed.
            let start = loop.now + .milliseconds(200)
            for (timer, milliseconds) in zip(timers, deadlines) {
                timer.arm(at: start + .milliseconds(milliseconds))
            }
            loop.run()
            let expected = deadlines.indices.sorted {
                (deadlines[$0], $0) < (deadlines[$1], $1)
            }
            #expect(fired.values == expected)
        }

        @Test func `a timer never fires early`() throws {
            let loop = try Loop()
            for microseconds in [0, 300, 1000, 2500, 7100] {
                let deadline = loop.now + .microseconds(microseconds)
                let firedAt = Recorder<Instant>()
                let timer = LoopTimer(loop) { firedAt.record(loop.now) }
                timer.arm(at: deadline)
                loop.run()
                #expect(firedAt.values.count == 1)
                for instant in firedAt.values { #expect(instant >= deadline) }
            }
        }

        @Test func `a timer that keeps arming itself for a time gone by leaves sockets their turn`()
            throws
        {
            let loop = try Loop()
            var descriptors: [Int32] = [0, 0]
            try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &descriptors) == 0)
            defer { for descriptor in descriptors { close(descriptor) } }
            let heard = Recorder<Bool>()
            let watcher = try PollWatcher(loop, descriptor: descriptors[0])
            try watcher.start(.readable) { _ in heard.record(true) }
            let impatient = Impatient(loop)
            impatient.timer?.arm(at: .zero)
            try #require(write(descriptors[1], "x", 1) == 1)
            #expect(
                loop.run(within: .seconds(2)) { impatient.turns > 3 && !heard.values.isEmpty })
            watcher.stop()
            impatient.timer = nil
        }

        /// Wants its next turn before it has ended this one.
        private final class Impatient {
            var timer: LoopTimer?
            var turns = 0

            init(_ loop: Loop) {
                timer = LoopTimer(loop) { [unowned self] in
                    turns += 1
                    timer?.arm(at: .zero)
                }
            }
        }

        @Test func `a timer can be armed again, cancelled and dropped`() throws {
            let loop = try Loop()
            let fired = Recorder<String>()
            let again = LoopTimer(loop) { fired.record("again") }
            again.arm(after: .seconds(60))
            again.arm(after: .milliseconds(1))
            let cancelled = loop.after(.zero) { fired.record("cancelled") }
            cancelled.cancel()
            do { _ = loop.after(.zero) { fired.record("dropped") } }
            loop.run()
            again.arm(after: .milliseconds(1))
            loop.run()
            #expect(fired.values == ["again", "again"])
        }

        @Test func `a repeating timer goes on until it is cancelled in its own callback`() throws {
            let loop = try Loop()
            var count = 0
            var timer: LoopTimer?
            timer = loop.every(.milliseconds(1)) {
                count += 1
                if count == 5 { timer?.cancel() }
            }
            loop.run()
            #expect(count == 5)
            timer = nil
        }

        @Test func `soon runs after the caller and in order`() throws {
            let loop = try Loop()
            let order = Recorder<Int>()
            loop.soon {
                loop.soon { order.record(3) }
                order.record(1)
            }
            loop.soon { order.record(2) }
            order.record(0)
            loop.run()
            #expect(order.values == [0, 1, 2, 3])
        }

        @Test func `a closed loop leaves its objects harmless`() throws {
            let loop = try Loop()
            let timer = loop.after(.zero) { Issue.record("a timer of a closed loop fired") }
            let listener = try StreamListener(loop, on: loopback) { _ in }
            loop.close()
            loop.close()
            timer.arm(after: .zero)
            timer.cancel()
            listener.close()
            loop.run()
            let born = loop.after(.zero) { Issue.record("a timer born closed fired") }
            #expect(!born.isArmed)
            #expect(throws: UVError.self) {
                try StreamListener(loop, on: loopback) { _ in }
            }
        }

        @Test func `a signal reaches its watcher`() throws {
            let loop = try Loop()
            var count = 0
            let watcher = try SignalWatcher(loop, signal: SIGUSR2) { count += 1 }
            // Not raise(): the test's thread may have the signal blocked.
            kill(getpid(), SIGUSR2)
            #expect(loop.run(within: patience) { count == 1 })
            withExtendedLifetime(watcher) {}
        }

        @Test func `a foreign descriptor is watched until the watch stops`() throws {
            let loop = try Loop()
            var ends: [Int32] = [0, 0]
            try #require(pipe(&ends) == 0)
            defer { for end in ends { close(end) } }
            let watcher = try PollWatcher(loop, descriptor: ends[0])
            var count = 0
            try watcher.start(.readable) { events in
                #expect(events == .readable)
                count += 1
                var byte: UInt8 = 0
                read(ends[0], &byte, 1)
                if count == 2 { watcher.stop() }
            }
            write(ends[1], "abc", 3)
            #expect(loop.run(within: patience) { count == 2 })
            loop.run()
            #expect(count == 2)
        }
    }
}

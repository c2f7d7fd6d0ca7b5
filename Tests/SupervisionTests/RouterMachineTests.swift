// The router's list follows what serves, whatever the router forgets.

import Base
import Supervision
import Testing

@Suite struct RouterMachineTests {
    private static let prefill = RouterWorker(url: "http://p", role: .prefill, bootstrapPort: 8998)
    private static let decode = RouterWorker(url: "http://d", role: .decode, bootstrapPort: nil)

    /// A router that carries out orders a while after it took them.
    private struct Bench {
        var machine = RouterMachine(at: .zero)
        var now = Instant.zero
        var workers: [String] = []
        var calls: [RouterCall] = []
        var answers = true
        /// The workers that it refuses to remove.
        var kept: Set<String> = []
        private var call: RouterCall?

        mutating func run(for duration: Duration) {
            let end = now + duration
            if call == nil { call = machine.tick(at: now) }
            while now < end {
                if let made = call {
                    calls.append(made)
                    call = machine.answered(answer(made), at: now)
                    continue
                }
                now = now + .milliseconds(500)
                call = machine.tick(at: now)
            }
        }

        private mutating func answer(_ call: RouterCall) -> RouterAnswer {
            guard answers else { return .failed("refused") }
            switch call {
            case .list: return .listed(workers.map { .init(identity: "id of \($0)", url: $0) })
            case .add(let worker): workers.append(worker.url)
            case .remove(_, let url) where kept.contains(url): return .failed("HTTP 500")
            case .remove(let identity, _): workers.removeAll { "id of \($0)" == identity }
            }
            return .done
        }

        var orders: [RouterCall] { calls.filter { $0 != .list } }
    }

    @Test func `a group whose generation has ended is taken from the list by its identity`() {
        var bench = Bench()
        bench.workers = ["http://p", "http://d"]
        bench.machine.want(serving: [Self.decode], gone: ["http://p"], at: bench.now)
        bench.run(for: .seconds(30))
        #expect(bench.workers == ["http://d"])
        #expect(bench.orders == [.remove(identity: "id of http://p", url: "http://p")])
    }

    @Test func `a group that serves again is put back, and a forgetful router told again`() {
        var bench = Bench()
        bench.machine.want(serving: [Self.prefill, Self.decode], gone: [], at: bench.now)
        bench.run(for: .seconds(5))
        #expect(bench.workers == ["http://p", "http://d"])
        bench.workers = []
        bench.run(for: .seconds(60))
        #expect(bench.workers == ["http://p", "http://d"])
        #expect(bench.orders.count == 4)
    }

    @Test func `a group that restarts twice within seconds is put back twice`() {
        var bench = Bench()
        for _ in 0..<2 {
            bench.machine.want(serving: [Self.prefill, Self.decode], gone: [], at: bench.now)
            bench.run(for: .seconds(3))
            #expect(bench.workers == ["http://p", "http://d"])
            bench.machine.want(serving: [], gone: ["http://p", "http://d"], at: bench.now)
            bench.run(for: .seconds(2))
            #expect(bench.workers.isEmpty)
        }
    }

    @Test func `workers that are starting, and those of an operator, are left alone`() {
        var bench = Bench()
        bench.workers = ["http://by-hand", "http://p"]
        bench.machine.want(serving: [Self.decode], gone: [], at: bench.now)
        bench.run(for: .seconds(30))
        #expect(bench.workers == ["http://by-hand", "http://p", "http://d"])
    }

    @Test func `an addition that the list does not show yet is not made twice`() {
        var bench = Bench()
        bench.machine.want(serving: [Self.decode], gone: [], at: bench.now)
        #expect(bench.machine.tick(at: bench.now) == .list)
        #expect(bench.machine.answered(.listed([]), at: bench.now) == .add(Self.decode))
        #expect(bench.machine.answered(.done, at: bench.now) == nil)
        for second in 1..<9 {
            let now = bench.now + .seconds(second)
            if bench.machine.tick(at: now) == .list {
                #expect(bench.machine.answered(.listed([]), at: now) == nil)
            }
        }
        #expect(bench.machine.tick(at: bench.now + .seconds(60)) == .list)
        let late = bench.machine.answered(.listed([]), at: bench.now + .seconds(60))
        #expect(late == .add(Self.decode), "in the end it has failed")
    }

    @Test func `a router that does not answer is asked again, once a second`() {
        var bench = Bench()
        bench.answers = false
        bench.machine.want(serving: [Self.decode], gone: [], at: bench.now)
        bench.run(for: .seconds(20))
        #expect((15...21).contains(bench.calls.count))
        bench.answers = true
        bench.run(for: .seconds(3))
        #expect(bench.workers == ["http://d"])
    }

    @Test func `a removal that is refused keeps nothing else back, and is tried again`() {
        var bench = Bench()
        bench.workers = ["http://x", "http://y", "http://p"]
        bench.kept = ["http://x", "http://y"]
        bench.machine.want(
            serving: [Self.decode], gone: ["http://x", "http://y", "http://p"], at: bench.now)
        bench.run(for: .seconds(6))
        #expect(bench.workers == ["http://x", "http://y", "http://d"])
        bench.calls = []
        bench.run(for: .seconds(20))
        let tried = bench.orders.compactMap {
            if case .remove(_, let url) = $0 { url } else { nil }
        }
        #expect(Set(tried) == bench.kept && (15...21).contains(tried.count), "\(tried)")
        bench.kept = []
        bench.run(for: .seconds(4))
        #expect(bench.workers == ["http://d"])
    }

    @Test func `what changes while a call is under way costs no timer`() {
        var bench = Bench()
        #expect(bench.machine.tick(at: bench.now) == .list)
        bench.machine.want(serving: [Self.decode], gone: [], at: bench.now)
        #expect(bench.machine.nextDeadline == nil)
        #expect(bench.machine.answered(.listed([]), at: bench.now) == .add(Self.decode))
    }
}

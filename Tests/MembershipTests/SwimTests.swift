import Base
import Membership
import Testing

/// One node on a bench: its peers are played by the test.
private struct Bench {
    static let born = Incarnation(100)
    let names: [NodeID]
    var swim: Swim
    var now = Instant.zero
    var actions: [SwimAction] = []
    /// What followed from the answers to pings.
    private var answers: [SwimAction] = []

    /// Node `n0` among `n0 ... nX`, all heard of as alive.
    init(nodeCount: Int, seed: UInt64 = 7) {
        names = (0..<nodeCount).map { NodeID("n\($0)") }
        swim = Swim(local: names[0], incarnation: Self.born, peers: names, seed: seed, at: now)
        let alive = names.dropFirst().map {
            MemberUpdate(node: $0, state: .alive, incarnation: Self.born, source: $0)
        }
        take(.received(SwimMessage(.pullReply, updates: Array(alive)), from: names[1]))
    }

    /// Steps and keeps only what followed from this step.
    mutating func take(_ input: SwimInput) {
        actions = []
        swim.step(input, at: now, into: &actions)
    }

    mutating func hear(_ kind: SwimMessage.Kind, _ updates: [MemberUpdate] = [], from node: Int) {
        take(.received(SwimMessage(kind, updates: updates), from: names[node]))
    }

    func update(
        _ node: Int, _ state: MemberState, by source: Int, incarnation: Incarnation = born
    ) -> MemberUpdate {
        MemberUpdate(
            node: names[node], state: state, incarnation: incarnation, source: names[source])
    }

    /// Goes to the next deadline and ticks there.
    mutating func tick() {
        if let deadline = swim.nextDeadline { now = max(now, deadline) }
        take(.tick)
    }

    /// Ticks until the condition holds.
    mutating func tick(
        until condition: (Bench) -> Bool, at location: SourceLocation = #_sourceLocation
    ) {
        for _ in 0..<200 {
            tick()
            if condition(self) { return }
        }
        Issue.record("not within 200 ticks", sourceLocation: location)
    }

    /// Answers every ping of the last step; each one is told before.
    mutating func answerPings(_ onPing: (Int, Instant) -> Void = { _, _ in }) {
        for case .send(let message, let node) in actions {
            guard case .ping(let sequence) = message.kind else { continue }
            if let position = names.firstIndex(of: node) { onPing(position, now) }
            swim.step(
                .received(SwimMessage(.acknowledge(sequence, subject: node)), from: node),
                at: now, into: &answers)
        }
    }

    mutating func tickAnswering(_ onPing: (Int, Instant) -> Void = { _, _ in }) {
        tick()
        answerPings(onPing)
    }

    func state(_ node: Int) -> MemberState? { swim.state(of: names[node]) }

    func messages(to node: Int) -> [SwimMessage] {
        actions.compactMap {
            if case .send(let message, to: names[node]) = $0 { message } else { nil }
        }
    }

    func pings(to node: Int) -> [ProbeSequence] {
        messages(to: node).compactMap {
            if case .ping(let sequence) = $0.kind { sequence } else { nil }
        }
    }
}

@Suite struct SwimTests {
    @Test func `a node that has met nobody knows its peers as dead and says nothing of them`() {
        let names = ["a", "b", "c"].map { NodeID($0) }
        var swim = Swim(
            local: names[1], incarnation: Incarnation(9), peers: names, seed: 1, at: .zero)
        #expect(swim.members.map(\.node) == names)
        #expect(swim.members.map(\.state) == [.dead, .alive, .dead])
        #expect(swim.isIsolated)
        var actions: [SwimAction] = []
        swim.step(.streamOpened(names[0]), at: .zero, into: &actions)
        let own = MemberUpdate(
            node: names[1], state: .alive, incarnation: Incarnation(9), source: names[1])
        #expect(actions == [.send(SwimMessage(.pushPull, updates: [own]), to: names[0])])
    }

    @Test func `a node alone is not isolated and waits for nothing`() {
        let swim = Swim(
            local: NodeID("a"), incarnation: Incarnation(1), peers: [], seed: 1, at: .zero)
        #expect(!swim.isIsolated)
        #expect(swim.nextDeadline == nil)
    }

    @Test(arguments: [MemberState.suspect, .dead, .left])
    func `a rumour about this node is refuted above its incarnation at once`(state: MemberState) {
        var bench = Bench(nodeCount: 4)
        bench.hear(.gossip, [bench.update(0, state, by: 2)], from: 1)
        let refutation = bench.update(0, .alive, by: 0, incarnation: Incarnation(101))
        for node in 1...3 {
            #expect(bench.messages(to: node).contains { $0.updates.contains(refutation) })
        }
        bench.hear(.gossip, [bench.update(0, state, by: 2)], from: 1)
        #expect(bench.swim.members[0].incarnation == Incarnation(101), "refuted only once")
    }

    @Test func `extreme and foreign input does no harm`() {
        var bench = Bench(nodeCount: 3)
        let top = Incarnation(.max)
        for state in MemberState.allCases {
            bench.hear(.gossip, [bench.update(0, state, by: 1, incarnation: top)], from: 1)
        }
        #expect(bench.swim.members[0].incarnation == Bench.born)
        let stranger = NodeID("stranger")
        let word = MemberUpdate(node: stranger, state: .dead, incarnation: top, source: stranger)
        bench.hear(.gossip, [word], from: 1)
        bench.take(.received(SwimMessage(.ping(ProbeSequence(1))), from: stranger))
        bench.take(.agentGone(stranger))
        bench.take(.streamOpened(stranger))
        bench.take(.streamLost(stranger))
        bench.hear(.acknowledge(ProbeSequence(999), subject: stranger), from: 1)
        bench.hear(.negativeAcknowledge(ProbeSequence(999)), from: 1)
        #expect(bench.actions.isEmpty)
        #expect(bench.swim.members.count == 3)
    }

    @Test func `an answered probe leaves its member alive`() throws {
        var bench = Bench(nodeCount: 2)
        bench.tick(until: { !$0.pings(to: 1).isEmpty })
        let sequence = try #require(bench.pings(to: 1).first)
        bench.now = bench.now + .milliseconds(299)
        bench.hear(.acknowledge(sequence, subject: bench.names[1]), from: 1)
        bench.now = bench.now + .milliseconds(200)
        bench.take(.tick)
        #expect(bench.state(1) == .alive)
    }

    @Test func `a late answer does not count`() throws {
        var bench = Bench(nodeCount: 2)
        bench.tick(until: { !$0.pings(to: 1).isEmpty })
        let sequence = try #require(bench.pings(to: 1).first)
        bench.tick(until: { $0.state(1) == .suspect })
        bench.hear(.acknowledge(sequence, subject: bench.names[1]), from: 1)
        #expect(bench.state(1) == .suspect)
        bench.tick(until: { $0.state(1) == .dead })
    }

    @Test func `an answer to a question put to a suspect clears it`() throws {
        var bench = Bench(nodeCount: 2)
        bench.tick(until: { $0.state(1) == .suspect })
        bench.tick(until: { !$0.pings(to: 1).isEmpty })
        let ping = try #require(bench.messages(to: 1).first)
        #expect(ping.updates.first == bench.update(1, .suspect, by: 0), "it is told first")
        let sequence = try #require(bench.pings(to: 1).first)
        bench.hear(.acknowledge(sequence, subject: bench.names[1]), from: 1)
        #expect(bench.state(1) == .alive)
    }

    @Test func `a death by hearsay is believed only if the member does not answer`() throws {
        for answers in [true, false] {
            var bench = Bench(nodeCount: 4)
            bench.hear(.gossip, [bench.update(2, .dead, by: 3)], from: 3)
            #expect(bench.state(2) == .alive)
            let sequence = try #require(bench.pings(to: 2).first)
            #expect(bench.messages(to: 2).first?.updates.first == bench.update(2, .dead, by: 3))
            if answers {
                bench.hear(.acknowledge(sequence, subject: bench.names[2]), from: 1)
            }
            bench.now = bench.now + .milliseconds(200)
            bench.take(.tick)
            #expect(bench.state(2) == (answers ? .alive : .dead))
        }
    }

    @Test func `a second and later sign that an agent is gone ends the wait`() {
        var bench = Bench(nodeCount: 4)
        bench.take(.agentGone(bench.names[2]))
        bench.now = bench.now + .milliseconds(10)
        bench.take(.agentGone(bench.names[2]))
        #expect(bench.state(2) == .alive, "two streams, one event")
        bench.now = bench.now + .milliseconds(90)
        bench.take(.agentGone(bench.names[2]))
        #expect(bench.state(2) == .dead)
        let death = bench.update(2, .dead, by: 0)
        #expect(bench.messages(to: 1).contains { $0.updates.contains(death) })
        #expect(bench.messages(to: 3).contains { $0.updates.contains(death) })
    }

    @Test func `a relay passes the answer on or says that there was none`() throws {
        let asked = ProbeSequence(4711)
        for answers in [true, false] {
            var bench = Bench(nodeCount: 3)
            bench.hear(.pingRequest(asked, target: bench.names[2]), from: 1)
            let sequence = try #require(bench.pings(to: 2).first)
            if answers {
                bench.hear(.acknowledge(sequence, subject: bench.names[2]), from: 2)
            } else {
                bench.now = bench.now + .milliseconds(150)
                bench.take(.tick)
            }
            let expected: SwimMessage.Kind =
                answers
                ? .acknowledge(asked, subject: bench.names[2]) : .negativeAcknowledge(asked)
            #expect(bench.messages(to: 1).contains { $0.kind == expected })
        }
    }

    @Test func `an isolated node keeps its dead to itself until a majority corrects it`() {
        var bench = Bench(nodeCount: 4)
        bench.tick(until: { $0.swim.isIsolated && $0.state(3) == .dead })
        bench.tick(until: { bench in (1...3).allSatisfy { bench.state($0) == .dead } })
        bench.take(.streamOpened(bench.names[1]))
        let own = bench.update(0, .alive, by: 0)
        let expected = [bench.update(1, .dead, by: 0), own]
        #expect(bench.messages(to: 1) == [SwimMessage(.pushPull, updates: expected)])
        let reply = [
            bench.update(1, .alive, by: 1, incarnation: Incarnation(101)),
            bench.update(2, .alive, by: 2), bench.update(3, .alive, by: 3),
        ]
        bench.hear(.pullReply, reply, from: 1)
        #expect((1...3).allSatisfy { bench.state($0) == .alive })
        #expect(bench.actions.contains(.isolated(false)))
    }

    @Test func `early and repeated ticks do nothing`() {
        var bench = Bench(nodeCount: 4)
        for _ in 0..<50 {
            bench.tick()
            bench.take(.tick)
            #expect(bench.actions.isEmpty)
        }
    }

    @Test func `a node that left only answers`() {
        var bench = Bench(nodeCount: 3)
        bench.take(.leave)
        #expect(bench.state(0) == .left)
        bench.tick(until: { $0.swim.nextDeadline == nil })
        bench.hear(.gossip, [bench.update(0, .dead, by: 2)], from: 1)
        #expect(bench.actions.isEmpty)
        bench.hear(.ping(ProbeSequence(3)), from: 1)
        #expect(
            bench.messages(to: 1).map(\.kind)
                == [.acknowledge(ProbeSequence(3), subject: bench.names[0])])
    }

    @Test(arguments: [4, 16, 64, 500])
    func `an interval costs the same in any size`(nodeCount: Int) {
        var bench = Bench(nodeCount: nodeCount)
        var sent = 0
        while bench.now < .zero + .seconds(40) {
            bench.tick()
            // The news of the start is out by then.
            let isCounted = bench.now > .zero + .seconds(20)
            for case .send(let message, let node) in bench.actions {
                if isCounted { sent += 1 }
                if message.kind != .pushPull { #expect(message.updates.count <= 32) }
                if case .ping(let sequence) = message.kind {
                    let answer = SwimMessage(.acknowledge(sequence, subject: node))
                    bench.take(.received(answer, from: node))
                }
            }
        }
        #expect(bench.swim.members.allSatisfy { $0.state == .alive })
        // 40 rounds of five probes, two push-pulls.
        #expect(sent <= 210, "\(sent) messages in 20 s")
    }
    @Test func `each of sixteen is probed in every third round`() {
        var bench = Bench(nodeCount: 16)
        var lastProbe: [Int: Instant] = [:]
        while bench.now < .zero + .seconds(20) {
            bench.tickAnswering { node, now in
                let pause = now - (lastProbe[node] ?? now)
                #expect(pause <= .milliseconds(1500), "node \(node)")
                lastProbe[node] = now
            }
        }
        #expect(lastProbe.count == 15)
    }

    @Test func `a failed probe asks everyone who was heard but has not answered`() {
        var bench = Bench(nodeCount: 16)
        var asked: Set<Int> = []
        var suspects: [Int] = []
        while suspects.isEmpty, bench.now < .zero + .seconds(5) {
            bench.tick()
            asked.formUnion((1...15).filter { !bench.pings(to: $0).isEmpty })
            suspects = (1...15).filter { bench.state($0) == .suspect }
            for node in 1...15 { bench.hear(.gossip, from: node) }
        }
        #expect(!suspects.isEmpty)
        #expect(asked.count == 15)
    }

    @Test func `news after a long silence is not taken for lateness`() {
        var bench = Bench(nodeCount: 4)
        while bench.now < .zero + .seconds(8) { bench.tickAnswering() }
        bench.hear(.gossip, [bench.update(2, .suspect, by: 3)], from: 3)
        bench.take(.tick)
        #expect(!bench.actions.contains { if case .late = $0 { true } else { false } })
    }

    @Test func `a node that was stopped says so once, and when it is in time again`() {
        var bench = Bench(nodeCount: 4)
        while bench.now < .zero + .seconds(4) { bench.tickAnswering() }
        var told: [SwimAction] = []
        for pause in [Duration.seconds(5), .seconds(1)] {
            let due = bench.swim.nextDeadline ?? bench.now
            bench.now = due + pause
            bench.take(.tick)
            told += bench.actions.filter { if case .late = $0 { true } else { false } }
            bench.answerPings()
        }
        #expect(told == [.late(by: .seconds(5))])
        let stopped = bench.now
        while bench.now < stopped + .seconds(4) {
            bench.tickAnswering()
            told += bench.actions.filter { $0 == .inTime }
        }
        #expect(told.dropFirst() == [.inTime])
        #expect(bench.swim.members.allSatisfy { $0.state == .alive })
    }
}

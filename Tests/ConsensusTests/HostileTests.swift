// What a peer may say that no honest peer says: it is dropped, with the reason, and nothing stops.

import Base
import Testing

@testable import Consensus

@Suite struct HostileTests {
    /// A follower of b in term 2 with three committed entries of terms 1, 2, 2, and one more.
    private func follower() -> Bench {
        var bench = Bench()
        bench.receive(append(after: 0, of: 0, terms: [1, 2, 2, 2], commit: 3), from: b, term: 2)
        return bench
    }

    private func rejection(
        _ kind: RaftMessage.Kind, from sender: NodeID = c, term: UInt64 = 3, of bench: Bench? = nil
    ) -> [RaftRejection] {
        var bench = bench ?? follower()
        let before = (bench.raft.commitIndex, bench.raft.lastIndex)
        let actions = bench.receive(kind, from: sender, term: term)
        #expect(actions.sends.isEmpty)
        #expect((bench.raft.commitIndex, bench.raft.lastIndex) == before)
        return actions.rejections
    }

    private func snapshot(_ index: UInt64, _ term: UInt64) -> RaftMessage.Kind {
        .installSnapshot(Snapshot(index: LogIndex(index), term: Term(term), state: []))
    }

    @Test func `two leaders of one term: the second is not followed`() {
        let second = RaftRejection.secondLeader(Term(2), first: b)
        #expect(rejection(append(after: 0, of: 0), term: 2) == [second])
        var leader = Bench()
        leader.elect()
        let own = RaftRejection.secondLeader(Term(1), first: a)
        #expect(rejection(append(after: 0, of: 0), term: 1, of: leader) == [own])
        #expect(rejection(snapshot(9, 1), term: 1, of: leader) == [own])
        #expect(rejection(.timeoutNow, term: 2) == [.notFromLeader])
    }

    @Test func `a committed entry is never contradicted`() {
        let third = RaftRejection.contradictsCommitted(LogIndex(3))
        #expect(rejection(append(after: 2, of: 2, terms: [3])) == [third])
        #expect(rejection(append(after: 3, of: 1)) == [third])
        #expect(rejection(snapshot(3, 1)) == [third])
        #expect(rejection(snapshot(9, 1)) == [third], "terms never fall")
    }

    @Test func `a message that contradicts itself is dropped before anything follows from it`() {
        for kind in [
            append(after: 4, of: 9), append(after: 4, of: 2, terms: [9]),
            append(after: 4, of: 2, terms: [3, 2]), snapshot(0, 0), snapshot(9, 9),
            .voteRequest(lastIndex: LogIndex(9), lastTerm: Term(3)),
            .preVoteRequest(lastIndex: LogIndex(9), lastTerm: Term(3)),
            .snapshotPiece(piece(9, of: 3, at: 2, [1, 2])),
        ] {
            #expect(rejection(kind) == [.inconsistent], "\(kind)")
        }
        var bench = follower()
        bench.receive(append(after: 4, of: 9), from: c, term: 3)
        #expect(bench.raft.term == Term(2))
    }

    private func piece(
        _ index: UInt64, of total: UInt64, at offset: UInt64, _ bytes: [UInt8]
    ) -> SnapshotPiece {
        SnapshotPiece(
            index: LogIndex(index), term: Term(3), participants: nil, stateByteCount: total,
            offset: offset, bytes: bytes)
    }

    @Test func `numbers that nobody can have counted to are dropped`() {
        for (kind, term) in [
            (append(after: .max, of: 0), 3), (append(after: 0, of: 0), .max),
            (append(after: 0, of: 0), 1 << 40), (append(after: 0, of: 0, commit: .max), 3),
            (snapshot(.max, 1), 3), (.voteReply(granted: true), 1 << 61),
            (.appendReply(accepted: true, matched: LogIndex(.max)), 3),
            (.snapshotPieceReply(index: .zero, receivedByteCount: .max), 3),
            (.snapshotPiece(piece(.max, of: .max, at: .max, [1])), 3),
        ] as [(RaftMessage.Kind, UInt64)] {
            #expect(rejection(kind, term: term) == [.implausibleNumber], "\(kind)")
        }
    }

    @Test func `answers to what was never said are dropped`() {
        var leader = Bench()
        leader.elect()
        for kind in [
            .appendReply(accepted: true, matched: LogIndex(2)),
            .appendReply(accepted: false, matched: LogIndex(2)),
            .appendReply(accepted: true, matched: LogIndex(1), round: ReadRound(1)),
            .snapshotReply(matched: LogIndex(2)),
            .snapshotPieceReply(index: LogIndex(1), receivedByteCount: 0),
        ] as [RaftMessage.Kind] {
            #expect(rejection(kind, term: 1, of: leader) == [.answersNothing], "\(kind)")
        }
        #expect(rejection(.voteReply(granted: true), from: a, term: 1, of: leader) == [.ownName])
    }

    @Test func `a snapshot longer than is ever taken is not begun`() {
        let configuration = RaftConfiguration(snapshotPieceBytesLimit: 8, snapshotBytesLimit: 8)
        let bench = Bench(configuration: configuration)
        let kind = RaftMessage.Kind.snapshotPiece(piece(9, of: 9, at: 0, [1]))
        #expect(rejection(kind, of: bench) == [.tooLong(bytes: 9)])
    }
}

/// A peer that says anything, while the others are honest.
@Suite struct FuzzTests {
    static let seeds: ClosedRange<UInt64> = 1...60

    /// The liar is a learner, as a voter that lies may elect two leaders by voting twice. It speaks
    /// in a term of its own now and then, so the honest nodes are deposed; but they never vote
    /// twice, and no two of them lead one term.
    @Test(arguments: [1, 3, 5])
    func `no lie stops a node or elects two leaders`(voters: Int) throws {
        var (lies, rejected, leaders) = (0, 0, 0)
        for seed in Self.seeds {
            var cluster = LiedTo(voters: voters, seed: seed)
            cluster.run(rounds: 400)
            lies += cluster.lies
            rejected += cluster.rejected
            leaders += cluster.leaders.count
            #expect(
                cluster.violations.isEmpty,
                "\(voters) voters, seed \(seed). Replay: seeds = \(seed)...\(seed)")
        }
        #expect(lies > 5000)
        #expect(rejected > lies / 10)
        #expect(leaders > Self.seeds.count)
    }
}

/// Honest nodes on benches, and one liar that has heard everything and repeats it changed.
private struct LiedTo {
    private var benches: [NodeID: Bench] = [:]
    private let nodes: [NodeID]
    private let liar = NodeID("liar")
    private var generator: SeededGenerator
    private var heard: [RaftMessage] = []
    private var flying: [(message: RaftMessage, from: NodeID, to: NodeID)] = []
    private var votes: [String: NodeID] = [:]
    private(set) var leaders: [Term: NodeID] = [:]
    private(set) var violations: [String] = []
    private(set) var lies = 0
    private(set) var rejected = 0

    init(voters count: Int, seed: UInt64) {
        generator = SeededGenerator(seed: seed)
        nodes = (1...count).map { NodeID("n\($0)") }
        for node in nodes {
            benches[node] = Bench(
                node, voters: nodes, learners: [liar], seed: generator.next(),
                configuration: RaftConfiguration(
                    snapshotPieceBytesLimit: 3, tailEntriesLimit: 2, promotionLagLimit: .max))
        }
    }

    mutating func run(rounds: Int) {
        for _ in 0..<rounds {
            for node in nodes {
                let actions = benches[node]?.wait(.milliseconds(50)) ?? []
                take(actions, from: node)
            }
            let arriving = flying
            flying = []
            for (message, sender, receiver) in arriving {
                deliver(message, from: sender, to: receiver)
            }
            for _ in 0..<Int.random(in: 0...2, using: &generator) { lie() }
            work()
        }
    }

    private mutating func deliver(_ message: RaftMessage, from sender: NodeID, to node: NodeID) {
        take(benches[node]?.step(.received(message, from: sender)) ?? [], from: node)
    }

    private mutating func take(_ actions: [RaftAction], from node: NodeID) {
        for action in actions {
            switch action {
            case .send(let message, let receiver):
                check(message, from: node, to: receiver)
                heard.append(message)
                if heard.count > 60 { heard.removeFirst() }
                if receiver != liar { flying.append((message, node, receiver)) }
            case .rejected: rejected += 1
            default: break
            }
        }
        guard let raft = benches[node]?.raft, raft.role == .leader else { return }
        if let other = leaders.updateValue(node, forKey: raft.term), other != node {
            violations.append("\(other) and \(node) lead term \(raft.term)")
        }
    }

    private mutating func check(_ message: RaftMessage, from node: NodeID, to receiver: NodeID) {
        guard case .voteReply(granted: true) = message.kind else { return }
        let vote = "\(node) in \(message.term)"
        if let other = votes.updateValue(receiver, forKey: vote), other != receiver {
            violations.append("\(vote) votes for \(other) and \(receiver)")
        }
    }

    private mutating func work() {
        guard let node = nodes.randomElement(using: &generator), let raft = benches[node]?.raft
        else { return }
        let input: RaftInput =
            switch Int.random(in: 0..<6, using: &generator) {
            case 0: .compact(upTo: raft.commitIndex, state: [1, 2, 3, 4, 5, 6, 7, 8])
            case 1: .read(ReadID(generator.next()))
            case 2: .change(.remove(liar), ProposalID(1))
            case 3: .transferLeadership(to: nil, ProposalID(2))
            default: .propose([7], ProposalID(3))
            }
        take(benches[node]?.step(input) ?? [], from: node)
    }

    private mutating func lie() {
        guard let node = nodes.randomElement(using: &generator), let raft = benches[node]?.raft
        else { return }
        lies += 1
        let overheard = heard.randomElement(using: &generator)
        let kind =
            generator.chance(0.4) ? overheard?.kind ?? .timeoutNow : invented(about: raft)
        let term =
            generator.chance(0.3) ? overheard?.term ?? raft.term : Term(number(raft.term.value))
        deliver(RaftMessage(term: term, kind), from: liar, to: node)
    }

    /// Near what is true, as that goes deepest, or anything.
    private mutating func number(_ truth: UInt64) -> UInt64 {
        switch Int.random(in: 0..<12, using: &generator) {
        case 0: generator.next()
        case 1: 1 << UInt64.random(in: 30...63, using: &generator)
        case 2: .max
        case 3, 4: truth &+ UInt64.random(in: 0...3, using: &generator)
        case 5, 6: truth &- UInt64.random(in: 0...3, using: &generator)
        default: truth
        }
    }

    private mutating func index(_ raft: Raft) -> LogIndex {
        let truths = [raft.commitIndex, raft.lastIndex, raft.snapshotIndex]
        return LogIndex(number(truths[Int.random(in: 0...2, using: &generator)].value))
    }

    private mutating func invented(about raft: Raft) -> RaftMessage.Kind {
        let index = index(raft)
        let term = Term(number(raft.log.term(at: index)?.value ?? raft.term.value))
        let flag = generator.chance(0.5)
        let round = ReadRound(number(raft.reads.round.value))
        switch Int.random(in: 0..<11, using: &generator) {
        case 0: return .preVoteRequest(lastIndex: index, lastTerm: term)
        case 1: return .preVoteReply(granted: flag)
        case 2: return .voteRequest(lastIndex: index, lastTerm: term, isTransfer: flag)
        case 3: return .voteReply(granted: flag)
        case 4, 5: return append(after: index, of: term, raft)
        case 6: return .appendReply(accepted: flag, matched: index, round: round)
        case 7:
            return .installSnapshot(
                Snapshot(index: index, term: term, state: [9], participants: participants(flag)))
        case 8: return .snapshotReply(matched: index)
        case 9: return piece(at: index, of: term, flag)
        default:
            return flag
                ? .timeoutNow : .snapshotPieceReply(index: index, receivedByteCount: number(3))
        }
    }

    private mutating func append(
        after index: LogIndex, of term: Term, _ raft: Raft
    ) -> RaftMessage.Kind {
        let count = UInt64.random(in: 0...3, using: &generator)
        let entries = (0..<count).map { offset in
            LogEntry(
                index: LogIndex(number(index.value &+ offset &+ 1)),
                term: Term(number(term.value)),
                payload: participants(generator.chance(0.1)).map { .participants($0) }
                    ?? .command([1]))
        }
        return .append(
            previousIndex: index, previousTerm: term, entries: entries, commit: self.index(raft))
    }

    private mutating func piece(
        at index: LogIndex, of term: Term, _ flag: Bool
    ) -> RaftMessage.Kind {
        .snapshotPiece(
            SnapshotPiece(
                index: index, term: term, participants: participants(flag),
                stateByteCount: number(6), offset: number(3), bytes: [1, 2, 3]))
    }

    /// Honest names only: participants that a liar makes up may well elect the liar.
    private func participants(_ isGiven: Bool) -> Participants? {
        isGiven ? Participants(voters: nodes, learners: [liar]) : nil
    }
}

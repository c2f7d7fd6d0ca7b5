// One machine on a bench: the test plays its peers, its disk and its clock.

import Base

@testable import Consensus

let a = NodeID("a")
let b = NodeID("b")
let c = NodeID("c")
let d = NodeID("d")
let e = NodeID("e")

struct Bench {
    var raft: Raft
    var now = Instant.zero
    /// False: writes stay unconfirmed until ``flush()``.
    var flushesAtOnce = true
    private(set) var unflushed: [PersistToken] = []
    private(set) var disk: DurableState

    init(
        _ local: NodeID = a, voters: [NodeID] = [a, b, c], learners: [NodeID] = [],
        restored: DurableState = .empty, disk: DiskID? = nil, seed: UInt64 = 1,
        configuration: RaftConfiguration = RaftConfiguration()
    ) {
        self.disk = restored
        raft = Raft(
            configuration: configuration, local: local,
            bootstrap: Participants(voters: voters, learners: learners), restored: restored,
            disk: disk, seed: seed, at: now)
    }

    @discardableResult
    mutating func step(_ input: RaftInput) -> [RaftAction] {
        var actions: [RaftAction] = []
        raft.step(input, at: now, into: &actions)
        for case .persist(let request) in actions {
            disk.apply(request)
            unflushed.append(request.token)
        }
        if flushesAtOnce { actions += flush() }
        return actions
    }

    /// The disk catches up.
    mutating func flush() -> [RaftAction] {
        var actions: [RaftAction] = []
        while !unflushed.isEmpty {
            actions += step(.persisted(unflushed.removeFirst()))
        }
        return actions
    }

    @discardableResult
    mutating func receive(
        _ kind: RaftMessage.Kind, from sender: NodeID, term: UInt64? = nil
    ) -> [RaftAction] {
        step(.received(RaftMessage(term: term.map(Term.init) ?? raft.term, kind), from: sender))
    }

    /// Receives a promise that is kept on that disk.
    @discardableResult
    mutating func answer(
        _ kind: RaftMessage.Kind, from sender: NodeID, on disk: DiskID, life: UInt64 = 1,
        term: Term? = nil
    ) -> [RaftAction] {
        let stamp = DiskStamp(disk: disk, life: life)
        let message = RaftMessage(term: term ?? raft.term, kind, stamp: stamp)
        return step(.received(message, from: sender))
    }

    /// Lets time pass, ticking whenever the machine wants to.
    @discardableResult
    mutating func wait(_ span: Duration) -> [RaftAction] {
        let end = now + span
        var actions: [RaftAction] = []
        while let deadline = raft.nextDeadline, deadline <= end {
            now = max(now, deadline)
            actions += step(.tick)
        }
        now = end
        return actions
    }

    /// Makes the node the leader, with the votes of all others.
    @discardableResult
    mutating func elect() -> [RaftAction] {
        var actions: [RaftAction] = []
        while raft.role == .follower { actions += wait(.milliseconds(100)) }
        for peer in raft.quorum.voters where raft.role == .preCandidate && peer != raft.local {
            receive(.preVoteReply(granted: true), from: peer, term: raft.term.next.value)
        }
        for peer in raft.quorum.voters where raft.role == .candidate && peer != raft.local {
            actions += receive(.voteReply(granted: true), from: peer)
        }
        return actions
    }
}

extension [RaftAction] {
    /// What is sent to that node.
    func messages(to node: NodeID) -> [RaftMessage] {
        compactMap {
            if case .send(let message, to: node) = $0 { message } else { nil }
        }
    }

    var sends: [RaftMessage] {
        compactMap {
            if case .send(let message, _) = $0 { message } else { nil }
        }
    }

    var rejections: [RaftRejection] {
        compactMap {
            if case .rejected(let reason, _) = $0 { reason } else { nil }
        }
    }

    var refusals: [RaftRefusal] {
        compactMap {
            if case .refused(_, let reason) = $0 { reason } else { nil }
        }
    }

    var committed: [UInt64] {
        compactMap {
            if case .commit(let entry) = $0 { entry.index.value } else { nil }
        }
    }
}

extension RaftMessage {
    init(_ term: UInt64, _ kind: Kind) {
        self.init(term: Term(term), kind)
    }

    /// The indices of an append's entries; nil for any other message.
    var appended: [UInt64]? {
        guard case .append(_, _, let entries, _, _) = kind else { return nil }
        return entries.map(\.index.value)
    }
}

/// An append in short: entries of the given terms after a place.
func append(
    after index: UInt64, of term: UInt64, terms: [UInt64] = [], commit: UInt64 = 0
) -> RaftMessage.Kind {
    .append(
        previousIndex: LogIndex(index), previousTerm: Term(term),
        entries: log(terms, after: index), commit: LogIndex(commit))
}

/// Entries of the given terms, the first after `index`.
func log(_ terms: [UInt64], after index: UInt64 = 0) -> [LogEntry] {
    terms.enumerated().map { offset, term in
        let index = index + UInt64(offset) + 1
        return LogEntry(
            index: LogIndex(index), term: Term(term),
            payload: .command([UInt8(truncatingIfNeeded: index), UInt8(term)]))
    }
}

/// A disk with a log of the given terms.
func disk(_ terms: [UInt64], term: UInt64? = nil, votedFor: NodeID? = nil) -> DurableState {
    DurableState(
        hardState: HardState(term: Term(term ?? terms.last ?? 0), votedFor: votedFor),
        snapshot: nil, entries: log(terms))
}

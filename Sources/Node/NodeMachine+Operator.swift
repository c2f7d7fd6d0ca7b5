// What operators ask: a proposal goes to the leader and comes back when it is committed, a log is
// read on the node that wrote it. Any agent takes any request.

import Base
import CBOR
import ClusterState
import Consensus
import Membership
import Planning
import WireProtocol
import YAML

extension NodeMachine {
    mutating func operate(_ id: RequestID, _ request: OperatorRequest) {
        switch request {
        case .apply:
            let wanted = configuration.deployment
            guard state.deployment != wanted else {
                let text = "\(wanted.profileName): agreed already; nothing changes"
                actions.append(.answer(id, .accepted(text)))
                return
            }
            operate(id, .propose(.deploy(wanted)))
        case .members(let order):
            if consensus.role == .leader {
                requests.localDeadlines[id] = now + configuration.requestTimeout
                self.order(order, for: .local(id))
            } else if let leader = consensus.leader {
                forward(.members(order), id, to: leader)
            } else {
                actions.append(.answer(id, noLeader))
            }
        case .propose(let action):
            let command = Command(action, at: wall)
            if consensus.role == .leader {
                requests.localDeadlines[id] = now + configuration.requestTimeout
                propose(command, for: .local(id))
            } else if let leader = consensus.leader {
                forward(.propose(command), id, to: leader)
            } else {
                actions.append(.answer(id, noLeader))
            }
        case .log(let shard, let lastLines, let from):
            readLog(id, shard, lastLines: lastLines, from: from)
        case .examine(let node, let question): examine(id, node, question)
        case .compare(let deployment):
            let answer: PeerAnswer =
                switch difference(to: deployment) {
                case .success(let document): .document(document.compact)
                case .failure(let refusal): refusal.answer
                }
            actions.append(.answer(id, answer))
        case .confirm:
            if consensus.role == .leader {
                requests.localDeadlines[id] = now + configuration.requestTimeout
                confirm(for: .local(id))
            } else if let leader = consensus.leader {
                forward(.confirm, id, to: leader)
            } else {
                actions.append(.answer(id, noLeader))
            }
        case .inventory(let node):
            if leadership != nil {
                actions.append(.answer(id, toldInventory(of: node)))
            } else if let leader = consensus.leader {
                forward(.inventory(node), id, to: leader)
            } else {
                actions.append(.answer(id, noLeader))
            }
        }
    }

    private var noLeader: PeerAnswer {
        if let outsideText { return .refused(.unavailable, outsideText) }
        let text = "no leader is known: the cluster has no quorum"
        return .refused(.unavailable, text, advice: Advice.missing)
    }

    mutating func propose(_ command: Command, for origin: Requests.Origin) {
        if consensus.role == .leader, let refusal = refusal(of: command.action) {
            tell(origin, refusal.answer)
            return
        }
        let proposal = requests.newProposal(for: origin)
        driveConsensus(.propose(command.cbor.encoded, proposal))
    }

    private mutating func forward(
        _ request: PeerRequest, _ id: RequestID, to node: NodeID, within limit: Duration? = nil
    ) {
        let number = requests.forward(
            id, request, to: node, deadline: now + (limit ?? configuration.requestTimeout))
        send(.request(number, request), to: node)
    }

    /// Another node asks.
    mutating func serve(_ request: PeerRequest, _ id: RequestID, for node: NodeID) {
        switch request {
        // The ledger is written by the clock of the leader, whoever was asked.
        case .propose(let command):
            propose(Command(command.action, at: wall), for: .peer(node, id))
        case .log(let shard, let lastLines, let from):
            let lines = min(lastLines, Self.logLinesLimit)
            actions.append(.readLog(.peer(node, id), shard: shard, lastLines: lines, from: from))
        case .members(let order): self.order(order, for: .peer(node, id))
        case .examine(let question):
            actions.append(.examine(.peer(node, id), question.bounded))
        case .inventory(let wanted): send(.answer(id, toldInventory(of: wanted)), to: node)
        case .confirm: confirm(for: .peer(node, id))
        }
    }

    private mutating func examine(_ id: RequestID, _ node: NodeID, _ question: NodeQuestion) {
        if node == configuration.local {
            actions.append(.examine(.local(id), question))
        } else if absentSince(node) != nil {
            let how =
                membership.state(of: node) == .left ? "was stopped" : "does not answer"
            actions.append(
                .answer(
                    id,
                    .refused(
                        .unavailable, "\(node): its agent \(how)",
                        advice: Advice.missing)))
        } else {
            // SGLang takes long to import.
            let factor = if case .preflight = question { 3 } else { 1 }
            forward(
                .examine(question), id, to: node, within: configuration.examinationTimeout * factor)
        }
    }

    /// An answer must fit into a frame.
    private static let logLinesLimit = 10_000

    /// Another node has answered.
    mutating func answered(_ id: RequestID, _ answer: PeerAnswer, by node: NodeID) {
        guard let request = requests.forwarded[id], request.node == node else { return }
        requests.forwarded[id] = nil
        if case .confirmed(let index) = answer, index > applied {
            requests.localDeadlines[request.local] = request.deadline
            requests.awaited[request.local] = index
        } else {
            actions.append(.answer(request.local, answer))
        }
    }

    // MARK: - Confirmed answers

    /// A leader that has been replaced does not know it yet: a majority must say that it is none.
    private mutating func confirm(for origin: Requests.Origin) {
        let read = requests.newRead(for: origin)
        driveConsensus(.read(read))
    }

    mutating func readable(_ read: ReadID) {
        guard let origin = requests.reads.removeValue(forKey: read) else { return }
        tell(origin, .confirmed(applied))
    }

    mutating func unreadable(_ read: ReadID, _ refusal: RaftRefusal) {
        guard let origin = requests.reads.removeValue(forKey: read) else { return }
        tell(origin, .refused(.unavailable, "\(refusal)"))
    }

    /// Answers what had to wait until this node has applied what the leader had.
    mutating func settleAwaited() {
        for id in requests.awaited.filter({ $0.value <= applied }).map(\.key).sorted() {
            requests.awaited[id] = nil
            tell(.local(id), .confirmed(applied))
        }
    }

    // MARK: - What becomes of proposals

    mutating func tell(_ origin: Requests.Origin, _ answer: PeerAnswer) {
        switch origin {
        case .leader(let subject):
            hasNews = true
            leadership?.underway[subject] = nil
            if subject == .participants, case .refused = answer { participantsRefused() }
        case .local(let id):
            // Silence after the deadline: it was answered then.
            guard requests.localDeadlines.removeValue(forKey: id) != nil else { return }
            actions.append(.answer(id, answer))
        case .peer(let node, let id): send(.answer(id, answer), to: node)
        }
    }

    mutating func refused(_ proposal: ProposalID, _ refusal: RaftRefusal) {
        guard let known = requests.proposals.removeValue(forKey: proposal) else { return }
        tell(known.origin, .refused(.unavailable, "\(refusal)"))
    }

    mutating func transferred(_ proposal: ProposalID) {
        guard let known = requests.proposals.removeValue(forKey: proposal) else { return }
        if known.origin == .leader(.succession) { handedOverAt = now }
        tell(known.origin, .accepted("leadership was handed over. Watch: glm-agent members"))
    }

    /// The entry at that place is committed: the proposals that stand there are done, and those of
    /// another term at that place are lost.
    mutating func settled(
        _ index: LogIndex, _ term: Term, refusal: String?, consequence: String?
    ) {
        let here = requests.proposals.filter { $0.value.index == index }
        for (proposal, known) in here.sorted(by: { $0.key.value < $1.key.value }) {
            requests.proposals[proposal] = nil
            if known.term != term {
                let text = "another leader took over"
                tell(known.origin, .refused(.unavailable, text, advice: Advice.again))
            } else if let refusal {
                // What the leader saw when it proposed this has changed meanwhile.
                tell(known.origin, .refused(.unsafe, refusal))
            } else {
                tell(known.origin, .accepted(consequence ?? "agreed"))
            }
        }
    }

    /// A snapshot stands for the log up to there: what became of what this node proposed there while it led, no
    /// entry will tell.
    mutating func overtaken(upTo index: LogIndex) {
        let there = requests.proposals.filter { $0.value.index.map { $0 <= index } ?? false }
        for (proposal, known) in there.sorted(by: { $0.key.value < $1.key.value }) {
            requests.proposals[proposal] = nil
            tell(
                known.origin, .refused(.timedOut, "another leader took over; it may be agreed"))
        }
    }

    mutating func expireRequests() {
        let late = requests.forwarded.filter { $0.value.deadline <= now }
        for (id, request) in late.sorted(by: { $0.key < $1.key }) {
            requests.forwarded[id] = nil
            let silence = "\(request.node) did not answer in time"
            let text = request.isOrder ? "\(silence); \(Self.mayStillBe)" : silence
            actions.append(.answer(request.local, .refused(.timedOut, text)))
        }
        for id in requests.localDeadlines.filter({ $0.value <= now }).map(\.key).sorted() {
            requests.localDeadlines[id] = nil
            let text =
                requests.stopsWaiting(id)
                ? "not confirmed in time" : "not committed in time; \(Self.mayStillBe)"
            actions.append(.answer(id, .refused(.timedOut, text)))
        }
    }

    /// Whoever orders it once more may have it twice.
    private static let mayStillBe = "it may still be done"

    /// A node that is gone examines nothing; who waits for it need not wait for the limit.
    mutating func giveUpExaminations(of node: NodeID) {
        let open = requests.forwarded.filter { $0.value.node == node && $0.value.isExamination }
        for (id, request) in open.sorted(by: { $0.key < $1.key }) {
            requests.forwarded[id] = nil
            let text = "\(node): its agent went away before it answered"
            actions.append(
                .answer(request.local, .refused(.unavailable, text, advice: Advice.missing)))
        }
    }

    // MARK: - Logs

    private mutating func readLog(
        _ id: RequestID, _ name: String, lastLines: Int, from: UInt64?
    ) {
        guard let (shard, node) = resolve(name) else {
            let known = state.groups.compactMap(\.launched).flatMap { group in
                group.ranks.indices.map { "\(group.name)/\($0)" }
            }
            let text = unknown("shard", name, known: known)
            actions.append(.answer(id, .refused(.notFound, text, advice: Advice.groups)))
            return
        }
        if node == configuration.local {
            actions.append(
                .readLog(.local(id), shard: shard, lastLines: lastLines, from: from))
        } else {
            forward(.log(shard: shard, lastLines: lastLines, from: from), id, to: node)
        }
    }

    /// `prefill-0/1`, `router` or `prefill-0.g3.r1` as a shard's full name and its node.
    private func resolve(_ name: String) -> (shard: String, node: NodeID)? {
        for record in state.groups {
            guard let group = record.launched else { continue }
            for (index, planned) in group.ranks.enumerated() {
                let shard = ShardID(
                    group: record.name, generation: record.generation, rank: NodeRank(index))
                let isShort =
                    name == "\(record.name)/\(index)"
                    || (group.ranks.count == 1 && name == record.name.name)
                if isShort { return (shard.description, planned.node) }
                // Any generation of this rank, as long as its log is kept.
                let parts = name.split(separator: ".g")
                if parts.count == 2, parts[0] == record.name.name,
                    parts[1].hasSuffix(".r\(index)")
                {
                    return (name, planned.node)
                }
            }
        }
        return nil
    }

    mutating func deliver(_ answer: PeerAnswer, to reader: Recipient) {
        switch reader {
        case .local(let id): actions.append(.answer(id, answer))
        case .peer(let node, let id): send(.answer(id, answer), to: node)
        }
    }
}

extension NodeQuestion {
    /// As much of it as a node does for another: a cluster of the largest size asks for less.
    fileprivate var bounded: NodeQuestion {
        switch self {
        case .facts, .speed, .preflight: self
        case .strike(.freezeAgent(let seconds)):
            .strike(.freezeAgent(seconds: min(seconds, Strike.longestFreeze)))
        case .strike: self
        case .reach(let dials, let pings):
            .reach(dials: Array(dials.prefix(1000)), pings: Array(pings.prefix(128)))
        }
    }
}

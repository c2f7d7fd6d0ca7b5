// Voters that have forgotten. Two majorities share a voter, and Raft rests on what that voter remembers; if it is the
// one that lost its disk, two leaders of one term or a lost entry may come of it. So a majority counts only if
// enough of it remember: more than the voters that a majority may lack. Those alone meet every other majority.
//
//     remembers ──another disk, or an older copy──▶ on probation ──agreed, and caught up──▶ remembers
//
// Both ways are entries of the log like any change of the participants, one at a time and each on top of what
// is agreed: a new disk is trusted only when it is agreed that the old one is not. Consensus.md has the proof.

public import Base

// MARK: - Counting

/// An answer to a campaign.
struct Ballot: Hashable, Sendable {
    let isGranted: Bool
    /// The disk that it is written on.
    let disk: DiskID?
}

extension Quorum {
    /// Of a majority, so many must remember: any of them and any majority share a voter.
    var rememberingSize: Int { voters.count - size + 1 }

    /// The largest value that a majority has reached, with enough among them that remember; `nothing` where
    /// too few do.
    func reached<Value: Comparable>(
        _ value: (NodeID) -> Value, remembering: (NodeID) -> Bool, otherwise nothing: Value
    ) -> Value {
        let known = voters.filter(remembering).map(value).sorted(by: >)
        guard known.count >= rememberingSize else { return nothing }
        return min(reachedByMajority(value), known[rememberingSize - 1])
    }
}

extension Raft {
    /// True where a majority has granted, and enough of it on disks that remember.
    var isElected: Bool {
        let granted = votes.filter(\.value.isGranted)
        let remembering = granted.filter { participants.remembers($0.key, $0.value.disk) }
        return quorum.isReached(by: Set(granted.keys))
            && quorum.voters.count(where: { remembering[$0] != nil }) >= quorum.rememberingSize
    }

    /// The largest value that counts as reached on this leader, by voters that may have forgotten.
    func reached<Value: Comparable>(
        otherwise nothing: Value, _ value: (NodeID) -> Value
    ) -> Value {
        quorum.reached(value, remembering: remembers, otherwise: nothing)
    }

    /// Whether the promises of a voter to this leader are kept on the disk that counts.
    func remembers(_ node: NodeID) -> Bool {
        !rolledBack.contains(node) && participants.remembers(node, disk(of: node))
    }

    /// Whether nothing is known against a voter.
    func mayRemember(_ node: NodeID) -> Bool {
        node != local && progress[node]?.stamp == nil || remembers(node)
    }

    private func disk(of node: NodeID) -> DiskID? {
        node == local ? stamp?.disk : progress[node]?.stamp?.disk
    }

    /// The voters that have forgotten, as far as this node knows, in order of name.
    public var onProbation: [NodeID] {
        guard participants.disks != nil else { return [] }
        return quorum.voters.filter { voter in
            participants.disks?[voter] == nil
                || voter == local && !participants.remembers(local, stamp?.disk)
                || role == .leader && !mayRemember(voter)
        }
    }
}

// MARK: - The leader

extension Raft {
    /// Notes which disk, and which life of it, answers. What another disk has confirmed is gone with it; a
    /// new life must show again that it has what was confirmed.
    mutating func recognise(_ message: RaftMessage, from sender: NodeID, at now: Instant) {
        guard role == .leader, sender != local, let known = progress[sender],
            known.stamp != message.stamp
        else { return }
        if let before = known.stamp, before.disk != message.stamp?.disk {
            rolledBack.remove(sender)
            meet(sender, from: log.lastIndex.next, at: now)
        } else if known.stamp != nil {
            progress[sender]?.beginLife()
        }
        progress[sender]?.stamp = message.stamp
    }

    /// A log that ends before what it had confirmed in an earlier life is an older copy.
    mutating func compare(refusedAt hint: LogIndex, of sender: NodeID, at now: Instant) {
        guard let known = progress[sender], known.isNewLife, hint < known.match else { return }
        let stamp = known.stamp
        meet(sender, from: hint.next, at: now)
        progress[sender]?.stamp = stamp
        if quorum.contains(sender) { rolledBack.insert(sender) }
    }

    /// Has the log say which disks count, one step at a time.
    mutating func settleDisks(at now: Instant) {
        guard role == .leader, stamp != nil, transfer == nil, reasonNotToAppend == nil,
            reasonNotToChange == nil, let change = dueChange(at: now),
            case .success(let new) = participants.after(change)
        else { return }
        switch change {
        case .doubt(let nodes):
            for node in nodes.sorted() {
                notify(.disk(node, rolledBack.contains(node) ? .rolledBack : .replaced))
            }
            rolledBack.subtract(nodes)
        case .trust(let disks) where participants.disks != nil:
            for node in disks.keys.sorted() { notify(.disk(node, .trusted)) }
        default: break
        }
        appendAsLeader(.participants(new), at: now)
        for peer in peers { sendEntries(to: peer, at: now) }
    }

    private func dueChange(at now: Instant) -> ParticipantsChange? {
        let present = quorum.voters.filter { $0 == local || isAnswering($0, at: now) }
        let known = present.compactMap { node in disk(of: node).map { (node, $0) } }
        guard let disks = participants.disks else {
            // Who says nothing of its disk would not count: an agent of an older version.
            guard known.count == present.count, known.count >= quorum.size else { return nil }
            return .trust(Dictionary(uniqueKeysWithValues: known))
        }
        let forgetful = known.map(\.0).filter { disks[$0] != nil && !remembers($0) }
        if !forgetful.isEmpty {
            let left = disks.count - forgetful.count
            return left >= quorum.rememberingSize ? .doubt(Set(forgetful)) : nil
        }
        let ready = known.filter { node, _ in
            disks[node] == nil && knowsItIsDoubted(node) && !isLeaving(node, at: now)
        }
        return ready.isEmpty ? nil : .trust(Dictionary(uniqueKeysWithValues: ready))
    }

    private func isLeaving(_ node: NodeID, at now: Instant) -> Bool {
        leaving.map { $0.node == node && now < $0.until } ?? false
    }

    /// Whether a voter's log holds the participants in force, and so all that was agreed before.
    private func knowsItIsDoubted(_ node: NodeID) -> Bool {
        guard node != local else { return true }
        let match = progress[node]?.match ?? .zero
        return match >= log.participants?.index ?? .zero
            && log.lastIndex.value - match.value <= configuration.promotionLagLimit
    }
}

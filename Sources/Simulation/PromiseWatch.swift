// A vote is a promise, and so is a copy that is confirmed, and Raft rests on them: they are on the disk before
// anybody hears them, a disk votes for one candidate a term, and whoever starts knows what its disk has
// promised. What follows from a broken promise, such as two leaders of a term, chance hardly ever shows; so
// the promises themselves are looked at.

import Base
import Consensus
import WireProtocol

struct PromiseWatch {
    private struct Ballot: Hashable {
        let disk: DiskID
        let term: Term
    }

    private var given: [Ballot: NodeID] = [:]

    /// Something is said; what it breaks, or nil.
    mutating func said(
        _ frame: [UInt8], to receiver: NodeID, by node: NodeID, on host: SimulatedHost
    ) -> String? {
        guard let message = Self.promise(in: frame) else { return nil }
        guard case .appendReply(_, let copied, _) = message.kind else {
            return voted(message.term, for: receiver, by: node, on: host)
        }
        // Of an earlier term the word may have waited for the very flush that also cut the copy off: it is no
        // more than late, as on a slow network. What the node decided meanwhile it did with the copy.
        guard copied > host.disk.lastIndex, message.term >= host.disk.hardState.term else {
            return nil
        }
        return "\(node) confirms entry \(copied), and its disk ends at \(host.disk.lastIndex)"
    }

    private mutating func voted(
        _ term: Term, for candidate: NodeID, by voter: NodeID, on host: SimulatedHost
    ) -> String? {
        let kept = host.disk.hardState
        let isKept = kept.term > term || kept.term == term && kept.votedFor == candidate
        guard isKept else {
            return "\(voter) gives \(candidate) a vote in term \(term) that its disk does not hold"
        }
        let ballot = Ballot(disk: host.diskID, term: term)
        let before = given[ballot]
        given[ballot] = candidate
        guard let before, before != candidate else { return nil }
        return "\(voter) votes for \(before) and for \(candidate) in term \(term)"
    }

    /// A life begins; what it breaks, or nil.
    func began(_ machine: Raft, on host: SimulatedHost) -> String? {
        let kept = host.disk.hardState
        let ballot = Ballot(disk: host.diskID, term: kept.term)
        if let candidate = given[ballot], kept.votedFor != candidate {
            return
                "the vote of \(machine.local) for \(candidate) in term \(kept.term) is gone from "
                + "its disk"
        }
        guard machine.term == kept.term, machine.vote == kept.votedFor else {
            return "\(machine.local) starts without the vote that its disk holds"
        }
        return nil
    }

    /// Whether a vote is given there.
    static func isVote(_ frame: [UInt8]) -> Bool {
        promise(in: frame)?.kind == .voteReply(granted: true)
    }

    /// A vote or a confirmed copy; nil for every other frame. Most are told apart by a glance.
    private static func promise(in frame: [UInt8]) -> RaftMessage? {
        // [1, 2, [term, [4, true], …]], or [6, true, copied, …].
        guard frame.count <= 64, frame.dropFirst().starts(with: [1, 2]),
            frame.contains([4, 0xF5]) || frame.contains([6, 0xF5]),
            case .raft(let message)? = try? WireMessage(frame: frame)
        else { return nil }
        return switch message.kind {
        case .voteReply(granted: true), .appendReply(accepted: true, _, _): message
        default: nil
        }
    }
}

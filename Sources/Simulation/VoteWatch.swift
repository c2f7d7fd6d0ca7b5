// A vote is a promise, and Raft rests on it: it is on the disk before anybody hears it, a disk votes for one
// candidate a term, and whoever starts knows what its disk has promised. What follows from a broken
// promise, two leaders of a term, chance hardly ever shows; so the promises themselves are looked at.

import Base
import Consensus
import WireProtocol

struct VoteWatch {
    private struct Ballot: Hashable {
        let disk: DiskID
        let term: Term
    }

    private var given: [Ballot: NodeID] = [:]

    /// A vote is said; what it breaks, or nil.
    mutating func said(
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

    /// The term of a vote; nil for every other frame. Frames are many, and most are told apart by a glance.
    static func term(ofVoteIn frame: [UInt8]) -> Term? {
        // [1, 2, [term, [4, true], …]]: a true vote ends the array of two that begins with 4.
        guard frame.count <= 64, frame.dropFirst().starts(with: [1, 2]),
            frame.contains([0x82, 4, 0xF5]),
            case .raft(let message)? = try? WireMessage(frame: frame),
            message.kind == .voteReply(granted: true)
        else { return nil }
        return message.term
    }
}

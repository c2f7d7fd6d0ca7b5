// Leadership transfer (thesis 3.10): the leader takes no more proposals, brings its successor's log
// up to its own, and tells it to campaign at once. The others let that campaign pass, as its
// requests say that the leader wants it. If nothing comes of it within an election timeout, the
// leader leads on: nothing was lost but that time.

import Base

/// A transfer under way.
struct Transfer: Sendable {
    let target: NodeID
    let proposal: ProposalID
    let deadline: Instant
    var isToldToCampaign = false
}

extension Raft {
    mutating func transfer(to node: NodeID?, _ proposal: ProposalID, at now: Instant) {
        guard role == .leader else {
            notify(.refused(proposal, .notLeader(leader)))
            return
        }
        if let transfer {
            notify(.refused(proposal, .transferring(to: transfer.target)))
            return
        }
        guard let target = node ?? furthestVoter, target != local else {
            notify(.refused(proposal, .nobodyToTransferTo))
            return
        }
        guard quorum.contains(target) else {
            notify(.refused(proposal, .noVoter(target)))
            return
        }
        transfer = Transfer(
            target: target, proposal: proposal,
            deadline: now + configuration.electionTimeout.lowerBound)
        sendEntries(to: target, at: now)
        nudgeSuccessor()
    }

    /// The voter, other than this node, that has the longest log; of equals the first by name.
    var furthestVoter: NodeID? {
        quorum.voters.filter { $0 != local }
            .max { worth($0) < worth($1) }
    }

    /// Who has forgotten hardly wins.
    private func worth(_ node: NodeID) -> (Int, LogIndex) {
        (mayRemember(node) ? 1 : 0, progress[node]?.match ?? .zero)
    }

    /// Tells the successor to campaign once it has the whole log.
    mutating func nudgeSuccessor() {
        guard let transfer, !transfer.isToldToCampaign,
            progress[transfer.target]?.match == log.lastIndex
        else { return }
        self.transfer?.isToldToCampaign = true
        send(.timeoutNow, to: transfer.target)
    }

    mutating func giveUpTransfer(at now: Instant) {
        guard let transfer, now >= transfer.deadline else { return }
        self.transfer = nil
        notify(.refused(transfer.proposal, .transferTimedOut(transfer.target)))
    }
}

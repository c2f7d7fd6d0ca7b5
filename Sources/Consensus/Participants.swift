// Who takes part in the log (thesis 4): voters, whose votes and copies count, and learners, which
// only receive it. Participants are a log entry like any other, but in force from the moment at
// which they are in the log, committed or not; if they are cut off again, the ones before them are.
//
// They change by one server at a time. Any majority before such a change shares a server with any
// majority after it, so there is never a moment at which two leaders could be elected apart.

public import Base

/// The voters and learners of a cluster.
public struct Participants: Hashable, Sendable {
    public let quorum: Quorum
    /// In order of name; none of them votes.
    public let learners: [NodeID]
    /// Voters and learners in order of name.
    public let all: [NodeID]

    /// Nil without a voter, as nothing could ever be agreed on, not even new participants. Repeated
    /// names count once, and a learner that votes is a voter.
    public init?(voters: [NodeID], learners: [NodeID] = []) {
        guard !voters.isEmpty else { return nil }
        self.init(quorum: Quorum(voters: voters), learners: learners)
    }

    private init(quorum: Quorum, learners: [NodeID]) {
        self.quorum = quorum
        self.learners = Set(learners).subtracting(quorum.voters).sorted()
        all = (quorum.voters + self.learners).sorted()
    }

    /// What a node knows that waits to be taken into a cluster: nobody.
    static let none = Participants(quorum: Quorum(voters: []), learners: [])

    /// In order of name.
    public var voters: [NodeID] { quorum.voters }

    public func contains(_ node: NodeID) -> Bool { all.contains(node) }
}

extension Participants: CustomStringConvertible {
    public var description: String {
        let voters = "voters " + voters.map(\.name).joined(separator: ", ")
        guard !learners.isEmpty else { return voters }
        return "\(voters); learners " + learners.map(\.name).joined(separator: ", ")
    }
}

/// One step from participants to others.
public enum ParticipantsChange: Hashable, Sendable {
    /// Write down the participants in force, so that the log and no configuration file says them
    /// from then on.
    case record
    case addLearner(NodeID)
    /// Make a learner a voter.
    case promote(NodeID)
    /// Make a voter a learner.
    case demote(NodeID)
    case remove(NodeID)
}

extension Participants {
    /// The participants after a change, or why it makes no sense.
    func after(_ change: ParticipantsChange) -> Result<Participants, RaftRefusal> {
        switch change {
        case .record: return .success(self)
        case .addLearner(let node):
            guard !contains(node) else { return .failure(.takesPartAlready(node)) }
            return .success(Participants(quorum: quorum, learners: learners + [node]))
        case .promote(let node):
            guard learners.contains(node) else { return .failure(.noLearner(node)) }
            return .success(
                Participants(quorum: Quorum(voters: voters + [node]), learners: learners))
        case .demote(let node):
            guard quorum.contains(node) else { return .failure(.noVoter(node)) }
            return without(node, learners: learners + [node])
        case .remove(let node):
            guard contains(node) else { return .failure(.takesNoPart(node)) }
            return without(node, learners: learners.filter { $0 != node })
        }
    }

    private func without(
        _ node: NodeID, learners: [NodeID]
    ) -> Result<Participants, RaftRefusal> {
        let rest = voters.filter { $0 != node }
        guard let new = Participants(voters: rest, learners: learners) else {
            return .failure(.lastVoter(node))
        }
        return .success(new)
    }
}

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
    /// The disk of each voter that counts fully; a voter without is on probation. Nil where disks were
    /// never recorded: then every voter counts, whatever its disk.
    public let disks: [NodeID: DiskID]?

    /// Nil without a voter, as nothing could ever be agreed on, not even new participants. Repeated
    /// names count once, a learner that votes is a voter, and only voters have disks.
    public init?(
        voters: [NodeID], learners: [NodeID] = [], disks: [NodeID: DiskID]? = nil
    ) {
        guard !voters.isEmpty else { return nil }
        self.init(quorum: Quorum(voters: voters), learners: learners, disks: disks)
    }

    private init(quorum: Quorum, learners: [NodeID], disks: [NodeID: DiskID]?) {
        self.quorum = quorum
        self.learners = Set(learners).subtracting(quorum.voters).sorted()
        all = (quorum.voters + self.learners).sorted()
        self.disks = disks?.filter { quorum.contains($0.key) }
    }

    /// Whether what a voter promises on that disk is remembered.
    func remembers(_ node: NodeID, _ disk: DiskID?) -> Bool {
        guard let disks else { return true }
        return disk != nil && disks[node] == disk
    }

    /// What a node knows that waits to be taken into a cluster: nobody.
    static let none = Participants(quorum: Quorum(voters: []), learners: [], disks: nil)

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
    /// The voters have forgotten what they promised.
    case doubt(Set<NodeID>)
    /// The promises of the voters count if they are kept on these disks.
    case trust([NodeID: DiskID])
}

extension Participants {
    /// The participants after a change, or why it makes no sense.
    func after(_ change: ParticipantsChange) -> Result<Participants, RaftRefusal> {
        switch change {
        case .record: return .success(self)
        case .addLearner(let node):
            guard !contains(node) else { return .failure(.takesPartAlready(node)) }
            return .success(
                Participants(quorum: quorum, learners: learners + [node], disks: disks))
        case .promote(let node):
            guard learners.contains(node) else { return .failure(.noLearner(node)) }
            return .success(
                Participants(
                    quorum: Quorum(voters: voters + [node]), learners: learners, disks: disks))
        case .demote(let node):
            guard quorum.contains(node) else { return .failure(.noVoter(node)) }
            return without(node, learners: learners + [node])
        case .remove(let node):
            guard contains(node) else { return .failure(.takesNoPart(node)) }
            return without(node, learners: learners.filter { $0 != node })
        case .doubt(let nodes):
            let left = disks?.filter { !nodes.contains($0.key) }
            return .success(Participants(quorum: quorum, learners: learners, disks: left))
        case .trust(let new):
            // Not in the place of another disk: that one must have stopped to count first.
            if let node = new.keys.sorted().first(where: { disks?[$0] != nil }) {
                return .failure(.remembersAlready(node))
            }
            let all = (disks ?? [:]).merging(new) { old, _ in old }
            return .success(Participants(quorum: quorum, learners: learners, disks: all))
        }
    }

    private func without(
        _ node: NodeID, learners: [NodeID]
    ) -> Result<Participants, RaftRefusal> {
        let rest = voters.filter { $0 != node }
        guard let new = Participants(voters: rest, learners: learners, disks: disks) else {
            return .failure(.lastVoter(node))
        }
        return .success(new)
    }
}

// What a leader may propose. A command names the state it was decided on (the epoch, the
// generation), so that one decided on an older state changes nothing.

public import Base
public import Diagnosis
public import Planning
public import Supervision

/// One entry of the replicated log.
public struct Command: Hashable, Sendable {
    public enum Action: Hashable, Sendable {
        case deploy(Deployment)
        /// Taken only if its epoch follows the current one.
        case plan(Plan)
        /// Taken only if the generation follows the current one, the group does not run, and it
        /// stands in the plan just so. With it goes when nothing was left of the generation before.
        case launch(PlannedGroup, Generation, why: String, stoppedAt: WallTime? = nil)
        /// Taken only if that generation runs. With it goes when that happened which ends it, where
        /// that is known.
        case end(
            GroupName, Generation, EndCause, isTerminal: Bool, failedAt: WallTime? = nil)
        /// That generation has served long enough: its failures are forgiven.
        case settle(GroupName, Generation)
        /// The operator stops one group, or all with nil.
        case stop(GroupName?)
        case start(GroupName?)
        /// The operator restarts a group, whatever its state; its failures are forgiven.
        case restart(GroupName)
        /// A node leads in a term. Taken only if no leader of that term or a later one is known.
        case elected(NodeID, term: UInt64)
        /// The leader hears these nodes, or does not any more. Taken only for nodes of which the
        /// opposite was known; of the others nothing is noted.
        case joined([NodeID])
        case lost([NodeID])
        /// That generation serves. Taken only if it runs, and the first time. The note says how it is
        /// not what the profile wants.
        case serves(GroupName, Generation, note: String? = nil)
        /// More has been found out about the end of that generation. Taken only while it is the last
        /// failure of the group, and the newest generation.
        case amend(GroupName, Generation, FailureDiagnosis)
        /// The cluster begins with these nodes. Taken only once.
        case enrol([ConfiguredNode])
        /// The operator adds a node. Taken only for one of another name and address than all others.
        case admit(ConfiguredNode)
        /// The operator removes a node; never the last.
        case dismiss(NodeID)
        /// The operator lets a node vote, or learn only.
        case seat(NodeID, mayVote: Bool)
        /// The majority is lost for ever, and the operator lets this node go on alone. It is written
        /// into the log of a node that does not run, and never proposed.
        case recoverAlone(ConfiguredNode)
        /// The operator keeps a node out of plans to come, or takes that back.
        case cordon(NodeID, Cordon.Kind)
        case uncordon(NodeID)
        /// The operator gives a deployment, whatever the files of the nodes say.
        case apply(Deployment, atOnce: Bool)
    }

    public let action: Action
    /// When it was proposed, for the ledger.
    public let time: WallTime

    public init(_ action: Action, at time: WallTime) {
        self.action = action
        self.time = time
    }
}

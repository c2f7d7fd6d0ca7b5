// What an operator's order about the nodes must have left in the log once it is answered as accepted.

import ClusterState
import WireProtocol

extension MembersOrder {
    /// What is agreed on by it; nil for a leadership that moves.
    var action: Command.Action? {
        switch self {
        case .add(let node): .admit(node)
        case .remove(let node, _): .dismiss(node)
        case .promote(let node): .seat(node, mayVote: true)
        case .demote(let node): .seat(node, mayVote: false)
        case .lead: nil
        }
    }
}

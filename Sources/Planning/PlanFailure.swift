// Why there is no plan, in words that say what to change.

public import Base

/// Why a profile cannot be placed on the configured nodes.
public enum PlanFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// Fewer nodes than the groups take.
    case notEnoughNodes(needed: Int, configured: Int)
    /// Enough nodes, but an operator keeps these out.
    case cordoned([NodeID])
    /// Enough nodes, but no super pod has as many as one group takes.
    case noSuperPodFits(group: GroupName, nodes: Int)
    /// Two things that would run on one node want the same port.
    case portCollision(first: String, second: String, port: Int)

    public var description: String {
        switch self {
        case .notEnoughNodes(let needed, let configured):
            "needs \(needed) nodes, \(configured) configured: \(needed - configured) missing; "
                + "add nodes to the node list or choose a smaller profile"
        case .cordoned(let nodes):
            "too few nodes are open: \(nodes.map(\.name).joined(separator: ", ")) "
                + "\(nodes.count == 1 ? "is" : "are") cordoned; take that back "
                + "(glm-agent uncordon \(nodes[0])), or add nodes"
        case .noSuperPodFits(let group, let nodes):
            "\(group) needs \(nodes) nodes of one super pod, and no super pod has them free; "
                + "configure more nodes of one super pod or choose a smaller profile"
        case .portCollision(let first, let second, let port):
            "\(first) and \(second) would meet on port \(port) of one node; "
                + "change the ports or the step of the role in the profile"
        }
    }
}

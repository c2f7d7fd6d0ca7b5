// Two agents of one node, as of a copied machine or state directory: what one of them promises the other does
// not know. Peers see both and keep the one that was started first; the other learns it from them and ends.

import Base
import ClusterState
import EventLoop
import Node
import Transport

extension Agent {
    /// How long a peer must say so: a machine that was replaced may be refused until its old stream is silent.
    private static let twinPatience = Duration.seconds(5)

    /// A peer refuses this agent for another of its name.
    func refused(asTwinBy node: NodeID, _ reason: String) {
        let since = refusedSince[node] ?? loop.now
        refusedSince[node] = since
        guard loop.now - since >= Self.twinPatience else { return }
        fail(
            AgentError(
                "another agent runs as node \(own.node): \(reason). This one ends, and its shards run "
                    + "on. Is this machine or its state directory a copy? Give it a node name, an "
                    + "address and an empty state directory of its own", kind: .twin))
    }
}

// Which of the configured nodes am I, and which interface carries its address: the two things that
// differ between nodes with the same file.

import Base
public import ClusterState
public import Host

/// Why a node does not find itself in the configuration.
public struct OwnNodeError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The field that is wrong.
    let field: String
    /// What happened, and what to write into the file.
    public let description: String
}

extension AgentConfiguration {
    /// The entry of this node and the interface that carries its address.
    /// - Throws: when no entry, or more than one, is this host's, or no interface carries it.
    public func findOwnNode(
        on host: HostFacts
    ) throws(OwnNodeError) -> (node: ConfiguredNode, interface: String) {
        let own = try ownEntry(on: host)
        if let interface { return (own, interface) }
        guard let carrier = host.interface(of: own.address) else {
            throw OwnNodeError(
                field: ownNode == nil ? "nodes" : "node",
                description: """
                    no interface of this host carries \(own.address), the address of \(own.node)
                      Correct `nodes` or `node`, or give the host that address; set `interface` only \
                    where the address is on none by intent.
                    """)
        }
        return (own, carrier.name)
    }

    private func ownEntry(on host: HostFacts) throws(OwnNodeError) -> ConfiguredNode {
        if let ownNode, let entry = nodes.first(where: { $0.node == ownNode }) { return entry }
        let entries = nodes.filter { host.owns($0.address) }
        if entries.count == 1 { return entries[0] }
        let found: String
        let advice: String
        if entries.isEmpty {
            let addresses = host.interfaces.filter { !$0.isLoopback }.flatMap(\.addresses)
            found = """
                none of the configured nodes has an address of this host \
                (\(addresses.joined(separator: ", ")))
                """
            advice = "Correct the addresses in `nodes`, or give this host its address."
        } else {
            let names = entries.map(\.node.name).joined(separator: ", ")
            found = "several configured nodes have addresses of this host: \(names)"
            advice = "Set `node` to the name of this one, or correct `nodes`."
        }
        throw OwnNodeError(field: "nodes", description: "\(found)\n  \(advice)")
    }
}

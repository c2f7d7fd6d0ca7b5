// A small deployment: prefill on two nodes, decode on one, and a router.

import Base
import ClusterState
import Planning
import Testing

enum Fixture {
    static let time = WallTime(millisecondsSinceEpoch: 1_795_547_128_120)
    static let groups = ["prefill-0", "decode-0", "router"]

    static func deployment(_ name: String) -> Deployment {
        Deployment(
            profileName: name, profileYAML: "name: \(name)", modelPath: "/model",
            engine: .rehearsal)
    }

    static func group(_ name: String, nodes: [String]? = nil) -> PlannedGroup {
        let usual = [
            "prefill-0": ["node-1", "node-2"], "decode-0": ["node-3"], "router": ["node-1"],
        ]
        let roles: [String: Role] = ["prefill-0": .prefill, "decode-0": .decode]
        return PlannedGroup(
            name: GroupName(name), role: roles[name] ?? .router, index: 0,
            ranks: (nodes ?? usual[name] ?? []).map {
                PlannedRank(node: NodeID($0), address: "10.0.0.1")
            },
            distInit: nil, http: Endpoint(host: "10.0.0.1", port: 8000), bootstrap: nil,
            store: nil)
    }

    static func plan(_ epoch: UInt64, nodes: [String]? = nil) -> Plan {
        Plan(
            epoch: Epoch(epoch), groups: groups.map { group($0, nodes: nodes) },
            spares: [NodeID("node-4")])
    }
}

extension ReplicatedState {
    /// Applies what must take effect.
    mutating func take(
        _ action: Command.Action, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let refusal = apply(Command(action, at: Fixture.time))
        #expect(refusal == nil, sourceLocation: sourceLocation)
    }
}

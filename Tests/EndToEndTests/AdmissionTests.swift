// Who does not have the key.

import Base
import Testing

extension EndToEnd {
    @Suite struct AdmissionTests {
        @Test func `an agent with another key stays outside, and the others go on`() throws {
            var settings = ClusterSettings()
            settings.spares = 1
            let start = { (cluster: TestCluster) in
                try cluster.setSecret(
                    of: cluster.nodes[4], to: "a secret that no other node of the cluster has")
                try cluster.startAll()
            }
            try TestCluster.run(settings, prepare: start) { cluster in
                let ready = try cluster.waitUntilReady()
                #expect(ready.members["node-5"] != "alive")
                cluster.pause(.seconds(3))
                for node in cluster.nodes.dropLast() {
                    let status = try cluster.status(node)
                    #expect(status.isReady)
                    #expect(status.members["node-5"] == "dead", "\(status.members)")
                    let told = cluster.agentLog(node).split(separator: "\n").filter {
                        $0.contains("warning") && $0.contains("node-5") || $0.contains("key")
                    }
                    #expect((1...2).contains(told.count), "\(told)")
                }
                let outside = try cluster.status(cluster.nodes[4])
                #expect(!outside.hasQuorum)
                #expect(outside.groups.isEmpty)
                let reason = outside.json.elements("reasons").first?.stringValue ?? ""
                #expect(reason.contains("every peer refuses this node's secret"), "\(reason)")
                let notes = try cluster.status(cluster.nodes[0]).json.elements("notes")
                #expect(notes.contains { $0.stringValue?.contains("node-5") == true }, "\(notes)")
            }
        }
    }
}

// `glm-agent ranktable` over pretend nodes: the table of a group from any node, and what is missing.

import Base
import EventLoop
import PretendNode
import Testing

extension EndToEnd {
    @Suite struct RankTableTests {
        private func run(
            _ hosts: [PretendNode], _ body: (TestCluster) throws -> Void
        ) throws {
            var settings = ClusterSettings()
            settings.topology = .mixed
            settings.hostRoots = hosts.map(\.directory)
            try TestCluster.run(settings) { cluster in
                try cluster.waitUntilReady()
                try body(cluster)
            }
            #expect(hosts.flatMap(\.violations).isEmpty)
        }

        private func ask(
            _ cluster: TestCluster, _ words: [String]
        ) throws -> (code: Int32, output: String) {
            let command = try cluster.begin(
                ["ranktable"] + words + ["--socket", cluster.nodes[1].socket])
            let code = try command.exitCode(within: .seconds(60))
            return (code, code == 0 ? command.output : command.errorOutput)
        }

        @Test func `a table has the dies of all nodes in the order of the ranks`() throws {
            let hosts = try (1...2).map { try PretendNode(["server": "\($0)"]) }
            try run(hosts) { cluster in
                let (code, text) = try ask(cluster, ["mixed-0"])
                #expect(code == 0, "\(text)")
                let table = try JSONValue(parsing: text)
                #expect(table["version"] == "1.2" && table["server_count"] == "2")
                let servers = table.elements("server_list")
                #expect(servers.map { $0.text("server_id") } == ["node-1", "node-2"])
                #expect(servers.map { $0.text("host_ip") } == cluster.nodes.map(\.address))
                let devices = servers.map { $0.elements("device") }
                #expect(devices.map(\.count) == [16, 16])
                #expect(
                    devices.joined().map { $0.text("rank_id") } == (0..<32).map { "\($0)" })
                // SDIDs: the server's index from bit 22 on.
                for (index, server) in devices.enumerated() {
                    let indices = server.compactMap { UInt32($0.text("super_device_id")) }
                        .map { $0 >> 22 }
                    #expect(indices == Array(repeating: UInt32(index + 1), count: 16))
                }
                #expect(table.elements("super_pod_list").count == 1)

                let path = "\(cluster.directory)/hccl.json"
                let (written, said) = try ask(cluster, ["mixed-0", "--output", path])
                #expect(written == 0 && said.contains("wrote \(path): version 1.2, 2 nodes, 32"))
                #expect(String(decoding: try Files.read(path), as: UTF8.self) == text)
            }
        }

        @Test func `what is missing is named with what to do, and nothing is written`() throws {
            let hosts = try [PretendNode(["server": "1"]), PretendNode(["npu_smi": "missing"])]
            let addresses = (0..<15).map { "address_\($0)=192.168.1.\($0 + 1)\n" }.joined()
            try Files.replace("\(hosts[0].directory)/etc/hccn.conf", with: Array(addresses.utf8))
            try run(hosts) { cluster in
                let path = "\(cluster.directory)/hccl.json"
                let (code, text) = try ask(
                    cluster, ["mixed-0", "--version", "1.0", "--output", path])
                #expect(code == 1)
                #expect(text.contains("the devices of node-2 are not known"), "\(text)")
                #expect(text.contains("device 15 of node-1 has no address"), "\(text)")
                #expect(!text.contains("device 14 of node-1"), "\(text)")
                #expect(text.contains("hccn_tool -i 15 -ip -g"))
                #expect(!Files.exists(path))

                let (unknown, reason) = try ask(cluster, ["mixed-7"])
                #expect(unknown == 2)
                #expect(reason.contains("mixed-0"), "\(reason)")
                #expect(try ask(cluster, ["mixed-0", "--version", "1.1"]).code == 2)
            }
        }

        @Test func `a node that does not answer is named`() throws {
            let hosts = try (1...2).map { try PretendNode(["server": "\($0)"]) }
            try run(hosts) { cluster in
                try cluster.end(cluster.nodes[0], signal: 9)
                try cluster.wait(for: "its death to be known", on: cluster.nodes[1]) {
                    $0.members["node-1"] == "dead"
                }
                let (code, text) = try ask(cluster, ["mixed-0"])
                #expect(code == 1)
                #expect(text.contains("node-1 did not tell what it is"), "\(text)")
            }
        }
    }
}

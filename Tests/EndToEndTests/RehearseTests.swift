// `glm-agent rehearse --once`: from nothing to the known answer to nothing.

import Base
import EventLoop
import Host
import Testing

extension EndToEnd {
    @Suite struct RehearseTests {
        @Test(arguments: Topology.allCases)
        func `a rehearsal gives the known answer and leaves nothing behind`(
            topology: Topology
        ) throws {
            let loop = try Loop()
            defer { loop.close() }
            let directory = try TestCluster.makeDirectory()
            defer { try? Files.removeTree(directory) }
            let site = "\(directory)/site"
            let command = try Command(
                loop, ["rehearse", topology.rawValue, "--once", "--json", "--dir", site],
                outputTo: "\(directory)/rehearse")
            let code = try command.exitCode(within: .seconds(60))
            #expect(code == 0, "\(command.output)\(command.errorOutput)")
            let report = try JSONValue(parsing: command.output)
            #expect(report["ok"] == true)
            #expect(report.text("answer").split(separator: " ").count == 8)
            #expect(
                report.elements("phases").map { $0.text("name") } == [
                    "formed", "elected", "planned", "launched", "ready", "first answer",
                ])
            #expect(report.elements("nodes").count == topology.nodeCount)
            let groups = report["status"]?.elements("groups") ?? []
            for group in groups {
                // Where a group is one node, nobody has to meet.
                let ranks = group.elements("ranks")
                let master = ranks.count > 1 ? ranks[0]["node"] : .null
                #expect(group["dist_init_master"] == master, "\(group.compact)")
            }
            let left = TestCluster.processes(of: directory).map(\.commandLine)
            #expect(left.isEmpty, "\(left)")
            for node in report.elements("nodes").compactMap(\.stringValue) {
                #expect(!Files.exists("\(site)/\(node)/agent.sock"))
            }
        }
    }
}

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

        @Test func `a rehearsal ends as soon as a group is given up, and says why`() throws {
            let loop = try Loop()
            defer { loop.close() }
            let directory = try TestCluster.makeDirectory()
            defer { try? Files.removeTree(directory) }
            let profile = "\(directory)/broken.yaml"
            let text = """
                profile: broken
                extends: [\(Topology.onePrefill.rawValue)]
                environment: {GLM_REHEARSAL_FAULT: crash-at-start/decode}

                """
            try Files.replace(profile, with: Array(text.utf8))
            let command = try Command(
                loop,
                ["rehearse", "--profile", profile, "--once", "--json", "--dir"]
                    + ["\(directory)/site"], outputTo: "\(directory)/rehearse")
            // Well before the rehearsal's own limit of 120 s.
            #expect(try command.exitCode(within: .seconds(60)) == 1)
            let report = try JSONValue(parsing: command.output)
            #expect(report["ok"] == false)
            for part in ["decode-0 has failed", "told to crash at start"] {
                #expect(command.output.contains(part), "\(command.output)")
            }
            let left = TestCluster.processes(of: directory).map(\.commandLine)
            #expect(left.isEmpty, "\(left)")
        }
    }
}

// Before a launch: the installed SGLang reads the command, and the host is tuned.

import Base
import EventLoop
import PretendNode
import Testing

extension EndToEnd {
    @Suite struct PreflightTests {
        @Test func `a command that SGLang refuses is not launched, and is once it is understood`()
            throws
        {
            let hosts = try (1...2).map {
                try PretendNode(["server": "\($0)", "swappiness": "60", "reserved_ports": ""])
            }
            let directory = try TestCluster.makeDirectory()
            defer { try? Files.removeTree(directory) }
            let python = try StandInPython(in: "\(directory)/python")
            try python.setRefusal("error: unrecognized arguments: --moe-dense-tp")
            var settings = ClusterSettings()
            settings.topology = .mixed
            settings.engine = "sglang"
            settings.profileFile = python.profile(extending: Topology.mixed.rawValue)
            settings.weights = "/data/glm-5.1"
            settings.preflight = "check"
            settings.hostTuning = "apply"
            settings.hostRoots = hosts.map(\.directory)
            try TestCluster.run(settings) { cluster in
                try cluster.wait(for: "the gate to close") {
                    $0.group("mixed-0")?.why.contains("SGLang refuses the command of mixed-0/")
                        ?? false
                }
                #expect(cluster.nodes.flatMap { cluster.shards(on: $0) }.isEmpty)
                let words = python.preflightWords
                #expect(words.contains("--tp-size") && !words.contains("sglang.launch_server"))
                #expect(words.contains { $0.hasPrefix("HCCL_BUFFSIZE=") && $0.count > 14 })
                for host in hosts {
                    #expect(try text(host, "vm/swappiness") == "60", "nothing is tuned before")
                }
                try python.setRefusal(nil)
                let command = try cluster.begin([
                    "doctor", "--preflight", "--json", "--socket", cluster.nodes[1].socket,
                ])
                _ = try command.exitCode(within: .seconds(90))
                #expect(!command.output.contains("SGLang refuses"), "\(command.output)")
                _ = try cluster.waitUntilReady()
                for host in hosts {
                    #expect(try text(host, "vm/swappiness") == "0")
                    #expect(
                        try text(host, "net/ipv4/ip_local_reserved_ports").contains("60000-60031"))
                }
            }
        }

        private func text(_ host: PretendNode, _ parameter: String) throws -> String {
            let bytes = try Files.read("\(host.directory)/proc/sys/\(parameter)")
            return String(decoding: bytes, as: UTF8.self).split(separator: "\n").first
                .map(String.init) ?? ""
        }
    }
}

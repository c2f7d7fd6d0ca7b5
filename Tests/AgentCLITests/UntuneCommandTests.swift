// `glm-agent untune` against the pretend node's settings.

import Ascend
import Base
import EventLoop
import Host
import PretendNode
import Testing

@testable import AgentCLI

@Suite(.serialized, .timeLimit(.minutes(1)))
struct UntuneCommandTests {
    private let node: PretendNode
    private var directory: String { node.directory + "/agent" }
    private var tuning: HostTuning {
        HostTuning(
            SystemHostTuner(root: HostRoot(node.directory)), stateDirectory: directory)
    }

    init() throws {
        node = try PretendNode(["swappiness": "60", "governor": "powersave"])
        try Files.makeDirectories(directory)
        let configuration = """
            cluster: glm
            nodes: [127.0.0.1, 127.0.0.2]
            node: 127.0.0.1
            secret_file: secret
            state_directory: \(directory)
            host_root: \(node.directory)
            profile: glm-5.1-w4a8-16p-in3k5-out1k5-50ms
            model_path: /data/glm-5.1
            """
        try Files.replace("\(directory)/agent.yaml", with: Array(configuration.utf8))
        try Files.replace(
            "\(directory)/secret", with: Array("0123456789abcdef0123456789abcdef".utf8),
            permissions: 0o600)
    }

    private func untune(_ options: String = "") -> (ExitCode, Printed) {
        runLine("untune --config \(directory)/agent.yaml\(options)")
    }

    private func swappiness() throws -> String {
        String(decoding: try Files.read(node.directory + "/proc/sys/vm/swappiness"), as: UTF8.self)
    }

    @Test func `what an agent has changed is put back, and said`() throws {
        let wanted: [HostSetting] = [
            .sysctl(name: "vm.swappiness", value: "0"), .governor("performance"),
            .reservedPorts(PortSet(try PortRange.list("5000-5013,60000-60031"))),
        ]
        #expect(tuning.apply(wanted).isEmpty)
        #expect(try swappiness() == "0\n")
        let (code, printed) = untune()
        #expect(code == .success)
        #expect(printed.out.contains("/proc/sys/vm/swappiness is 60 again\n"))
        #expect(printed.out.contains("is without 5000-5013 again\n"))
        #expect(try swappiness() == "60\n")
        #expect(untune().1.out == "nothing here was tuned by an agent\n")
    }

    @Test func `what somebody else has set is left alone, and a script can read it`() throws {
        #expect(tuning.apply([.sysctl(name: "vm.swappiness", value: "0")]).isEmpty)
        try Files.replace(node.directory + "/proc/sys/vm/swappiness", with: Array("30\n".utf8))
        let (code, printed) = untune(" --json")
        #expect(code == .success)
        let settings = try JSONValue(parsing: printed.out)["settings"]
        #expect(settings?[0]?["file"] == "/proc/sys/vm/swappiness")
        #expect(settings?[0]?["outcome"] == "left")
        #expect(try swappiness() == "30\n")
    }

    @Test func `a damaged record is an error that says what to do`() throws {
        try Files.replace("\(directory)/host-tuning.json", with: Array("{".utf8))
        let (code, printed) = untune()
        #expect(code == .failure)
        #expect(printed.complaints.contains("put the settings back by hand"))
    }
}

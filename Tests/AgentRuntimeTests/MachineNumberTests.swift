// Which machine an agent takes this for, and what it does with a state directory from another.

import Base
import EventLoop
import Glibc
import Host
import Testing

@testable import AgentRuntime

@Suite(.serialized, .timeLimit(.minutes(1))) struct MachineNumberTests {
    private static let name = "0123456789abcdef0123456789abcdef"
    private static let otherName = "fedcba9876543210fedcba9876543210"

    /// The root of a machine, and a place for the agent.
    private func withRoot(_ body: (String) throws -> Void) throws {
        var template = Array("/tmp/glm-machine-XXXXXX".utf8CString)
        let root = try #require(mkdtemp(&template).map { String(cString: $0) })
        defer { try? Files.removeTree(root) }
        for directory in ["etc", "run", "agent", "proc/sys/kernel/random"] {
            try Files.makeDirectories("\(root)/\(directory)")
        }
        try body(root)
    }

    private func write(_ text: String, to path: String) throws {
        try Files.replace(path, with: Array(text.utf8), permissions: 0o600)
    }

    @Test func `a machine has one number for as long as its name stays, and no other has it`()
        throws
    {
        try withRoot { root in
            try write(Self.name + "\n", to: "\(root)/etc/machine-id")
            let number = MachineNumber.lasting(HostRoot(root))
            #expect(number != 0)
            try write("a boot\n", to: "\(root)/proc/sys/kernel/random/boot_id")
            #expect(MachineNumber.lasting(HostRoot(root)) == number, "whatever the boot")
            try write(Self.otherName + "\n", to: "\(root)/etc/machine-id")
            #expect(![0, number].contains(MachineNumber.lasting(HostRoot(root))))
        }
    }

    @Test(arguments: [
        nil, "", "\n", "uninitialized\n", "0123\n", String(repeating: "0", count: 32),
    ])
    func `where there is no name there is no number`(text: String?) throws {
        try withRoot { root in
            if let text { try write(text, to: "\(root)/etc/machine-id") }
            #expect(MachineNumber.lasting(HostRoot(root)) == 0)
        }
    }

    @Test func `a name that lasts for one boot is none`() throws {
        try withRoot { root in
            for path in ["etc/machine-id", "run/machine-id"] {
                try write(Self.name + "\n", to: "\(root)/\(path)")
            }
            #expect(MachineNumber.lasting(HostRoot(root)) == 0)
        }
    }

    @Test func `twins are told apart by machine and boot under the root of the host`() throws {
        try withRoot { root in
            #expect(MachineNumber.ofBoot(HostRoot(root)) == 0)
            try write(Self.name + "\n", to: "\(root)/etc/machine-id")
            let first = MachineNumber.ofBoot(HostRoot(root))
            try write("a boot\n", to: "\(root)/proc/sys/kernel/random/boot_id")
            let second = MachineNumber.ofBoot(HostRoot(root))
            #expect(Set([0, first, second, MachineNumber.ofBoot(HostRoot())]).count == 4)
        }
    }

    /// The id of the state directory that an agent starts on.
    private func identity(_ root: String) throws -> String {
        let loop = try Loop()
        defer { loop.close() }
        let configuration = try AgentConfiguration.load("\(root)/agent/agent.yaml")
        _ = try Agent(
            loop, configuration, version: "test", host: .current(),
            tuner: SystemHostTuner(root: HostRoot(root)), environment: [:], log: AgentLog(loop))
        let text = try Files.read("\(root)/agent/consensus/identity")
        return try #require(JSONValue(parsing: text)["id"]?.stringValue)
    }

    @Test func `an agent takes a directory of another machine for a new one, and only then`() throws
    {
        try withRoot { root in
            let text = """
                cluster: glm
                nodes: [127.0.0.1, 127.0.0.2]
                node: 127.0.0.1
                secret_file: secret
                state_directory: \(root)/agent
                host_root: \(root)
                profile: glm-5.1-w4a8-16p-in3k5-out1k5-50ms
                model_path: /data/glm-5.1
                """
            try write(text, to: "\(root)/agent/agent.yaml")
            try write("0123456789abcdef0123456789abcdef", to: "\(root)/agent/secret")
            try write(Self.name + "\n", to: "\(root)/etc/machine-id")
            let id = try identity(root)
            #expect(try identity(root) == id)
            try Files.remove("\(root)/etc/machine-id")
            #expect(try identity(root) == id, "no name, no check")
            try write(Self.otherName + "\n", to: "\(root)/etc/machine-id")
            let other = try identity(root)
            #expect(other != id)
            #expect(try identity(root) == other)
        }
    }
}

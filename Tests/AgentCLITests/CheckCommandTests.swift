// `check`, and the same refusals of `run`.

import Base
import EventLoop
import Glibc
import Testing

@testable import AgentCLI

@Suite struct CheckCommandTests {
    /// One node at 127.0.0.1 with a profile for two.
    private func check(
        _ more: String, command: String = "check", secretMode: UInt16 = 0o600,
        controlSocket: String = "agent.sock"
    ) throws -> (ExitCode, Printed) {
        let directory = try TemporaryDirectory()
        let file = "\(directory.path)/agent.yaml"
        let text = """
            cluster: glm
            nodes: [127.0.0.1, 10.255.255.2]
            secret_file: secret
            profile: glm-5.1-w4a8-16p-in3k5-out1k5-50ms
            model_path: /nonexistent/weights
            state_directory: state
            control_socket: \(controlSocket)
            \(more)

            """
        try Files.replace(file, with: Array(text.utf8))
        let secret = Array(String(repeating: "s", count: 64).utf8)
        try Files.replace("\(directory.path)/secret", with: secret, permissions: 0o600)
        chmod("\(directory.path)/secret", mode_t(secretMode))
        return runLine("\(command) --config \(file)")
    }

    @Test func `a right file is told with what this node is in it`() throws {
        let (code, printed) = try check("engine: {command: [/bin/true]}")
        #expect(code == .success, "\(printed.complaints)")
        #expect(
            printed.out.contains("is right: 127.0.0.1 of cluster glm at 127.0.0.1 (lo), 2 nodes"))
        #expect(
            printed.complaints.contains("agent.yaml:5:13: model_path: /nonexistent/weights: No"))
        let json = try JSONValue(
            parsing: try check("engine: rehearsal", command: "check --json").1.out)
        #expect(json["valid"] == true && json["node"] == "127.0.0.1" && json["interface"] == "lo")
    }

    @Test(
        arguments: ["check", "run"],
        [
            ("engine: {command: [/no/such]}", "agent.yaml:8:9: engine: /no/such: No such file"),
            ("engine: {command: [/proc/version]}", "engine: /proc/version is not executable"),
            ("engine: {command: [no-such-program]}", "there is no program \"no-such-program\""),
            ("interface: eth9~", "interface: expected the name of a network interface"),
            (
                "interface: wlan77",
                "agent.yaml:8:12: interface: this host has no interface \"wlan77\""
            ),
            ("node: 10.255.255.2", "agent.yaml:8:7: node: no interface of this host carries"),
            (
                "interface: lo\nnode: 10.255.255.2",
                "node: this host has not the address 10.255.255.2 of 10.255.255.2; correct `nodes`"
            ),
        ])
    func `what cannot run is refused with its line`(
        command: String, mistake: (line: String, complaint: String)
    ) throws {
        let (code, printed) = try check(mistake.line, command: command)
        #expect(code == .usage)
        #expect(printed.out.isEmpty)
        #expect(printed.complaints.contains(mistake.complaint), "\(printed.complaints)")
    }

    @Test func `an open secret is refused`() throws {
        let (code, printed) = try check("", secretMode: 0o644)
        #expect(code == .usage && printed.complaints.contains("chmod 600"))
    }

    @Test func `a port that somebody holds is warned of, with the holder`() throws {
        let loop = try Loop()
        defer { loop.close() }
        let holder = try StreamListener(loop, on: Endpoint(host: "127.0.0.1", port: 0)) {
            $0.close()
        }
        defer { holder.close() }
        let port = try #require(holder.endpoint?.port)
        let (code, printed) = try check("engine: rehearsal\npeer_port: \(port)")
        #expect(code == .success)
        #expect(printed.complaints.contains("127.0.0.1:\(port) is held by process \(getpid())"))
    }

    @Test func `run does not start on a port that somebody holds, and makes no deep directories`()
        throws
    {
        let loop = try Loop()
        defer { loop.close() }
        let holder = try StreamListener(loop, on: Endpoint(host: "127.0.0.1", port: 0)) {
            $0.close()
        }
        defer { holder.close() }
        let port = try #require(holder.endpoint?.port)
        let (code, printed) = try check(
            "engine: rehearsal\nhttp_listen: 127.0.0.1:\(port)", command: "run")
        #expect(code == .failure)
        #expect(printed.complaints.contains("127.0.0.1:\(port) is held by process \(getpid())"))
        #expect(printed.complaints.contains("another `http_listen`"))

        let directory = try TemporaryDirectory()
        let (refused, told) = try check(
            "engine: rehearsal", command: "run",
            controlSocket: "\(directory.path)/deep/deeper/agent.sock")
        #expect(refused == .failure)
        #expect(
            told.complaints.contains("control_socket: the directory \(directory.path)/deep/deeper"))
        #expect(!Files.exists("\(directory.path)/deep"))
    }

    @Test func `permission denied is not taken for no agent`() {
        let error = ControlError.forbidden(socket: "/run/glm-agent/agent.sock", group: "ops")
        #expect(error.exitCode == .failure)
        #expect(error.message.contains("permission denied at /run/glm-agent/agent.sock"))
        #expect(error.message.contains("member of the group ops"))
    }
}

// What the vendor's scripts make of a clean shell, against the pretend node's.

import Ascend
import Base
import EventLoop
import Glibc
import PretendNode
import Testing

@testable import Host

@Suite(.serialized, .timeLimit(.minutes(1)))
struct AscendEnvironmentTests {
    /// The published profile's.
    private static let published = [
        "/usr/local/Ascend/ascend-toolkit/set_env.sh", "/usr/local/Ascend/nnal/atb/set_env.sh",
    ]

    private let loop: Loop

    init() throws { loop = try Loop() }

    private func environment(
        _ node: PretendNode, agent: [String: String] = [:], limit: Duration = .seconds(20)
    ) -> AscendEnvironment {
        let runner = CommandRunner(
            loop, root: HostRoot(node.directory),
            environment: ["PATH": "/usr/bin:/bin", "HOME": "/root"].merging(agent) { $1 })
        return AscendEnvironment(runner, limit: limit)
    }

    private func make(
        _ environment: AscendEnvironment, from sources: [String] = published
    ) throws -> Fact<EngineEnvironment> {
        var made: Fact<EngineEnvironment>?
        environment.make(from: sources) { made = $0 }
        #expect(made == nil, "it was told before the call had returned")
        #expect(loop.run(within: .seconds(30)) { made != nil })
        return try #require(made)
    }

    private func value(_ name: String, _ made: Fact<EngineEnvironment>) -> String? {
        made.value?.variables.first { $0.name == name }?.value
    }

    @Test(arguments: ["cann", "toolkit", "both"])
    func `either layout gives the same environment, NNAL's after CANN's`(layout: String) throws {
        let node = try PretendNode(["layout": layout])
        let made = try make(environment(node))
        let home = try #require(value("ASCEND_HOME_PATH", made))
        #expect(home.hasPrefix("/usr/local/Ascend/"))
        #expect(value("ATB_FOUND_CANN", made) == home)
        #expect(
            value("LD_LIBRARY_PATH", made)
                == "/usr/local/Ascend/nnal/atb/latest/atb/cxx_abi_1/lib:\(home)/lib64:"
                + "/usr/local/Ascend/driver/lib64/driver:")
        #expect(value("PATH", made) == "\(home)/bin:/usr/bin:/bin")
        let first = layout == "cann" ? "cann" : "ascend-toolkit"
        #expect(
            node.sourced
                == [
                    "/usr/local/Ascend/\(first)/set_env.sh",
                    "/usr/local/Ascend/nnal/atb/set_env.sh",
                ].map {
                    layout == "cann" ? $0.replacing("Ascend/cann/", with: "Ascend/cann-8.5.1/") : $0
                })
        #expect(made.value?.missing == [])
    }

    @Test func `nothing of the agent's environment gets in but who and where it is`() throws {
        let node = try PretendNode()
        let agent = [
            "LD_LIBRARY_PATH": "/of/the/agent", "HCCL_BUFFSIZE": "1", "https_proxy": "http://x",
            "PYTHONPATH": "/of/the/agent", "LANG": "C.UTF-8", "BASH_ENV": "/of/the/agent",
        ]
        let made = try make(environment(node, agent: agent))
        let names = Set(try #require(made.value).variables.map(\.name))
        #expect(names.isSuperset(of: ["HOME", "LANG", "PATH", "ASCEND_HOME_PATH"]))
        #expect(names.isDisjoint(with: ["HCCL_BUFFSIZE", "https_proxy", "BASH_ENV", "LC_ALL"]))
        #expect(names.isDisjoint(with: ["PWD", "OLDPWD", "SHLVL", "_", "file", "files"]))
        #expect(try #require(made.value).variables.allSatisfy { !$0.value.contains("agent") })
    }

    @Test func `two nodes with the same scripts have the same hash, whatever their agents' paths`()
        throws
    {
        let node = try PretendNode()
        let one = try make(environment(node))
        let other = try make(environment(node, agent: ["PATH": "/opt/bin:/usr/bin", "HOME": "/x"]))
        #expect(one.value?.snapshot.hash == other.value?.snapshot.hash)
        #expect(one.value?.snapshot == other.value?.snapshot)
        let path = one.value?.snapshot.value(of: "PATH")
        #expect(path?.hasPrefix("/usr/local/Ascend/") == true && path?.hasSuffix(":$PATH") == true)
        #expect(one.value?.snapshot.value(of: "HOME") == nil)
        let third = try make(environment(PretendNode(["set_env_more": "export HCCL_MORE=1"])))
        #expect(one.value?.snapshot.hash != third.value?.snapshot.hash)
    }

    @Test func `the scripts are sourced once, and again when one has changed`() throws {
        let node = try PretendNode()
        let environment = environment(node)
        for _ in 0..<3 { _ = try make(environment) }
        #expect(node.sourced.count == 2)
        try node.set(["set_env_more": "export HCCL_MORE=1"])
        let made = try make(environment)
        #expect(node.sourced.count == 4)
        #expect(value("HCCL_MORE", made) == "1")
        let length = value("LD_LIBRARY_PATH", made)?.utf8.count
        try node.set(["set_env_more": "export HCCL_MORE=2"])
        #expect(value("LD_LIBRARY_PATH", try make(environment))?.utf8.count == length)
    }

    @Test func `who asks meanwhile is told the same`() throws {
        let node = try PretendNode(["set_env_more": "sleep 0.2"])
        let environment = environment(node)
        var told: [Fact<EngineEnvironment>] = []
        for _ in 0..<3 { environment.make(from: Self.published) { told.append($0) } }
        #expect(loop.run(within: .seconds(20)) { told.count == 3 })
        #expect(Set(told).count == 1 && node.sourced.count == 2)
    }

    @Test func `a node without any script says so`() throws {
        let made = try make(environment(PretendNode(["scripts": "0"])))
        #expect(made.gap?.kind == .notInstalled)
        #expect(made.gap?.subject.contains("set_env.sh") == true)
        #expect(try make(environment(PretendNode()), from: []).gap?.kind == .notAsked)
    }

    @Test func `a vendor's script that is missing is told, and one of the operator's is an error`()
        throws
    {
        let node = try PretendNode()
        try Files.remove(node.directory + "/usr/local/Ascend/nnal/atb/set_env.sh")
        let made = try make(environment(node))
        #expect(made.value?.missing == ["/usr/local/Ascend/nnal/atb/set_env.sh"])
        let own = try make(environment(node), from: Self.published + ["/opt/own.sh"])
        #expect(own.gap?.kind == .refused && own.gap?.subject == "/opt/own.sh")
    }

    @Test func `a script that hangs is given up, and tried again`() throws {
        let node = try PretendNode(["set_env_more": "sleep 30"])
        let environment = environment(node, limit: .milliseconds(400))
        #expect(try make(environment).gap?.kind == .timedOut)
        try node.set(["set_env_more": ""])
        #expect(try make(environment).value != nil)
    }

    @Test func `a script that ends the shell is told`() throws {
        let node = try PretendNode(["set_env_more": "exit 3"])
        #expect(try make(environment(node)).gap?.detail == "the shell exited with code 3")
    }
}

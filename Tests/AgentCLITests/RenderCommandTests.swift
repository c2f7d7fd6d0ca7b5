// `render`: which nodes it takes, and where its scripts go.

import Base
import EventLoop
import Glibc
import Profiles
import Testing

@testable import AgentCLI

@Suite struct RenderCommandTests {
    private static let named = "a=10.0.0.1,b=10.0.0.2,c=10.0.0.3,d=10.0.0.4"

    private func render(_ nodes: String, _ rest: String = "") -> (ExitCode, Printed) {
        runLine(
            "render \(rehearsedByDefault) --nodes \(nodes) --interface eth0 --model /w \(rest)")
    }

    @Test(arguments: [
        ("10.0.0.1,10.0.0.1,10.0.0.3,10.0.0.4", "--nodes has 10.0.0.1 twice"),
        ("a=10.0.0.1,b=10.0.0.1", "--nodes has 10.0.0.1 twice"),
        ("a=10.0.0.1,a=10.0.0.2", "--nodes has a twice"),
        ("fd00::1,fd00:0::1", "--nodes has fd00::1 twice"),
        ("node-1,node-2", "\"node-1\" is none: write 10.0.0.1, or with a name node-1=10.0.0.1"),
        ("a=b", "\"b\" is none: write 10.0.0.1, or with a name node-1=10.0.0.1"),
        ("10.0.0.1,,10.0.0.2", "\"\" is none"),
        ("a/b=10.0.0.1", "\"a/b\" is no name"),
        ("=10.0.0.1", "\"\" is no name"),
        ("10.0.0.1", "cannot be placed: needs 4 nodes"),
        ("10.0.0.300", "\"10.0.0.300\" is none: write 10.0.0.1, or with a name node-1=10.0.0.1"),
        ("10.0.0.300=10.0.0.1", "\"10.0.0.300\" looks like an address, and 10.0.0.1 is another"),
    ])
    func `nodes that cannot be rendered are refused with the right form`(
        nodes: String, complaint: String
    ) {
        let (code, printed) = render(nodes)
        #expect(code == .usage)
        #expect(printed.complaints.contains(complaint), "\(printed.complaints)")
        #expect(printed.out.isEmpty)
    }

    @Test func `everything that is missing is told at once`() {
        let (code, printed) = runLine("render glm-5.2")
        #expect(code == .usage)
        for word in ["glm-5.2", "--nodes A,B,…", "--interface IF", "--model DIR"] {
            #expect(printed.complaints.contains(word), "\(word): \(printed.complaints)")
        }
    }

    @Test(arguments: ["eth~x", "a b", "sixteen-letters-", "-x", "eth0/1"])
    func `an interface of no possible name is refused`(name: String) {
        let (console, printed) = testConsole()
        let code = runCommandLine(
            [
                "render", rehearsedByDefault, "--nodes", Self.named, "--interface=\(name)",
                "--model",
                "/w",
            ], on: console)
        #expect(code == .usage)
        #expect(printed.complaints.contains("\"\(name)\" is no name of a network interface"))
    }

    @Test func `a node without a rank is told`() {
        let (code, printed) = render(Self.named + ",e=10.0.0.5")
        #expect(code == .success)
        #expect(printed.complaints.contains("warning: e is not used"), "\(printed.complaints)")
        #expect(!render(Self.named).1.complaints.contains("not used"))
    }

    @Test func `names are told, addresses are used`() throws {
        let (code, printed) = render(Self.named, "--json")
        #expect(code == .success)
        let json = try JSONValue(parsing: printed.out)
        #expect(json["shards"]?[1]?["node"] == "b")
        #expect(json["shards"]?[1]?["environment"]?["SGLANG_HOST_IP"] == "10.0.0.2")
        let plain = try JSONValue(
            parsing: render("10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4", "--json").1.out)
        #expect(plain["shards"]?[1]?["node"] == "10.0.0.2")
    }

    @Test func `the scripts of all nodes stand behind banners that bash takes for comments`() {
        let (_, printed) = render(Self.named)
        let banners = printed.out.split(separator: "\n").filter { $0.hasPrefix("# ==========") }
        #expect(
            banners.map { $0.split(separator: " ")[2] } == ["a:", "b:", "c:", "d:", "where"])
        #expect(!printed.out.contains("{address}"))
    }

    @Test func `one node's script is printed alone`() {
        let (code, printed) = render(Self.named, "--node c")
        #expect(code == .success)
        #expect(printed.out.hasPrefix("#!/usr/bin/env bash\n# What c runs"))
        #expect(!printed.out.contains("===="))
        let (wrongCode, wrong) = render(Self.named, "--node e")
        #expect(wrongCode == .usage)
        #expect(wrong.complaints.contains("there is no node \"e\". There are: a, b, c, d"))
        let spare = render(Self.named + ",e=10.0.0.5", "--node e").1.complaints
        #expect(spare.contains("e would be a spare"))
    }

    @Test func `scripts are written as files that can be run`() throws {
        let directory = try TemporaryDirectory()
        let mask = umask(0o077)
        let (code, printed) = render(Self.named, "--output \(directory.path)/scripts")
        umask(mask)
        #expect(code == .success, "\(printed.complaints)")
        let files = try Files.list("\(directory.path)/scripts").map(\.name)
        #expect(files == ["a.sh", "b.sh", "c.sh", "d.sh", "router.sh"])
        for file in files {
            let path = "\(directory.path)/scripts/\(file)"
            #expect(printed.out.contains("wrote \(path): "))
            var status = stat()
            #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o755)
        }
        let one = readText("\(directory.path)/scripts/b.sh")
        #expect(one == render(Self.named, "--node b").1.out)
    }

    @Test func `a directory that cannot be written is told`() {
        let (code, printed) = render(Self.named, "--output /dev/null/scripts")
        #expect(code == .failure)
        #expect(printed.complaints.contains("cannot be written"))
    }

    @Test func `one form at a time`() {
        let (code, printed) = render(Self.named, "--json --node a")
        #expect(code == .usage)
        #expect(printed.complaints.contains("either --json or --node, not both"))
    }
}

// What an installed SGLang says of a command, and what is said where none answers. The package is a stand-in with
// a parser of its own; the Python is the real one.

import Ascend
import EventLoop
import Glibc
import Host
import Testing

@Suite(.timeLimit(.minutes(1))) struct SGLangPreflightTests {
    private static let parser = """
        print("a library says something at its import")
        class ServerArgs:
            @staticmethod
            def add_cli_args(parser):
                parser.add_argument("--tp-size", type=int)
                parser.add_argument("--host")

        """

    private func answer(
        _ argv: [String], package: String? = parser, within limit: Duration = .seconds(20)
    ) throws -> Fact<String?>? {
        var template = Array("/tmp/glm-preflight-XXXXXX".utf8CString)
        _ = try #require(mkdtemp(&template))
        let directory = String(
            decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        defer { try? Files.removeTree(directory) }
        if let package {
            try Files.makeDirectories("\(directory)/sglang/srt", permissions: 0o700)
            try Files.replace("\(directory)/sglang/srt/server_args.py", with: Array(package.utf8))
        }
        let loop = try Loop()
        let preflight = SGLangPreflight(
            loop, environment: ["PATH": "/usr/bin:/bin", "PYTHONPATH": directory])
        var answer: Fact<String?>?
        preflight.read(argv, source: ["/nonexistent/set_env.sh"], within: limit) { answer = $0 }
        #expect(loop.run(within: .seconds(30)) { answer != nil })
        return answer
    }

    private func command(_ arguments: String...) -> [String] {
        ["python3", "-m", "sglang.launch_server"] + arguments
    }

    @Test func `a command that it understands is not refused`() throws {
        #expect(try answer(command("--tp-size", "32", "--host", "it's \"x\"")) == .known(nil))
    }

    @Test func `a flag that it does not know is named`() throws {
        let refusal = try #require(try answer(command("--tp-size", "32", "--no-such-flag"))?.value)
        #expect(refusal?.contains("unrecognized arguments: --no-such-flag") == true)
        let value = try #require(try answer(command("--tp-size", "many"))?.value)
        #expect(value?.contains("invalid int value: 'many'") == true)
    }

    @Test func `an SGLang that cannot be imported would not start either`() throws {
        let none = try #require(try answer(command(), package: nil)?.value)
        #expect(none?.hasPrefix("SGLang cannot be imported: ModuleNotFoundError") == true)
        let broken = try #require(
            try answer(command(), package: "raise ImportError('libascendcl.so: cannot open')")?
                .value)
        #expect(broken?.hasSuffix("ImportError: libascendcl.so: cannot open") == true)
    }

    @Test func `an interpreter that dies or is not there is told`() throws {
        let dead = try #require(
            try answer(command(), package: "import os; os.abort()")?.value)
        #expect(dead?.hasPrefix("python3 ") == true)
        let missing = try #require(
            try answer(["/no/such/python", "-m", "sglang.launch_server"])?.value)
        #expect(missing?.contains("code 127") == true)
    }

    @Test func `one that takes too long has not answered`() throws {
        let slow = "import time; time.sleep(60)"
        let fact = try answer(command(), package: slow, within: .milliseconds(300))
        #expect(fact?.gap?.kind == .timedOut)
        #expect(fact?.gap?.detail.contains("argparse") == false)
    }

    @Test func `another program is not asked`() throws {
        #expect(try answer(["/usr/bin/engine", "--tp-size"])?.gap?.kind == .notAsked)
    }
}

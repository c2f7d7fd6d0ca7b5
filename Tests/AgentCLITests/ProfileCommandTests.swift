// `profiles` and `rehearse --profile`: what they print, and what they complain of.

import Base
import EventLoop
import Glibc
import Profiles
import Testing
import YAML

@testable import AgentCLI

/// A directory for one test, removed at its end.
final class TemporaryDirectory {
    let path: String

    init() throws {
        var template = Array("/tmp/glm-test-XXXXXX".utf8CString)
        let made = try #require(mkdtemp(&template))
        path = String(cString: made)
    }

    deinit { try? Files.removeTree(path) }

    func write(_ name: String, _ text: String) throws -> String {
        try Files.replace("\(path)/\(name)", with: Array(text.utf8))
        return "\(path)/\(name)"
    }
}

/// A profile of one's own with a misspelt variable in line 4.
private let suspicious = """
    profile: mine
    extends: [glm-5.1-w4a8-1p1d-32p-in64k-out1k-20ms]
    environment:
      GLOO_SOCKET_TFNAME: eth0

    """

@Suite struct ProfileCommandTests {
    @Test func `an unknown profile is answered with the nearest, and with no place in a file`() {
        let near = "glm-5.1-w4a8-1p1d-32p-in64k-out1k-30ms"
        for line in ["profiles show \(near)", "rehearse \(near)"] {
            let (code, printed) = runLine(line)
            #expect(code == .usage)
            #expect(
                printed.complaints == "glm-agent: unknown profile \"\(near)\"; did you mean "
                    + "\"glm-5.1-w4a8-1p1d-32p-in64k-out1k-20ms\"?\n"
                    + "  `glm-agent profiles` lists them.\n")
        }
        let far = runLine("profiles show nope").1.complaints
        #expect(ProfileCatalog.names.allSatisfy { far.contains($0) })
        let some = runLine("profiles show 4p1d").1.complaints
        #expect(some.contains("names: glm-5.1-w4a8-4p1d-48p-in64k-out1k-prefix90-50ms\n"))
    }

    @Test func `a misspelt variable that is an error is not told twice`() throws {
        let directory = try TemporaryDirectory()
        let file = "\(directory.path)/p.yaml"
        try Files.replace(
            file,
            with: Array(
                """
                profile: mine
                extends: [glm-5.1-w4a8-1p1d-32p-in64k-out1k-20ms]
                environment:
                  HCCL_BUFSIZE: 3

                """.utf8))
        let (code, printed) = runLine("profiles validate \(file)")
        #expect(code == .usage)
        #expect(printed.complaints.contains("HCCL_BUFSIZE"))
        #expect(!printed.complaints.contains("warning"), "\(printed.complaints)")
    }

    @Test func `a profile is shown as JSON too`() throws {
        let (code, printed) = runLine("profiles show \(rehearsedByDefault) --json")
        #expect(code == .success)
        let json = try JSONValue(parsing: printed.out)
        #expect(json["profile"]?.stringValue == rehearsedByDefault)
    }

    @Test func `a missing file is told as such, with what to do`() {
        let (code, printed) = runLine("profiles validate /nonexistent/mine.yaml")
        #expect(code == .usage)
        #expect(
            printed.complaints == """
                glm-agent: there is no file /nonexistent/mine.yaml
                  Name the file of a profile, or begin one: `glm-agent profiles show NAME > \
                /nonexistent/mine.yaml`.

                """)
        let directory = runLine("profiles validate /tmp").1.complaints
        #expect(directory.hasPrefix("glm-agent: /tmp cannot be read: "))
        #expect(!directory.contains("EISDIR"))
    }

    @Test func `a nearly known name is warned of, and refused only where that is wanted`() throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("mine.yaml", suspicious)
        let told =
            "\(file):4:3: environment.GLOO_SOCKET_TFNAME: \"GLOO_SOCKET_TFNAME\" is not known; "
            + "did you mean \"GLOO_SOCKET_IFNAME\"?\n"
        let (code, printed) = runLine("profiles validate \(file)")
        #expect(code == .success)
        #expect(printed.complaints == "glm-agent: warning: " + told)
        #expect(printed.out.hasPrefix("\(file) is right: mine, 1P1D, 32 cards, 4 nodes"))
        let (strictCode, strict) = runLine("profiles validate --strict \(file)")
        #expect(strictCode == .usage)
        #expect(strict.complaints == "glm-agent: " + told)
        #expect(strict.out.isEmpty)
    }

    @Test func `validation as JSON has every error and warning with its place`() throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("mine.yaml", suspicious)
        let (code, printed) = runLine("profiles validate \(file) --json")
        #expect(code == .success)
        #expect(printed.complaints.isEmpty)
        let json = try JSONValue(parsing: printed.out)
        #expect(json["valid"] == true)
        #expect(json["nodes"] == 4)
        #expect(json["errors"] == [])
        #expect(json["warnings"]?[0]?["line"] == 4)
        #expect(json["warnings"]?[0]?["field"] == "environment.GLOO_SOCKET_TFNAME")
        let wrong = try directory.write("wrong.yaml", "profile: wrong\n")
        let (wrongCode, told) = runLine("profiles validate \(wrong) --json")
        #expect(wrongCode == .usage)
        let errors = try JSONValue(parsing: told.out)
        #expect(errors["valid"] == false)
        #expect(errors["profile"] == .null)
        #expect(errors["errors"]?[0]?["message"] == "expected the field \"model\"")
    }

    @Test func `rehearse takes a published profile or a file, not both`() {
        let (code, printed) = runLine("rehearse \(rehearsedByDefault) --profile mine.yaml")
        #expect(code == .usage)
        #expect(printed.complaints.contains("not both"))
        let missing = runLine("rehearse --profile /nonexistent/mine.yaml")
        #expect(missing.0 == .usage)
        #expect(missing.1.complaints.contains("there is no file"))
    }

    @Test func `a stream is cut into lines, whatever its pieces are`() {
        var lines: [String] = []
        let cutter = LineCutter { lines.append($0) }
        for piece in ["one\ntw", "o\n\nthr", "ee\r\nfour"] { cutter.take(piece) }
        #expect(lines == ["one", "two", "", "three\r"])
        cutter.finish()
        #expect(lines.last == "four")
    }
}

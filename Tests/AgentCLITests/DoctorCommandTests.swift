// `glm-agent doctor` without an agent, against the pretend node.

import Base
import PretendNode
import Testing

@testable import AgentCLI

@Suite(.serialized, .timeLimit(.minutes(1)))
struct DoctorCommandTests {
    @Test func `people see every check, and each finding with what to do`() throws {
        let node = try PretendNode(["alarm": "5 6", "processes": "4711:4:58953:python3"])
        let (code, printed) = runLine("doctor --root \(node.directory) --model /data/glm-5.1")
        #expect(code == .notReady)
        let lines = printed.out.split(separator: "\n").map(String.init)
        #expect(
            (0...16).allSatisfy { number in
                lines.contains { $0.hasPrefix("  ") && $0.contains(" \(number)  ") }
            })
        #expect(lines.contains("error [1] a3-3, die 4: held by process 4711 (python3)"))
        let ill = try #require(
            lines.firstIndex { $0.hasPrefix("error [8] a3-3, dies 5-6: health") })
        #expect(lines[ill + 1].hasPrefix("    look the codes up in the vendor's Health Management"))
        let sum = try #require(lines.firstIndex { $0.hasPrefix("2 errors") })
        #expect(sum > ill && lines[sum + 1].hasPrefix("      CHECK "), "the table is the last")
    }

    @Test func `what several nodes have is told once, with their names`() {
        func finding(_ node: String?, _ evidence: String, dies: [JSONValue] = []) -> JSONValue {
            [
                "check": 13, "severity": "warning", "node": JSONValue(node), "dies": .array(dies),
                "evidence": .string(evidence), "remedy": "set it",
            ]
        }
        let diagnosis: JSONValue = [
            "worst": "warning",
            "checks": [["number": 13, "name": "kernel settings", "state": "warning"]],
            "findings": [
                finding("node-1", "vm.swappiness is 60"), finding("node-2", "governor"),
                finding("node-2", "vm.swappiness is 60"),
                finding("node-3", "vm.swappiness is 60", dies: [4]),
                finding(nil, "governor"),
            ],
            "failed_groups": ["decode-0"],
        ]
        let text = DoctorView(diagnosis: diagnosis, colour: false).text
        #expect(
            text == """
                warning [13] node-1, node-2: vm.swappiness is 60
                    set it
                warning [13] node-2: governor
                    set it
                warning [13] node-3, die 4: vm.swappiness is 60
                    set it
                warning [13] governor
                    set it

                decode-0 has failed: `glm-agent why decode-0` tells what of, and what to do

                4 warnings

                      CHECK            STATE
                  13  kernel settings  warning  4 findings

                """, "\(text)")
    }

    @Test func `what several checks have found alike is told once, and counts for each`() {
        func finding(_ check: JSONValue, _ node: String) -> JSONValue {
            [
                "check": check, "severity": "unknown", "node": .string(node), "dies": [],
                "evidence": "npu-smi is not installed", "remedy": "install it",
            ]
        }
        let diagnosis: JSONValue = [
            "worst": "unknown", "checks": [],
            "findings": [
                finding(1, "node-1"), finding(1, "node-2"), finding(5, "node-1"),
                finding(8, "node-1"), finding(8, "node-2"),
            ],
        ]
        let text = DoctorView(diagnosis: diagnosis, colour: false).text
        #expect(
            text.hasPrefix(
                """
                unknown [1, 8] node-1, node-2: npu-smi is not installed
                    install it
                unknown [5] node-1: npu-smi is not installed
                    install it

                3 not known

                """), "\(text)")
    }

    @Test func `a sound host is no error, and what is not known is one where that is wanted`()
        throws
    {
        let node = try PretendNode()
        let (code, printed) = runLine("doctor --json --root \(node.directory)")
        #expect(code == .success)
        let json = try JSONValue(parsing: printed.out)
        #expect(json["checks"]?.arrayValue?.count == 17)
        #expect(json["checks"]?[8]?["state"] == "ok" && json["checks"]?[3]?["state"] == "unknown")
        #expect(runLine("doctor --strict --root \(node.directory)").0 == .notReady)
    }

    @Test func `speed is measured where it is asked for, and a hypervisor is told`() throws {
        let node = try PretendNode(["machine": "QEMU"])
        let (_, quiet) = runLine("doctor --json --root \(node.directory)")
        let (code, stressed) = runLine("doctor --stress --json --root \(node.directory)")
        #expect(code == .success)
        func findings(_ text: String, of check: Int64) throws -> [JSONValue] {
            (try JSONValue(parsing: text)["findings"]?.arrayValue ?? [])
                .filter { $0["check"]?.integerValue == check }
        }
        #expect(try findings(quiet.out, of: 16).map { $0["evidence"] } == ["not asked"])
        let measured = try findings(stressed.out, of: 16).compactMap { $0["evidence"]?.stringValue }
        #expect(measured.contains { $0.contains("million steps/s") })
        #expect(measured.contains { $0.contains("MB/s") })
        #expect(!measured.contains("memory: 0 to 0 MB/s"))
        let machine = try findings(quiet.out, of: 13).compactMap { $0["evidence"]?.stringValue }
        #expect(machine.contains("this is a virtual machine (qemu)"))
    }

    @Test func `where npu-smi is missing nothing is said to be well`() throws {
        let node = try PretendNode(["npu_smi": "missing"])
        let (code, printed) = runLine("doctor --json --root \(node.directory)")
        #expect(code == .notReady, "there are dies, and nobody could look at them")
        let json = try JSONValue(parsing: printed.out)
        for check in [1, 5, 6, 8] {
            #expect(json["checks"]?[check]?["state"] == "unknown", "check \(check)")
        }
        #expect(json["worst"] != "error" && json["unexamined"] == ["a3-3"])
    }

    @Test(arguments: ["doctor --root /no/such/place", "doctor --root . --model weights"])
    func `a wrong place is a mistake of the command line`(line: String) {
        #expect(runLine(line).0 == .usage)
    }
}

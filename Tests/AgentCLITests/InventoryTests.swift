// `glm-agent inventory` against the pretend node: for people and for scripts.

import Ascend
import Base
import PretendNode
import Testing

@testable import AgentCLI

@Suite(.serialized, .timeLimit(.minutes(1)))
struct InventoryTests {
    @Test func `people see the dies, who holds them, and what is not known`() throws {
        let node = try PretendNode([
            "alarm": "5", "vnic_down": "7", "processes": "4711:4:58953:sglang",
        ])
        let (code, printed) = runLine("inventory --root \(node.directory) --model /data/glm-5.1")
        #expect(code == .success)
        #expect(printed.complaints.isEmpty)
        let lines = printed.out.split(separator: "\n").map(String.init)
        #expect(lines.first?.hasPrefix("a3-3, server 3 of super pod 0, kernel 5.10") == true)
        #expect(lines.contains { $0.contains("Alarm 81078603 80E18402") })
        #expect(lines.filter { $0.contains("DOWN") }.count == 1)
        #expect(lines.contains { $0.contains("4711  sglang") && $0.contains("davinci4") })
        #expect(lines.contains { $0.hasPrefix("/data/glm-5.1: 3 files") })
        #expect(printed.out.contains("NOT KNOWN\n  /etc/hccn.conf is not installed"))
    }

    @Test func `where no CANN is found that is a row, too`() throws {
        let directory = try TemporaryDirectory()
        let (_, printed) = runLine("inventory --root \(directory.path)")
        let row = printed.out.split(separator: "\n").first { $0.contains("CANN  ") }
        #expect(row?.hasSuffix("none found") == true, "\(printed.out)")
    }

    @Test func `scripts read it back`() throws {
        let node = try PretendNode()
        let (code, printed) = runLine("inventory --json --root \(node.directory)")
        #expect(code == .success)
        let json = try JSONValue(parsing: printed.out)
        let inventory = try NodeInventory(json: json)
        #expect(inventory.dies.value?.count == 16)
        let digest = try InventoryDigest(json: try #require(json["digest"]))
        #expect(digest == inventory.digest)
        #expect(json.objectValue?.last?.name == "digest")
    }

    @Test func `a complaint comes with its remedy`() throws {
        let node = try PretendNode(["npu_smi": "8020"])
        let (code, printed) = runLine("inventory --root \(node.directory)")
        #expect(code == .success)
        #expect(printed.out.contains("ret is -8020\"; stop the container that has the device"))
    }

    @Test(arguments: ["inventory --root /no/such/place", "inventory --root . --model weights"])
    func `a wrong place is a mistake of the command line`(line: String) {
        #expect(runLine(line).0 == .usage)
    }
}

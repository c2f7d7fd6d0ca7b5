// `glm-agent bench` as far as it needs no agent: its command line, the repairs, the dry run.

import Base
import Profiles
import Testing

@testable import AgentCLI

@Suite struct BenchCommandTests {
    private static let shared = "glm-5.1-w4a8-4p1d-48p-in64k-out1k-prefix90-50ms"

    @Test(arguments: ["", "--profile "])
    func `a dry run prints the repaired command and why it differs`(option: String) {
        let (code, printed) = runLine(
            "bench \(option)\(rehearsedByDefault) --dry-run --model /data/glm-5.1")
        #expect(code == .success, "\(printed.complaints)")
        let lines = printed.out.split(separator: "\n").map(String.init)
        #expect(
            lines[0]
                == "python3 -m sglang.bench_serving --dataset-name random --backend sglang "
                + "--host 127.0.0.1 --port 6688 --max-concurrency 1 --random-input-len 65536 "
                + "--random-output-len 1024 --num-prompts 1 --random-range-ratio 1 "
                + "--tokenizer /data/glm-5.1")
        #expect(lines.contains("# benchmark argument --tokenizer"))
        #expect(lines.contains("#   ours: /data/glm-5.1"))
        #expect(lines.contains("# benchmark command"))
        #expect(printed.complaints.contains("--dataset FILE names a copy"))
    }

    @Test func `what is not known without an agent is left open`() throws {
        let (code, printed) = runLine(
            "bench glm-5.1-w4a8-16p-in3k5-out1k5-50ms --dry-run --json")
        #expect(code == .success)
        let json = try JSONValue(parsing: printed.out)
        let argv = json["argv"]?.arrayValue ?? []
        #expect(argv.contains("<node of rank 0>") && argv.contains("<model>"), "\(argv)")
        let places = (json["deviations"]?.arrayValue ?? []).map { $0["where"] }
        #expect(places.contains("benchmark argument --host"))
    }

    @Test func `the number of requests of a shared prefix is a product`() {
        let (_, printed) = runLine("bench \(Self.shared) --dry-run --requests 7 --scale 2")
        for part in [
            "--gsp-num-groups 1 ", "--gsp-prompts-per-group 7 ", "--num-prompts 7 ",
            "--gsp-system-prompt-len 29491 ", "--gsp-output-len 512 ",
        ] { #expect(printed.out.contains(part), "\(part): \(printed.out)") }
        #expect(!printed.complaints.contains("ShareGPT"), "it needs no download")
    }

    @Test func `a data set of one's own is no download`() {
        let (_, printed) = runLine("bench \(rehearsedByDefault) --dry-run --dataset /d/share.json")
        #expect(printed.out.contains("--dataset-path /d/share.json"))
        #expect(!printed.complaints.contains("ShareGPT"))
    }

    @Test(arguments: [
        "bench --requests 0", "bench --requests many", "bench --scale 0", "bench glm-5.2 --dry-run",
        "bench \(rehearsedByDefault) --profile x.yaml", "bench --profile /no/such.yaml --dry-run",
        "bench --nonsense",
    ])
    func `mistakes of the command line are refused`(line: String) {
        #expect(runLine(line).0 == .usage)
    }

    @Test(arguments: ["bench", "bench --dry-run"])
    func `without an agent there is nothing to measure`(line: String) {
        let (code, printed) = runLine("\(line) --socket \(ExitCodeTests.nobody)")
        #expect(code == .noAgent)
        #expect(printed.complaints.contains("no agent answers at"))
    }
}

// npu-smi of the pretend node: never twice at once, whoever asks and whatever happens.

import Ascend
import Base
import EventLoop
import Glibc
import PretendNode
import Testing

@testable import Host

@Suite(.serialized, .timeLimit(.minutes(1)))
struct NPUToolTests {
    private let patience = Duration.seconds(30)

    private func tool(
        _ loop: Loop, _ node: PretendNode, limit: Duration = .seconds(20)
    ) -> NPUTool {
        NPUTool(
            CommandRunner(
                loop, root: HostRoot(node.directory), environment: node.environment),
            limit: limit)
    }

    @Test func `the pretend node notices two at once`() throws {
        let node = try PretendNode(["npu_smi_delay": "0.3"])
        let loop = try Loop()
        let specification = ChildSpecification(
            executable: "\(node.directory)/usr/local/bin/npu-smi", arguments: ["info", "-l"],
            descriptors: [.null, .null, .null])
        let children = try (0..<2).map { _ in try ChildProcess(loop, specification) { _ in } }
        loop.run()
        #expect(children.allSatisfy { $0.exit != nil })
        #expect(node.violations.count == 1)
    }

    @Test func `calls of two agents on one host wait for each other`() throws {
        let node = try PretendNode(["npu_smi_delay": "0.02"])
        let loop = try Loop()
        let tools = [tool(loop, node), tool(loop, node)]
        var answers = 0
        for card in 0..<6 {
            for tool in tools {
                tool.ask(["info", "-t", "spod-info", "-i", "\(card)", "-c", "0"]) { result in
                    #expect((try? result.get())?.contains("SDID") == true)
                    answers += 1
                }
            }
        }
        #expect(loop.run(within: patience) { answers == 12 })
        #expect(node.calls.count == 12)
        #expect(node.violations.isEmpty)
    }

    @Test func `one answer serves all who ask the same`() throws {
        let node = try PretendNode()
        let loop = try Loop()
        let tool = tool(loop, node)
        var answers: [String] = []
        for _ in 0..<3 { tool.ask(["info", "-l"]) { answers.append((try? $0.get()) ?? "") } }
        #expect(loop.run(within: patience) { answers.count == 3 })
        #expect(node.calls.count == 1)
        tool.ask(["info", "-l"], maxAge: .seconds(600)) { answers.append((try? $0.get()) ?? "") }
        #expect(loop.run(within: patience) { answers.count == 4 })
        #expect(node.calls.count == 1)
        tool.ask(["info", "-l"]) { answers.append((try? $0.get()) ?? "") }
        #expect(loop.run(within: patience) { answers.count == 5 })
        #expect(node.calls.count == 2)
        #expect(Set(answers).count == 1 && answers[0].contains("Total Count"))
    }

    @Test func `what is good to know waits for what must be known, and not for ever`() throws {
        let node = try PretendNode(["npu_smi_delay": "0.1"])
        let loop = try Loop()
        let tool = tool(loop, node)
        var told: [String] = []
        var late: [Gap] = []
        func advice(_ card: Int, _ patience: Duration) {
            tool.ask(["info", "-t", "ecc", "-i", "\(card)", "-c", "0"], patience: patience) {
                if case .failure(let gap) = $0 { late.append(gap) } else { told.append("ecc") }
            }
        }
        advice(0, .seconds(30))
        advice(1, .milliseconds(50))
        tool.ask(["info"]) { _ in told.append("info") }
        tool.ask(["info", "-l"]) { _ in told.append("list") }
        #expect(loop.run(within: patience) { told.count + late.count == 4 })
        #expect(told == ["info", "list", "ecc"])
        #expect(late.map(\.kind) == [.timedOut] && node.calls.count == 3)
    }

    @Test func `after a hang the next caller asks anew`() throws {
        let node = try PretendNode(["npu_smi": "hang"])
        let loop = try Loop()
        let tool = tool(loop, node, limit: .seconds(4))
        var gaps: [Gap] = []
        for arguments in [["info"], ["info", "-l"]] {
            tool.ask(arguments) { if case .failure(let gap) = $0 { gaps.append(gap) } }
        }
        #expect(loop.run(within: patience) { gaps.count == 2 })
        #expect(gaps.allSatisfy { $0.kind == .timedOut && $0.subject == "npu-smi info" })
        #expect(node.calls == ["npu-smi info"])
        try node.set(["npu_smi": "ok"])
        // On a host at its limits a healthy call may take longer than this short limit, too.
        var answer: String?
        let deadline = loop.now + patience
        while answer == nil, loop.now < deadline {
            var isTold = false
            tool.ask(["info", "-l"]) { result in
                answer = try? result.get()
                isTold = true
            }
            #expect(loop.run(within: patience) { isTold })
        }
        #expect(answer?.contains("Total Count") == true)
        #expect(node.violations.isEmpty)
    }

    @Test func `while a dead agent's call hangs, nobody calls`() throws {
        let node = try PretendNode()
        let loop = try Loop()
        // The lock as a call holds it whose agent was killed: by another process, from outside.
        let path = "\(node.directory)/run/lock/glm-agent.npu-smi"
        let holder = try ChildProcess(
            loop,
            ChildSpecification(
                executable: "/bin/sh",
                arguments: ["-c", "exec 9>\(path); flock 9; echo locked; exec sleep 1000"],
                descriptors: [.null, .pipeFromChild, .inherit(2)])
        ) { _ in }
        defer { try? holder.kill(SIGKILL) }
        var isLocked = false
        holder.pipes[1]?.start { if case .received = $0 { isLocked = true } }
        #expect(loop.run(within: patience) { isLocked })
        let tool = tool(loop, node, limit: .seconds(2))
        var answers: [Result<String, Gap>] = []
        tool.ask(["info"]) { answers.append($0) }
        #expect(loop.run(within: patience) { answers.count == 1 })
        guard case .failure(let gap) = answers.first else {
            Issue.record("npu-smi ran beside another")
            return
        }
        #expect(gap.kind == .timedOut && gap.detail.contains("another process"))
        #expect(node.calls.isEmpty)
        try holder.kill(SIGKILL)
        tool.ask(["info", "-l"]) { answers.append($0) }
        #expect(loop.run(within: patience) { answers.count == 2 })
        #expect((try? answers[1].get()) != nil)
    }
}

// `glm-agent recover`: the last resort of a cluster whose majority is lost for ever. Loud, and only with two
// words that nobody types by accident.

import AgentRuntime
import Base
import Consensus
import EventLoop
import Host
import YAML

func recover(_ invocation: Invocation) -> ExitCode {
    guard invocation.arguments.has(.asOnlyVoter) else {
        return invocation.misused("there is one way to recover: --as-only-voter")
    }
    let path = invocation.arguments[.config] ?? defaultConfiguration
    return invocation.withConfiguration { () throws(ConfigurationError) in
        let configuration = try AgentConfiguration.load(path)
        do {
            let loop = try Loop()
            defer { loop.close() }
            let recovery = try StateRecovery(loop, configuration, host: .current())
            for repair in recovery.repairs { invocation.console.complain(repair) }
            let isAccepted = invocation.arguments.has(.acceptLoss)
            if isAccepted { try recovery.perform() }
            return report(recovery, isDone: isAccepted, invocation)
        } catch {
            invocation.console.complain("nothing was recovered: \(error)")
            return .failure
        }
    }
}

private func report(
    _ recovery: StateRecovery, isDone: Bool, _ invocation: Invocation
) -> ExitCode {
    let others = recovery.others.map(\.name)
    let document: JSONValue = [
        "node": .string(recovery.node.name), "recovered": .bool(isDone),
        "log_index": .integer(Int64(recovery.lastIndex.value)),
        "term": .integer(Int64(recovery.term.value)),
        "removed": .array(others.map { .string($0) }),
    ]
    let names = others.isEmpty ? "no other node" : others.joined(separator: ", ")
    let has = "its log ends at entry \(recovery.lastIndex) of term \(recovery.term)"
    invocation.show(document) {
        isDone
            ? """
            \(recovery.node) is the only voter now; removed: \(names). Next:
              1. systemctl start glm-agent            here
              2. on each other node that lives: stop its agent, empty its state directory, and write
                 `join: true` into its file
              3. glm-agent members add NAME ADDRESS   here, for each of them, and start its agent

            """
            : """
            WARNING. \(recovery.node) would become the only voter (\(has)), and \(names) be removed.
            Whatever was agreed on beyond that entry is lost for ever. Should a majority of the others come
            back, there would be two clusters that start engines on the same nodes.
            Compare that entry on every node that is left, by this command, and recover the one whose entry
            is the latest (first by term, then by entry). Then, and only if the others can never come back:
              glm-agent recover --as-only-voter --accept-loss

            """
    }
    return isDone ? .success : .usage
}

// The commands that become another program: the agent itself, the shim of a shard and what it starts.

import AgentRuntime
import Engines
import Glibc
import RehearsalEngine

func runShim(_ invocation: Invocation) -> ExitCode {
    exit(ShimProgram.run(arguments: invocation.arguments.positionals))
}

func runShimStage(_ invocation: Invocation) -> ExitCode {
    exit(ExecStage.run(arguments: invocation.arguments.positionals))
}

func runRehearsalEngine(_ invocation: Invocation) -> ExitCode {
    exit(
        RehearsalProgram.run(
            arguments: invocation.arguments.positionals, environment: currentEnvironment()))
}

/// The environment of this process.
func currentEnvironment() -> [String: String] {
    var variables: [String: String] = [:]
    var entry = environ
    while let text = entry.pointee {
        let pair = String(cString: text).split(
            separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        if pair.count == 2 { variables[String(pair[0])] = String(pair[1]) }
        entry += 1
    }
    return variables
}

// `glm-agent run`: the agent of this node, in the foreground until it is told to stop.

import AgentRuntime
import Host
import Node
import YAML

func runAgent(_ invocation: Invocation) -> ExitCode {
    let path = invocation.arguments[.config] ?? defaultConfiguration
    return invocation.withConfiguration { () throws(ConfigurationError) in
        let configuration = try AgentConfiguration.load(path)
        do throws(OwnNodeError) {
            let own = try configuration.findOwnNode(on: .current())
            invocation.console.complain("node \(own.node.node) on \(own.interface): no runtime yet")
            return .failure
        } catch {
            invocation.console.complain("\(path): \(error)")
            return .usage
        }
    }
}

// `glm-agent check`: what `run` would say of the configuration, and what it would find on this host.

import AgentRuntime
import Base
import ClusterState
import Engines
import EventLoop
import Host
import Node
import Planning
import Profiles
import YAML

func checkConfiguration(_ invocation: Invocation) -> ExitCode {
    let path = invocation.arguments[.config] ?? defaultConfiguration
    let (configuration, findings) = AgentConfiguration.loadAndCheck(path, on: .current())
    let errors = findings.errors
    var warnings = findings.warnings
    if let configuration, errors.isEmpty {
        warnings += missingSGLang(configuration) + busyPorts(configuration, findings)
    }
    let node = findings.own
    if invocation.arguments.has(.json) {
        let facts: JSONValue = [
            "file": .string(path), "valid": .bool(errors.isEmpty),
            "cluster": JSONValue(configuration?.cluster),
            "node": JSONValue(node?.node.node.name), "address": JSONValue(node?.node.address),
            "interface": JSONValue(node?.interface),
            "profile": JSONValue(configuration?.profile.name),
            "errors": .array(errors.map(json)), "warnings": .array(warnings.map(json)),
        ]
        invocation.console.outRaw(facts.pretty)
        return errors.isEmpty ? .success : .usage
    }
    for warning in warnings { invocation.console.complain("warning: \(warning)") }
    guard errors.isEmpty, let configuration, let node else {
        invocation.console.complain(errors.map(\.description).joined(separator: "\n"))
        return .usage
    }
    invocation.console.out(
        "\(path) is right: \(node.node.node) of cluster \(configuration.cluster) at "
            + "\(node.node.address) (\(node.interface)), \(counted(configuration.nodes.count, "node")), "
            + "profile \(configuration.profile.name)")
    return .success
}

/// What the Python of the engines says where it has no SGLang.
private func missingSGLang(_ configuration: AgentConfiguration) -> [Diagnostic] {
    guard configuration.engine == .sglang, let python = configuration.profile.command.first,
        let loop = try? Loop()
    else { return [] }
    defer { loop.close() }
    var answer: Result<String, SGLangFinder.Failure>?
    SGLangFinder(loop, environment: currentEnvironment()).find(
        python: python, source: configuration.profile.source, within: .seconds(30)
    ) { answer = $0 }
    _ = loop.run(within: .seconds(40)) { answer != nil }
    guard case .failure(let failure) = answer else { return [] }
    return [
        configuration.diagnostic(
            "engine", "SGLang is not found by \(python) of this host: \(failure)")
    ]
}

/// Ports that somebody else holds. Where the agent runs already, it and its engines hold them.
private func busyPorts(
    _ configuration: AgentConfiguration, _ findings: ConfigurationFindings
) -> [Diagnostic] {
    var agent = ControlClient(socket: configuration.controlSocket)
    agent.timeout = .seconds(2)
    guard let own = findings.own?.node,
        (try? agent.get(ControlPath("/v1/members"))) == nil, let loop = try? Loop()
    else { return [] }
    defer { loop.close() }
    let check = PortCheck(loop)
    var conflicts: [PortConflict]?
    check.conflicts(configuration.listeningEndpoints(of: own)) { conflicts = $0 }
    _ = loop.run(within: .seconds(10)) { conflicts != nil }
    return (conflicts ?? []).map { configuration.diagnostic("", "\($0)") }
}

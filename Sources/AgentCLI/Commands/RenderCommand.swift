// `glm-agent render`: what a profile comes to on given nodes, without any agent.

import AgentRuntime
import Base
import EventLoop
import Glibc
import Planning
import Profiles
import YAML

func renderProfile(_ invocation: Invocation) -> ExitCode {
    let arguments = invocation.arguments
    return invocation.withConfiguration { () throws(ConfigurationError) in
        let named = try invocation.namedProfile()
        guard let list = arguments[.nodes], let interface = arguments[.interface],
            let model = arguments[.model]
        else { return invocation.misused(missingOptions(arguments)) }
        guard let profile = named else { return .usage }
        guard interface.isInterfaceName else {
            return invocation.misused(
                "--interface: \"\(interface)\" is no name of a network interface: at most 15 "
                    + "letters, digits, dots, hyphens, underscores and colons")
        }
        let candidates: [Candidate]
        do throws(NodeListError) {
            candidates = try nodeList(list)
        } catch {
            return invocation.misused(error.reason)
        }
        let sglang = arguments[.sglang].flatMap { Version($0) }
        if let text = arguments[.sglang], sglang == nil {
            return invocation.misused("--sglang takes a version such as 0.5.12, not \"\(text)\"")
        }
        let outcome = Planner.plan(
            profile: profile, candidates: candidates, previous: nil, epoch: Epoch.none.next)
        switch outcome {
        case .failure(let failure):
            return invocation.misused("\(profile.name) cannot be placed: \(failure)")
        case .success(let plan):
            for spare in plan.spares {
                invocation.console.complain(
                    "warning: \(spare) is not used: every rank of \(profile.name) has a node")
            }
            do throws(DialectRefusal) {
                let rendered = try RenderedPlan(
                    profile: profile, modelPath: model, plan: plan, sglang: sglang,
                    interface: { _ in interface })
                for warning in rendered.warnings { invocation.console.complain(warning) }
                return show(rendered, spares: plan.spares, invocation)
            } catch {
                return invocation.misused("\(error)")
            }
        }
    }
}

/// Every option that is needed and not there, at once.
private func missingOptions(_ arguments: ParsedArguments) -> String {
    [OptionSpec.nodes, .interface, .model].filter { arguments[$0] == nil }
        .map { "--\($0.name) \($0.valueName ?? "") is missing: \($0.summary)" }
        .joined(separator: "\n  ")
}

// MARK: - The nodes

/// What is wrong with `--nodes`.
private struct NodeListError: Error {
    let reason: String
}

/// `10.0.0.1,10.0.0.2` or `node-1=10.0.0.1,…`: engines are started with addresses, so a host's name
/// alone is not enough, and looking it up here might give another address than on the node.
private func nodeList(_ text: String) throws(NodeListError) -> [Candidate] {
    var nodes: [Candidate] = []
    for entry in text.split(separator: ",", omittingEmptySubsequences: false) {
        let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let last = parts.last.map(String.init) ?? ""
        guard let address = NumericAddress(last)?.text else {
            let isName = parts.count == 1 && !last.isEmpty && !last.looksLikeAddress
            let example = isName ? last : "node-1"
            throw NodeListError(
                reason: "--nodes takes addresses, and \"\(last)\" is none: write 10.0.0.1, "
                    + "or with a name \(example)=10.0.0.1")
        }
        let name = parts.count == 2 ? String(parts[0]) : address
        guard name.isSafeName else {
            throw NodeListError(
                reason: "--nodes: \"\(name)\" is no name: letters, digits, dots, hyphens and "
                    + "underscores, at most 63")
        }
        guard name == address || !name.looksLikeAddress else {
            throw NodeListError(
                reason: "--nodes: the name \"\(name)\" looks like an address, and \(address) is "
                    + "another")
        }
        for other in nodes where other.address == address || other.node.name == name {
            throw NodeListError(
                reason: "--nodes has \(other.address == address ? address : name) twice; "
                    + "every node holds one rank of a group at most")
        }
        nodes.append(Candidate(node: NodeID(name), address: address, isUsable: true))
    }
    return nodes
}

// MARK: - The scripts

private func show(
    _ rendered: RenderedPlan, spares: [NodeID], _ invocation: Invocation
) -> ExitCode {
    let arguments = invocation.arguments
    let chosen = [OptionSpec.json, .node, .output].filter {
        arguments.has($0) || arguments[$0] != nil
    }
    if chosen.count > 1 {
        let names = chosen.map { "--\($0.name)" }.joined(separator: " or ")
        return invocation.misused("either \(names), not both")
    }
    if let name = arguments[.node] { return showScript(of: name, rendered, spares, invocation) }
    if let directory = arguments[.output] {
        return writeScripts(rendered, into: directory, invocation)
    }
    invocation.show(rendered.json) {
        rendered.scripts.map { script in
            "# ========== \(script.node): what follows is for this node alone ==========\n"
                + script.text + "\n"
        }
        .joined() + deviationText(rendered.deviations)
    }
    return .success
}

/// One script, ready for `| ssh NODE bash`.
private func showScript(
    of name: String, _ rendered: RenderedPlan, _ spares: [NodeID], _ invocation: Invocation
) -> ExitCode {
    if let script = rendered.scripts.first(where: { $0.node.name == name }) {
        invocation.console.outRaw(script.text)
        return .success
    }
    if spares.contains(NodeID(name)) {
        return invocation.misused("\(name) would be a spare: it runs nothing")
    }
    let known = rendered.scripts.map(\.node.name)
    return invocation.misused(unknown("node", name, known: known))
}

private func writeScripts(
    _ rendered: RenderedPlan, into directory: String, _ invocation: Invocation
) -> ExitCode {
    var files = rendered.scripts.map { (name: "\($0.node).sh", script: $0, what: "\($0.node)") }
    if let router = rendered.routerScript {
        if files.contains(where: { $0.name == "router.sh" }) {
            return invocation.misused("a node named router would take the name of router.sh")
        }
        files.append(("router.sh", router, "the router alone, on \(router.node)"))
    }
    do throws(UVError) {
        try Files.makeDirectories(directory, permissions: 0o755)
        for file in files {
            let path = "\(directory)/\(file.name)"
            try Files.replace(path, with: Array(file.script.text.utf8), permissions: 0o755)
            // Whatever the umask: others of the node's operators start them too.
            chmod(path, 0o755)
            invocation.console.out("wrote \(path): \(file.what)")
        }
    } catch {
        invocation.console.complain(
            "\(error.subject) cannot be written: \(error.message)\n"
                + "  --output takes a directory that you may write to.")
        return .failure
    }
    return .success
}

private func deviationText(_ deviations: [Deviation]) -> String {
    guard !deviations.isEmpty else { return "" }
    var text = "# ========== where this differs from the publication, and why ==========\n"
    for deviation in deviations {
        text += "# \(deviation.place)\n"
        for (title, value) in [
            ("published", deviation.published), ("ours", deviation.ours), ("why", deviation.why),
        ] {
            let lines = value.split(separator: "\n").map(String.init)
            text += "#   \(title): " + lines.joined(separator: "\n#     ") + "\n"
        }
    }
    return text
}

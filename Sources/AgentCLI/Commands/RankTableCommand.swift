// `glm-agent ranktable`: the file that engines want which do not meet through rank 0. SGLang needs none.

import Ascend
import Base
import EventLoop
import Node
import Planning
import Profiles
import YAML

extension CommandSpec {
    static let rankTable = CommandSpec(
        name: "ranktable", summary: "the HCCL rank table of a group, from what its nodes tell",
        discussion: """
            For engines that read one (MindIE, lmdeploy, HcclCommInitClusterInfo); SGLang does not. Nodes
            and ranks are those of the plan, devices those of the profile, and places and addresses of
            the devices what npu-smi and /etc/hccn.conf of the nodes say. Whatever is missing is named,
            and nothing is written then.
            """,
        options: [.socket, .tableVersion, .tableFile],
        positionals: [PositionalSpec("GROUP", "the group, as status names it")],
        exitCodes: [.success, .failure, .usage, .noAgent],
        examples: [
            Example("glm-agent ranktable prefill-0 --output /data/hccl.json", "for a super pod"),
            Example("glm-agent ranktable mixed-0 --version 1.0", "for servers by themselves"),
        ])
}

func showRankTable(_ invocation: Invocation) -> ExitCode {
    let arguments = invocation.arguments
    let text = arguments[.tableVersion] ?? RankTable.Version.superPods.rawValue
    guard let version = RankTable.Version(rawValue: text) else {
        return invocation.misused("--version takes 1.0 or 1.2, not \"\(text)\"")
    }
    return invocation.asking { () throws(ControlError) in
        let control = invocation.control
        let deployment = try control.get(ControlPath("/v1/deployment"))
        let plan = try control.get(ControlPath("/v1/plan"))
        guard
            let profile = try? Profile.parse(
                deployment.text("profile_yaml"), file: deployment.text("profile"))
        else { throw .unreadable("the deployment has no profile known here") }
        let engines = (plan["groups"]?.arrayValue ?? []).filter {
            Role(rawValue: $0.text("role"))?.isEngine == true
        }
        let name = arguments.positional(0) ?? ""
        guard let group = engines.first(where: { $0.text("name") == name }) else {
            let known = engines.map { $0.text("name") }
            throw .refused(
                message: name == Role.router.rawValue
                    ? "the router has no devices, and no rank table. There are: "
                        + known.joined(separator: ", ")
                    : unknown("group", name, known: known),
                whatToDo: Advice.groups, isMisuse: true)
        }
        let nodes = try control.inventories { invocation.console.complain($0) }
        let making = RankTableMaking(group: group, profile: profile, nodes: nodes)
        switch making.table(version) {
        case .success(let table): return write(table, invocation)
        case .failure(let gaps):
            invocation.console.complain(gaps.message)
            return .failure
        }
    }
}

private func write(_ table: RankTable, _ invocation: Invocation) -> ExitCode {
    guard let path = invocation.arguments[.tableFile] else {
        invocation.console.outRaw(table.json.pretty)
        return .success
    }
    do throws(UVError) {
        try Files.replace(path, with: Array(table.json.pretty.utf8), permissions: 0o644)
    } catch {
        invocation.console.complain(
            "\(path) cannot be written: \(error.message)\n"
                + "  --output takes a file in a directory that you may write to.")
        return .failure
    }
    let devices = table.servers.map(\.devices.count).reduce(0, +)
    invocation.console.out(
        "wrote \(path): version \(table.version.rawValue), \(counted(table.servers.count, "node")), "
            + counted(devices, "device"))
    return .success
}

extension ControlClient {
    /// What every node is, or why it does not say.
    fileprivate func inventories(
        onProgress: @escaping (String) -> Void
    ) throws(ControlError) -> [JSONValue] {
        var nodes: [JSONValue]?
        let lines = LineCutter { line in
            guard let document = try? JSONValue(parsing: line) else { return }
            if let progress = document["progress"]?.stringValue {
                onProgress(progress)
            } else {
                nodes = document["nodes"]?.arrayValue
            }
        }
        try stream(ControlPath("/v1/inventory")) { lines.take($0) }
        lines.finish()
        guard let nodes else { throw .unreadable("it ended without the inventories") }
        return nodes
    }
}

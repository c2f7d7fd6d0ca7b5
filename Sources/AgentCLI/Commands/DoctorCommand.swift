// `glm-agent doctor`: everything that an expert looks up by hand before a launch, on all nodes at once through
// the agent, or on this host alone without one. It changes nothing.

import AgentRuntime
import Ascend
import Base
import Doctor
import EventLoop
import Glibc
import Host

func examine(_ invocation: Invocation) -> ExitCode {
    let arguments = invocation.arguments
    let isLocal = arguments.has(.local) || arguments[.root] != nil || arguments[.model] != nil
    if isLocal, arguments.has(.preflight) {
        return invocation.misused("--preflight asks the agents: a host alone has no plan")
    }
    return isLocal ? examineHost(invocation) : examineCluster(invocation)
}

private func examineCluster(_ invocation: Invocation) -> ExitCode {
    invocation.asking { () throws(ControlError) in
        var diagnosis: JSONValue?
        let lines = LineCutter { line in
            guard let document = try? JSONValue(parsing: line) else { return }
            if let progress = document["progress"]?.stringValue {
                invocation.console.complain(progress)
            } else {
                diagnosis = document
            }
        }
        let arguments = invocation.arguments
        let path = ControlPath(
            "/v1/doctor",
            [
                "stress": arguments.has(.stress) ? "1" : "0",
                "preflight": arguments.has(.preflight) ? "1" : "0",
            ])
        try invocation.control.stream(path) { lines.take($0) }
        lines.finish()
        guard let diagnosis else { throw .unreadable("it ended without a diagnosis") }
        return try invocation.show(diagnosis: diagnosis)
    }
}

private func examineHost(_ invocation: Invocation) -> ExitCode {
    let arguments = invocation.arguments
    let root = arguments[.root] ?? "/"
    guard Files.exists(root) else { return invocation.misused("there is no directory \(root)") }
    for (option, path) in [("root", root), ("model", arguments[.model] ?? "/")]
    where !path.hasPrefix("/") {
        return invocation.misused("--\(option) takes a path from / on, not \"\(path)\"")
    }
    do {
        let loop = try Loop()
        let examiner = NodeExaminer(
            loop, root: HostRoot(root), environment: currentEnvironment())
        var diagnosis: Diagnosis?
        examiner.examine(weights: arguments[.model]) { examination in
            let name = examination.inventory.hostName
            let node = ExaminedNode(NodeID(name.isEmpty ? "this host" : name), .told(examination))
            let finish = { (speeds: [NodeSpeed]) in
                diagnosis = Diagnosis(of: ClusterExamination(nodes: [node], speeds: speeds))
                loop.stop()
            }
            guard arguments.has(.stress) else { return finish([]) }
            examiner.measureSpeed { finish([NodeSpeed(node.node, $0)]) }
        }
        let progress = loop.after(.seconds(2)) {
            invocation.console.complain("asking npu-smi and hccn_tool, one die after the other")
        }
        withExtendedLifetime(progress) { loop.run() }
        guard let diagnosis else { fatalError("the loop ended before the host was examined") }
        return try invocation.show(diagnosis: diagnosis.json)
    } catch {
        invocation.console.complain("\(error)")
        return .failure
    }
}

extension Invocation {
    /// Shows a diagnosis; an error among its findings is the exit code, and dies that are there and could not
    /// be looked at; with --strict a warning or what is not known, too.
    fileprivate func show(diagnosis: JSONValue) throws(ControlError) -> ExitCode {
        guard let worst = diagnosis["worst"]?.stringValue.flatMap(Severity.init(rawValue:)) else {
            throw .unreadable("the diagnosis has no member \"worst\"")
        }
        show(diagnosis) { DoctorView(diagnosis: diagnosis, colour: console.hasColour).text }
        let isBlind = diagnosis["unexamined"]?.arrayValue?.isEmpty == false
        let limit: Severity = arguments.has(.strict) ? .unknown : .error
        return isBlind || worst >= limit ? .notReady : .success
    }
}

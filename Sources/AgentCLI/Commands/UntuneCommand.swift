// `glm-agent untune`: what `host_tuning: apply` has changed on this host is put back as it was. It needs no
// agent, and may be given again: what is back already is left as it is, and so is what somebody else has
// set since.

import AgentRuntime
import Ascend
import Base
import Host
import YAML

func untune(_ invocation: Invocation) -> ExitCode {
    let path = invocation.arguments[.config] ?? defaultConfiguration
    return invocation.withConfiguration { () throws(ConfigurationError) in
        let configuration = try AgentConfiguration.load(path)
        let tuner = SystemHostTuner(root: HostRoot(configuration.hostRoot))
        let tuning = HostTuning(tuner, stateDirectory: configuration.stateDirectory)
        do throws(HostRecordError) {
            return report(try tuning.putBack(), configuration, invocation)
        } catch {
            invocation.console.complain("\(error)")
            return .failure
        }
    }
}

private func report(
    _ outcomes: [(change: HostChange, outcome: HostUndo)], _ configuration: AgentConfiguration,
    _ invocation: Invocation
) -> ExitCode {
    let document: JSONValue = [
        "settings": .array(
            outcomes.map { change, outcome in
                [
                    "file": .string(change.file), "outcome": .string(outcome.word),
                    "text": .string(text(change, outcome)),
                ]
            })
    ]
    invocation.show(document) {
        outcomes.isEmpty
            ? "nothing here was tuned by an agent\n"
            : outcomes.map { text($0.change, $0.outcome) + "\n" }.joined()
    }
    if configuration.hostTuning == .apply {
        invocation.console.complain(
            "host_tuning is apply: an agent sets all of it again when it launches a shard")
    }
    return outcomes.contains { $0.outcome.word == "failed" } ? .failure : .success
}

private func text(_ change: HostChange, _ outcome: HostUndo) -> String {
    let before =
        switch change {
        case .text(_, let before, _): "is \(before) again"
        case .ports(_, let added): "is without \(added) again"
        }
    switch outcome {
    case .undone: return "\(change.file) \(before)"
    case .alreadyBack: return "\(change.file) \(before) already"
    case .left(let found):
        return "\(change.file) is \(found), which no agent has set: left alone"
    case .failed(let reason): return "\(change.file): \(reason)"
    }
}

extension HostUndo {
    fileprivate var word: String {
        switch self {
        case .undone: "undone"
        case .alreadyBack: "already-back"
        case .left: "left"
        case .failed: "failed"
        }
    }
}

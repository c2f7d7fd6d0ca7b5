// What an operator is told once an order is agreed: what was ordered, and what happens next. It is
// worked out on the state that the order meets, before it is applied.

import Base
import Planning

extension ReplicatedState {
    /// What follows from an order, for people; nil for commands that no operator gives.
    public func consequence(of action: Command.Action) -> String? {
        switch action {
        case .restart(let group): "\(group): restart agreed; \(restartText(record(of: group)))"
        case .stop(let group?): "\(group): stop agreed; \(stopText(record(of: group)))"
        case .start(let group?): "\(group): start agreed; \(startText(record(of: group)))"
        case .stop(nil):
            "the deployment: stop agreed; what runs of it ends\(runningText), and nothing is "
                + "launched until: glm-agent start"
        case .start(nil):
            "the deployment: start agreed; every group that does not run is launched. \(Self.watch)"
        case .apply(let new, let atOnce) where new == deployment && !(atOnce && !rollout.isAtOnce):
            "\(new.profileName): agreed already; nothing changes"
        case .deploy(let new), .apply(let new, atOnce: false):
            "\(new.profileName): agreed; groups whose launch changes end and start anew, each once "
                + "the one before serves. \(Self.watch)"
        case .apply(let new, atOnce: true):
            "\(new.profileName): agreed; groups whose launch changes end and start anew, all at "
                + "once. \(Self.watch)"
        case .cordon(let node, let kind): cordonText(node, kind)
        case .uncordon(let node): uncordonText(node)
        case .admit(let new):
            "\(new.node): added; it is sent the log as soon as its agent runs (with `join: true` in its "
                + "file), and votes once it has it, if fewer than five do. \(Self.watchMembers)"
        case .dismiss(let node):
            "\(node): removed; it loses its vote, ends what it runs and is told. "
                + Self.watchMembers
        case .seat(let node, mayVote: true):
            "\(node): may vote; it does once it has the log. \(Self.watchMembers)"
        case .seat(let node, mayVote: false):
            "\(node): learns only from now on. \(Self.watchMembers)"
        case .plan, .launch, .end, .settle, .elected, .joined, .lost, .serves, .amend, .enrol,
            .recoverAlone:
            nil
        }
    }

    private static let watch = "Watch: glm-agent status"
    private static let watchMembers = "Watch: glm-agent members"

    private var runningText: String {
        let names = groups.filter { $0.phase == .running }.map(\.name.name)
        return names.isEmpty ? "" : " (\(names.joined(separator: ", ")))"
    }

    private func restartText(_ record: GroupRecord) -> String {
        let next = record.generation.next
        let ends = record.phase == .running ? "generation \(record.generation) ends, " : ""
        guard isWanted else {
            return ends + "the whole deployment is stopped, so generation \(next) waits for: "
                + "glm-agent start"
        }
        return ends + "generation \(next) follows\(sharersText(record)). \(Self.watch)"
    }

    /// Who goes on with a store only until its owner comes back.
    private func sharersText(_ record: GroupRecord) -> String {
        let names = sharers(ofStoreIn: record.name)
            .filter { self.record(of: $0).phase == .running }.map(\.name)
        guard !names.isEmpty else { return "" }
        return "; \(names.joined(separator: ", ")) restart\(names.count == 1 ? "s" : "") too: "
            + "\(names.count == 1 ? "it shares" : "they share") its transfer store"
    }

    private func stopText(_ record: GroupRecord) -> String {
        let ends =
            record.phase == .running
            ? "generation \(record.generation) ends" : "no generation of it runs"
        return "\(ends), and none is launched until: glm-agent start \(record.name)"
            + laterText(record)
    }

    /// Engines that have met keep each other's addresses without the store; only a new one parts them.
    private func laterText(_ record: GroupRecord) -> String {
        let text = sharersText(record)
        return text.isEmpty ? "" : "; then\(text.dropFirst())"
    }

    private func startText(_ record: GroupRecord) -> String {
        guard isWanted else {
            return "the whole deployment is stopped, so it waits for: glm-agent start"
        }
        if case .failed = record.phase {
            return "it was given up, and is tried anew. \(Self.watch)"
        }
        if record.phase == .running {
            return record.isStoppedByOperator
                ? "generation \(record.generation) goes on if it has not been ended. \(Self.watch)"
                : "generation \(record.generation) runs and goes on"
        }
        return "generation \(record.generation.next) follows\(sharersText(record)). \(Self.watch)"
    }
}

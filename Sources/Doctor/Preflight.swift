// What the SGLang that is installed on a node says of the commands that the plan has for it.

public import Ascend
public import Base

/// One command, read by the node's own Python.
public struct ReadCommand: Hashable, Sendable {
    /// `prefill-0/1`.
    public let shard: String
    /// What SGLang has against it; nil where it understands it.
    public let refusal: Fact<String?>

    public init(_ shard: String, _ refusal: Fact<String?>) {
        self.shard = shard
        self.refusal = refusal
    }
}

/// What came of the preflight on one node.
public struct NodePreflight: Hashable, Sendable {
    public let node: NodeID
    public let commands: Fact<[ReadCommand]>

    public init(_ node: NodeID, _ commands: Fact<[ReadCommand]>) {
        self.node = node
        self.commands = commands
    }
}

extension ReadCommand: JSONCoded {
    public var json: JSONValue { ["shard": shard.json, "refusal": refusal.json] }

    public init(json: JSONValue) throws(JSONMismatch) {
        self.init(try json.read("shard"), try json.read("refusal"))
    }
}

extension Diagnosis {
    /// Part of check 7: an engine that is told what it does not understand ends at once.
    mutating func checkCommands(_ cluster: ClusterExamination) {
        for preflight in cluster.preflights {
            guard let commands = preflight.commands.value else {
                if let gap = preflight.commands.gap { report(.versions, preflight.node, gap: gap) }
                continue
            }
            for command in commands {
                switch command.refusal {
                case .known(nil): break
                case .known(let text?):
                    report(
                        .versions, .error, preflight.node,
                        "SGLang refuses the command of \(command.shard): \(text)",
                        remedy:
                            "compare with `glm-agent render … --sglang VERSION`; mend the arguments of "
                            + "the profile, or install an SGLang that it is written for")
                case .unknown(let gap): report(.versions, preflight.node, gap: gap)
                }
            }
        }
    }
}

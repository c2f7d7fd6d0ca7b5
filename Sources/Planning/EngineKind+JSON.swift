// What runs the shards, as launch.json and the control API tell it.

public import Base

extension EngineKind {
    /// `"sglang"`, `"rehearsal"`, or an object with the words of the operator's command.
    public var json: JSONValue {
        switch self {
        case .sglang: "sglang"
        case .rehearsal: "rehearsal"
        case .command(let prefix): ["command": .array(prefix.map { .string($0) })]
        }
    }

    /// nil where it is none of these.
    public init?(json: JSONValue) {
        switch json.stringValue {
        case "sglang": self = .sglang
        case "rehearsal": self = .rehearsal
        case .some: return nil
        case nil:
            guard let words = json["command"]?.arrayValue else { return nil }
            let prefix = words.compactMap(\.stringValue)
            guard prefix.count == words.count else { return nil }
            self = .command(prefix)
        }
    }
}

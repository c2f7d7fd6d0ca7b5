// What a drill may ask of a node: to strike a shard of its own, or itself.

public import Base
public import CBOR

/// One blow, on purpose.
public enum Strike: Hashable, Sendable {
    case killShard(ShardID)
    case freezeShard(ShardID)
    case thawShard(ShardID)
    case killAgent
    /// It goes on by itself after so long.
    case freezeAgent(seconds: UInt64)

    /// No agent freezes itself for longer.
    public static let longestFreeze: UInt64 = 60

    /// As the command line names it.
    public var word: String {
        switch self {
        case .killShard: "kill-shard"
        case .freezeShard: "freeze-shard"
        case .thawShard: "thaw-shard"
        case .killAgent: "kill-agent"
        case .freezeAgent: "freeze-agent"
        }
    }
}

extension Strike: WireCodable {
    public var cbor: CBORValue {
        switch self {
        case .killShard(let shard): .choice(1, shard.cbor)
        case .freezeShard(let shard): .choice(2, shard.cbor)
        case .thawShard(let shard): .choice(3, shard.cbor)
        case .killAgent: .choice(4)
        case .freezeAgent(let seconds): .choice(5, .unsigned(seconds))
        }
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "strike")
        let choice = try record.unsigned()
        switch choice {
        case 1: self = .killShard(try record.value(as: ShardID.self))
        case 2: self = .freezeShard(try record.value(as: ShardID.self))
        case 3: self = .thawShard(try record.value(as: ShardID.self))
        case 4: self = .killAgent
        case 5: self = .freezeAgent(seconds: try record.counter())
        default: throw record.unknownChoice(choice, of: "strike")
        }
    }
}

// Membership on the wire: message = [choice, updates], update = [node, state, incarnation, source,
// ? metadata].

public import CBOR
public import Membership

extension SwimMessage: WireCodable {
    public var cbor: CBORValue {
        .array([kind.cbor, .list(updates)])
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "membership message")
        let kind = try record.value(as: Kind.self)
        self.init(kind, updates: try record.list(of: MemberUpdate.self))
    }
}

extension SwimMessage.Kind: WireCodable {
    public var cbor: CBORValue {
        switch self {
        case .ping(let sequence): .choice(1, .unsigned(sequence.value))
        case .pingRequest(let sequence, let target):
            .choice(2, .unsigned(sequence.value), CBORValue(target))
        case .acknowledge(let sequence, let subject):
            .choice(3, .unsigned(sequence.value), CBORValue(subject))
        case .negativeAcknowledge(let sequence): .choice(4, .unsigned(sequence.value))
        case .pushPull: .choice(5)
        case .pullReply: .choice(6)
        case .gossip: .choice(7)
        }
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "kind of membership message")
        let choice = try record.unsigned()
        switch choice {
        case 1: self = .ping(ProbeSequence(try record.counter()))
        case 2:
            self = .pingRequest(ProbeSequence(try record.counter()), target: try record.node())
        case 3:
            self = .acknowledge(ProbeSequence(try record.counter()), subject: try record.node())
        case 4: self = .negativeAcknowledge(ProbeSequence(try record.counter()))
        case 5: self = .pushPull
        case 6: self = .pullReply
        case 7: self = .gossip
        default: throw record.unknownChoice(choice, of: "membership message")
        }
    }
}

extension MemberUpdate: WireCodable {
    public var cbor: CBORValue {
        .array(
            [
                CBORValue(node), .text(state.rawValue), .unsigned(incarnation.value),
                CBORValue(source),
            ] + (metadata == .none ? [] : [.bytes(metadata.bytes)]))
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "member update")
        self.init(
            node: try record.node(), state: try record.word(as: MemberState.self),
            incarnation: Incarnation(try record.counter()), source: try record.node(),
            metadata: try record.isAtEnd ? .none : record.metadata())
    }
}

extension CBORRecord {
    fileprivate mutating func metadata() throws(CBORError) -> MemberMetadata {
        let bytes = try bytes()
        guard let metadata = MemberMetadata(bytes) else {
            throw .unexpected(
                expected: "metadata of at most \(MemberMetadata.limitBytes) bytes",
                found: "\(bytes.count) bytes")
        }
        return metadata
    }
}

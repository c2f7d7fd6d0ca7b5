// Consensus on the wire: message = [term, choice], entry = [index, term, command or null].

public import CBOR
public import Consensus

extension RaftMessage: WireCodable {
    public var cbor: CBORValue {
        .array([.unsigned(term.value), kind.cbor])
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "consensus message")
        let term = try record.term()
        self.init(term: term, try record.value(as: Kind.self))
    }
}

extension RaftMessage.Kind: WireCodable {
    public var cbor: CBORValue {
        switch self {
        case .preVoteRequest(let lastIndex, let lastTerm):
            .choice(1, .unsigned(lastIndex.value), .unsigned(lastTerm.value))
        case .preVoteReply(let granted): .choice(2, .bool(granted))
        case .voteRequest(let lastIndex, let lastTerm):
            .choice(3, .unsigned(lastIndex.value), .unsigned(lastTerm.value))
        case .voteReply(let granted): .choice(4, .bool(granted))
        case .append(let previousIndex, let previousTerm, let entries, let commit):
            .choice(
                5, .unsigned(previousIndex.value), .unsigned(previousTerm.value), .list(entries),
                .unsigned(commit.value))
        case .appendReply(let accepted, let matched):
            .choice(6, .bool(accepted), .unsigned(matched.value))
        case .installSnapshot(let snapshot): .choice(7, snapshot.cbor)
        case .snapshotReply(let matched): .choice(8, .unsigned(matched.value))
        }
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "kind of consensus message")
        let choice = try record.unsigned()
        switch choice {
        case 1:
            self = .preVoteRequest(lastIndex: try record.logIndex(), lastTerm: try record.term())
        case 2: self = .preVoteReply(granted: try record.bool())
        case 3: self = .voteRequest(lastIndex: try record.logIndex(), lastTerm: try record.term())
        case 4: self = .voteReply(granted: try record.bool())
        case 5:
            self = .append(
                previousIndex: try record.logIndex(), previousTerm: try record.term(),
                entries: try record.list(of: LogEntry.self), commit: try record.logIndex())
        case 6: self = .appendReply(accepted: try record.bool(), matched: try record.logIndex())
        case 7: self = .installSnapshot(try record.value(as: Snapshot.self))
        case 8: self = .snapshotReply(matched: try record.logIndex())
        default: throw record.unknownChoice(choice, of: "consensus message")
        }
    }
}

extension LogEntry: WireCodable {
    public var cbor: CBORValue {
        let command: CBORValue =
            switch payload {
            case .leadership: .null
            case .command(let bytes): .bytes(bytes)
            }
        return .array([.unsigned(index.value), .unsigned(term.value), command])
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "log entry")
        let index = try record.logIndex()
        let term = try record.term()
        switch try record.next() {
        case .null: self.init(index: index, term: term, payload: .leadership)
        case .bytes(let bytes): self.init(index: index, term: term, payload: .command(bytes))
        default: throw .unexpected(expected: "a command or null", found: "another item")
        }
    }
}

extension Snapshot: WireCodable {
    public var cbor: CBORValue {
        .array([.unsigned(index.value), .unsigned(term.value), .bytes(state)])
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "snapshot")
        self.init(
            index: try record.logIndex(), term: try record.term(), state: try record.bytes())
    }
}

extension CBORRecord {
    mutating func term() throws(CBORError) -> Term { Term(try unsigned()) }
    mutating func logIndex() throws(CBORError) -> LogIndex { LogIndex(try unsigned()) }
}

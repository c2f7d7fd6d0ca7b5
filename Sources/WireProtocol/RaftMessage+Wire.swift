// Consensus on the wire: message = [term, choice], entry = [index, term, command, participants or
// null]. Elements that came later are left out where they say nothing, so that what an older agent
// understands is written as it always was.

import Base
public import CBOR
public import Consensus

extension RaftMessage: WireCodable {
    public var cbor: CBORValue {
        let always: [CBORValue] = [.unsigned(term.value), kind.cbor]
        return .array(always + (stamp.map { [$0.cbor] } ?? []))
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "consensus message")
        let term = try record.term()
        let kind = try record.value(as: Kind.self)
        self.init(
            term: term, kind,
            stamp: record.isAtEnd ? nil : try record.optional(as: DiskStamp.self))
    }
}

extension DiskStamp: WireCodable {
    public var cbor: CBORValue {
        .array([.unsigned(disk.value), .unsigned(life)])
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "disk and life")
        self.init(disk: DiskID(try record.unsigned()), life: try record.unsigned())
    }
}

/// The disk of a voter that counts.
private struct DiskOfVoter: WireCodable {
    let node: NodeID
    let disk: DiskID

    var cbor: CBORValue { .array([CBORValue(node), .unsigned(disk.value)]) }

    init(_ node: NodeID, _ disk: DiskID) {
        self.node = node
        self.disk = disk
    }

    init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "disk of a voter")
        self.init(NodeID(try record.text()), DiskID(try record.unsigned()))
    }
}

extension RaftMessage.Kind: WireCodable {
    public var cbor: CBORValue {
        switch self {
        case .preVoteRequest(let lastIndex, let lastTerm):
            .choice(1, .unsigned(lastIndex.value), .unsigned(lastTerm.value))
        case .preVoteReply(let granted): .choice(2, .bool(granted))
        case .voteRequest(let lastIndex, let lastTerm, let isTransfer):
            .choice(
                3, .unsigned(lastIndex.value), .unsigned(lastTerm.value),
                unless: !isTransfer, .bool(isTransfer))
        case .voteReply(let granted): .choice(4, .bool(granted))
        case .append(let previousIndex, let previousTerm, let entries, let commit, let round):
            .choice(
                5, .unsigned(previousIndex.value), .unsigned(previousTerm.value), .list(entries),
                .unsigned(commit.value), unless: round == .zero, .unsigned(round.value))
        case .appendReply(let accepted, let matched, let round):
            .choice(
                6, .bool(accepted), .unsigned(matched.value), unless: round == .zero,
                .unsigned(round.value))
        case .installSnapshot(let snapshot): .choice(7, snapshot.cbor)
        case .snapshotReply(let matched): .choice(8, .unsigned(matched.value))
        case .timeoutNow: .choice(9)
        case .snapshotPiece(let piece): .choice(10, piece.cbor)
        case .snapshotPieceReply(let index, let received):
            .choice(11, .unsigned(index.value), .unsigned(received))
        }
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "kind of consensus message")
        let choice = try record.unsigned()
        switch choice {
        case 1:
            self = .preVoteRequest(lastIndex: try record.logIndex(), lastTerm: try record.term())
        case 2: self = .preVoteReply(granted: try record.bool())
        case 3:
            self = .voteRequest(
                lastIndex: try record.logIndex(), lastTerm: try record.term(),
                isTransfer: record.isAtEnd ? false : try record.bool())
        case 4: self = .voteReply(granted: try record.bool())
        case 5:
            self = .append(
                previousIndex: try record.logIndex(), previousTerm: try record.term(),
                entries: try record.list(of: LogEntry.self), commit: try record.logIndex(),
                round: try record.round())
        case 6:
            self = .appendReply(
                accepted: try record.bool(), matched: try record.logIndex(),
                round: try record.round())
        case 7: self = .installSnapshot(try record.value(as: Snapshot.self))
        case 8: self = .snapshotReply(matched: try record.logIndex())
        case 9: self = .timeoutNow
        case 10: self = .snapshotPiece(try record.value(as: SnapshotPiece.self))
        case 11:
            self = .snapshotPieceReply(
                index: try record.logIndex(), receivedByteCount: try record.counter())
        default: throw record.unknownChoice(choice, of: "consensus message")
        }
    }
}

extension LogEntry: WireCodable {
    public var cbor: CBORValue {
        let item: CBORValue =
            switch payload {
            case .leadership: .null
            case .command(let bytes): .bytes(bytes)
            case .participants(let participants): participants.cbor
            }
        return .array([.unsigned(index.value), .unsigned(term.value), item])
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "log entry")
        let index = try record.logIndex()
        let term = try record.term()
        let payload: Payload
        switch try record.next() {
        case .null: payload = .leadership
        case .bytes(let bytes): payload = .command(bytes)
        case .array(let elements):
            payload = .participants(try Participants(cbor: .array(elements)))
        default:
            throw .unexpected(
                expected: "a command, participants or null", found: "another item")
        }
        self.init(index: index, term: term, payload: payload)
    }
}

extension Participants: WireCodable {
    public var cbor: CBORValue {
        let always: [CBORValue] = [voters, learners].map { nodes in
            .array(nodes.map { CBORValue($0) })
        }
        let disks = disks?.sorted { $0.key < $1.key }.map { DiskOfVoter($0.key, $0.value) }
        return .array(always + (disks.map { [.list($0)] } ?? []))
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "participants")
        let (voters, learners) = (try record.nodes(), try record.nodes())
        let disks = record.isAtEnd ? nil : try record.list(of: DiskOfVoter.self)
        if let stranger = disks?.map(\.node).first(where: { !voters.contains($0) }) {
            throw .unexpected(expected: "disks of voters", found: "one of \(stranger)")
        }
        let known = disks.map { disks in
            Dictionary(disks.map { ($0.node, $0.disk) }, uniquingKeysWith: { first, _ in first })
        }
        guard let participants = Participants(voters: voters, learners: learners, disks: known)
        else {
            throw .unexpected(expected: "a voter among the participants", found: "none")
        }
        self = participants
    }
}

extension Snapshot: WireCodable {
    public var cbor: CBORValue {
        let always: [CBORValue] = [
            .unsigned(index.value), .unsigned(term.value), .bytes(state),
        ]
        return .array(always + (participants.map { [$0.cbor] } ?? []))
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "snapshot")
        self.init(
            index: try record.logIndex(), term: try record.term(), state: try record.bytes(),
            participants: record.isAtEnd ? nil : try record.optional(as: Participants.self))
    }
}

extension SnapshotPiece: WireCodable {
    public var cbor: CBORValue {
        .array([
            .unsigned(index.value), .unsigned(term.value), CBORValue(participants),
            .unsigned(stateByteCount), .unsigned(offset), .bytes(bytes),
        ])
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "piece of a snapshot")
        self.init(
            index: try record.logIndex(), term: try record.term(),
            participants: try record.optional(as: Participants.self),
            stateByteCount: try record.counter(), offset: try record.counter(),
            bytes: try record.bytes())
    }
}

extension CBORValue {
    /// A choice with an element that came later, left out where it says nothing.
    fileprivate static func choice(
        _ number: UInt64, _ elements: CBORValue..., unless isSilent: Bool, _ last: CBORValue
    ) -> CBORValue {
        .array([.unsigned(number)] + elements + (isSilent ? [] : [last]))
    }
}

extension CBORRecord {
    mutating func term() throws(CBORError) -> Term { Term(try counter()) }
    mutating func logIndex() throws(CBORError) -> LogIndex { LogIndex(try counter()) }

    fileprivate mutating func round() throws(CBORError) -> ReadRound {
        isAtEnd ? .zero : ReadRound(try counter())
    }

    fileprivate mutating func nodes() throws(CBORError) -> [NodeID] {
        try texts().map { NodeID($0) }
    }
}

// What nodes observe, on the wire: reports to the leader, the leader's view, requests and answers.

import Base
public import CBOR
import ClusterState
import Consensus
public import Diagnosis
import Doctor
public import Supervision

extension NodeReport: WireCodable {
    public var cbor: CBORValue {
        var elements: [CBORValue] = [
            CBORValue(node), .unsigned(applied.value), .unsigned(deploymentDigest), .list(shards),
        ]
        // What stood before the notes once is not told any more.
        if !notes.isEmpty { elements += [.null, .list(notes)] }
        return .array(elements)
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "node report")
        self.init(
            node: try record.node(), applied: try record.logIndex(),
            deploymentDigest: try record.unsigned(),
            shards: try record.list(of: ShardReport.self))
        guard !record.isAtEnd else { return }
        _ = try record.next()
        notes = try record.notes()
    }
}

extension CBORRecord {
    /// Where there are none, they are left out.
    fileprivate mutating func notes() throws(CBORError) -> [String] {
        let notes = try texts()
        guard !notes.isEmpty else {
            throw .unexpected(expected: "one note at least", found: "an empty list")
        }
        return notes
    }
}

extension ShardReport: WireCodable {
    public var cbor: CBORValue {
        .array(
            [
                shard.cbor, .text(state.rawValue),
                processID.map { CBORValue(Int64($0)) } ?? .null, CBORValue(since), CBORValue(exit),
                .text(why), .list(logTail),
            ] + addedLater)
    }

    /// One that loads has not ended: 0 stands for that where there is something to say behind it.
    private var addedLater: [CBORValue] {
        let ended = endedAt.map { CBORValue($0.microsecondsSinceEpoch) }
        guard let progress else { return [ended].compactMap { $0 } }
        return [ended ?? .unsigned(0), progress.cbor]
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "shard report")
        let shard = try record.value(as: ShardID.self)
        let state = try record.word(as: ShardState.self)
        let processID = try record.optional(as: ProcessNumber.self)?.value
        self.init(
            shard: shard, state: state, processID: processID, since: try record.wallTime(),
            exit: try record.optional(as: ExitStatus.self), why: try record.text(),
            logTail: try record.texts())
        guard !record.isAtEnd else { return }
        let ended = EndTime(microsecondsSinceEpoch: try record.signed())
        if record.isAtEnd {
            endedAt = ended
        } else {
            endedAt = ended.microsecondsSinceEpoch == 0 ? nil : ended
            progress = try record.value(as: LoadingProgress.self)
        }
    }
}

extension LoadingProgress: WireCodable {
    public var cbor: CBORValue {
        .array([
            .text(phase.rawValue), .unsigned(UInt64(max(0, moves))),
            .unsigned(UInt64(steps?.done ?? 0)), .unsigned(UInt64(steps?.total ?? 0)),
        ])
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "loading progress")
        let phase = try record.word(as: Phase.self)
        let moves = try record.unsigned(as: Int.self)
        let done = try record.unsigned(as: Int.self)
        self.init(
            phase: phase, steps: Steps(done: done, total: try record.unsigned(as: Int.self)),
            moves: moves)
    }
}

/// A process id, or an exit code, as a wire value of its own so that it may be absent.
private struct ProcessNumber: WireCodable {
    let value: Int32

    var cbor: CBORValue { CBORValue(Int64(value)) }

    init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(.array([cbor]), "process number")
        let number = try record.signed()
        guard let narrow = Int32(exactly: number) else {
            throw .unexpected(expected: "a process number", found: String(number))
        }
        value = narrow
    }
}

extension ExitStatus: WireCodable {
    public var cbor: CBORValue {
        switch self {
        case .code(let code): .choice(1, CBORValue(Int64(code)))
        case .signal(let number): .choice(2, CBORValue(Int64(number)))
        case .notStarted(let reason): .choice(3, .text(reason))
        case .unknown: .choice(4)
        }
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "exit status")
        let choice = try record.unsigned()
        switch choice {
        case 1: self = .code(try record.value(as: ProcessNumber.self).value)
        case 2: self = .signal(try record.value(as: ProcessNumber.self).value)
        case 3: self = .notStarted(try record.text())
        case 4: self = .unknown
        default: throw record.unknownChoice(choice, of: "exit status")
        }
    }
}

extension LeaderView: WireCodable {
    public var cbor: CBORValue {
        .array(
            [.list(groups), .list(reports), .unsigned(UInt64(voters))]
                + (settings.isEmpty ? [] : [.list(settings)]))
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "leader's view")
        self.init(
            groups: try record.list(of: GroupSummary.self),
            reports: try record.list(of: NodeReport.self),
            voters: try record.unsigned(as: Int.self))
        guard !record.isAtEnd else { return }
        settings = try record.list(of: FileSetting.self)
        guard !settings.isEmpty else {
            throw .unexpected(expected: "one setting at least", found: "an empty list")
        }
    }
}

extension FileSetting: WireCodable {
    public var cbor: CBORValue { .array([.text(name), .text(value)]) }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "setting")
        let name = try record.text()
        self.init(name, try record.text())
    }
}

extension GroupSummary: WireCodable {
    public var cbor: CBORValue {
        .array([.text(group.name), .text(condition.rawValue), .text(why)] + addedLater)
    }

    /// An older leader tells less, and where nothing is to be told, nothing is.
    private var addedLater: [CBORValue] {
        if let launchAt {
            return [.list(gate), serves.map { .bool($0) } ?? .null, CBORValue(launchAt)]
        }
        if let serves { return [.list(gate), .bool(serves)] }
        return gate.isEmpty ? [] : [.list(gate)]
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "group summary")
        let group = try record.group()
        let condition = try record.word(as: GroupCondition.self)
        let why = try record.text()
        let gate = record.isAtEnd ? nil : try record.list(of: GateFinding.self)
        let isGateLast = record.isAtEnd
        let serves = record.isAtEnd ? nil : try record.optionalBool()
        let isServesLast = record.isAtEnd
        let launchAt = record.isAtEnd ? nil : try record.wallTime()
        // The last of what came later says something, or it is left out.
        guard gate?.isEmpty != true || !isGateLast, serves != nil || isGateLast || !isServesLast
        else {
            throw .unexpected(expected: "an element that says something", found: "none")
        }
        self.init(
            group: group, condition: condition, why: why, gate: gate ?? [], serves: serves,
            launchAt: launchAt)
    }
}

extension CBORRecord {
    fileprivate mutating func optionalBool() throws(CBORError) -> Bool? {
        guard let item = try optional() else { return nil }
        var single = try CBORRecord(.array([item]), "boolean")
        return try single.bool()
    }
}

extension PeerRequest: WireCodable {
    public var cbor: CBORValue {
        switch self {
        case .propose(let command): .choice(1, command.cbor)
        case .log(let shard, let lastLines, let from):
            .choice(
                2, .text(shard), .unsigned(UInt64(lastLines)),
                from.map { .unsigned($0) } ?? .null)
        case .examine(let question): .choice(3, question.cbor)
        case .inventory(let node): .choice(4, CBORValue(node))
        case .members(let order): .choice(5, order.cbor)
        case .confirm: .choice(6)
        }
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "request")
        let choice = try record.unsigned()
        switch choice {
        case 1: self = .propose(try record.value(as: Command.self))
        case 2:
            let shard = try record.text()
            let lastLines = try record.unsigned(as: Int.self)
            guard let from = try record.optional() else {
                self = .log(shard: shard, lastLines: lastLines, from: nil)
                return
            }
            guard case .unsigned(let offset) = from else {
                throw .unexpected(expected: "an offset or null", found: "another item")
            }
            self = .log(shard: shard, lastLines: lastLines, from: offset)
        case 3: self = .examine(try record.value(as: NodeQuestion.self))
        case 4: self = .inventory(try record.node())
        case 5: self = .members(try record.value(as: MembersOrder.self))
        case 6: self = .confirm
        default: throw record.unknownChoice(choice, of: "request")
        }
    }
}

extension ToldInventory: WireCodable {
    public var cbor: CBORValue { .array([CBORValue(node), CBORValue(time), .text(document)]) }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "told inventory")
        let node = try record.node()
        let time = try record.wallTime()
        self.init(node: node, time: time, document: try record.text())
    }
}

extension NodeQuestion: WireCodable {
    public var cbor: CBORValue {
        switch self {
        case .facts(nil): .choice(1)
        case .facts(let group?): .choice(1, .text(group.name))
        case .reach(let dials, let pings): .choice(2, .list(dials), .list(pings))
        case .speed: .choice(3)
        case .strike(let strike): .choice(4, strike.cbor)
        case .preflight(nil): .choice(5)
        case .preflight(let group?): .choice(5, .text(group.name))
        }
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "question")
        let choice = try record.unsigned()
        switch choice {
        case 1: self = .facts(launchOf: record.isAtEnd ? nil : try record.group())
        case 2:
            let dials = try record.list(of: DialTarget.self)
            self = .reach(dials: dials, pings: try record.list(of: PingTarget.self))
        case 3: self = .speed
        case 4: self = .strike(try record.value(as: Strike.self))
        case 5: self = .preflight(launchOf: record.isAtEnd ? nil : try record.group())
        default: throw record.unknownChoice(choice, of: "question")
        }
    }
}

extension DialTarget: WireCodable {
    public var cbor: CBORValue { .array([CBORValue(node), endpoint.cbor]) }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "dial target")
        self.init(node: try record.node(), endpoint: try record.value(as: Endpoint.self))
    }
}

extension PingTarget: WireCodable {
    public var cbor: CBORValue {
        .array([.unsigned(UInt64(max(0, die))), CBORValue(node), .text(address)])
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "ping target")
        self.init(
            die: try record.unsigned(as: Int.self), node: try record.node(),
            address: try record.text())
    }
}

extension PeerAnswer: WireCodable {
    public var cbor: CBORValue {
        switch self {
        case .accepted(let text): .choice(1, .text(text))
        case .refused(let kind, let text, nil): .choice(2, .text(kind.rawValue), .text(text))
        case .refused(let kind, let text, let advice?):
            .choice(2, .text(kind.rawValue), .text(text), .text(advice))
        case .log(let text, let next): .choice(3, .text(text), .unsigned(next))
        case .document(let text): .choice(4, .text(text))
        case .confirmed(let index): .choice(5, .unsigned(index.value))
        }
    }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "answer")
        let choice = try record.unsigned()
        switch choice {
        case 1: self = .accepted(try record.text())
        case 2:
            self = .refused(
                try record.word(as: Refusal.self), try record.text(),
                advice: record.isAtEnd ? nil : try record.text())
        case 3: self = .log(text: try record.text(), next: try record.unsigned())
        case 4: self = .document(try record.text())
        case 5: self = .confirmed(try record.logIndex())
        default: throw record.unknownChoice(choice, of: "answer")
        }
    }
}
